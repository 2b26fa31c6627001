"""``python -m daskflow``: the same as the command ``daskflow``."""

import sys

from daskflow.cli import main

if __name__ == "__main__":
    sys.exit(main())

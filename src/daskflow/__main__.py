"""``python -m daskflow``: the same as the command ``daskflow``."""

from daskflow.cli import main

main()

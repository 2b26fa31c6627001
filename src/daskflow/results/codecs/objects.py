"""Whatever else there is, pickled: the last resort, and read only with the right signature."""

from __future__ import annotations

import pickle
from typing import Any

from daskflow.pickling import dumps


class PickleSerializer:
    """Pickle, and cloudpickle for what has no name elsewhere."""

    name = "cloudpickle"
    suffix = ".pickle"
    is_signed = True

    def may_take(self, value: Any) -> bool:
        """Return True: whatever can travel can be pickled."""
        return True

    def dump(self, value: Any) -> bytes:
        """Return the pickled value."""
        try:
            return pickle.dumps(value, 5)
        except Exception:  # noqa: BLE001 - functions, and classes that live in no module
            return dumps(value)

    def load(self, data: bytes) -> Any:
        """Return the value; its bytes were checked."""
        return pickle.loads(data)

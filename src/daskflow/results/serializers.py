"""Whether a value can travel between processes, and the bytes of a small one.

Asked of every result in the same way on every executor, so that what works on a laptop works on a
cluster. Trusted types pass unseen when they are large: arrays and frames are never copied here.
"""

from __future__ import annotations

import pickle
import sys
from typing import Any

from daskflow.pickling import OwnPickler

_ATOMS = frozenset({type(None), bool, int, float, complex})
_TRUSTED_PACKAGES = frozenset({"numpy", "pandas", "polars", "pyarrow"})


class _Sink:
    """Counts what is written into it and keeps it while it is small."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self.parts: list[bytes] = []

    def write(self, data: Any) -> int:
        length = memoryview(data).nbytes
        self.size += length
        if self.size <= self.limit:
            self.parts.append(bytes(data))
        return length

    def drop_buffer(self, buffer: pickle.PickleBuffer) -> bool:
        """Take a buffer out of the stream; a value with a large one is not small."""
        length = buffer.raw().nbytes
        if length <= self.limit:
            return True
        self.size += length
        return False


def small_bytes(value: Any, limit: int) -> bytes | None:
    """Return the pickled value where that is at most `limit` bytes, else None.

    Raises
    ------
    Exception
        Whatever pickling raises for a value that cannot travel.
    """
    return weigh(value, limit)[0]


def weigh(value: Any, limit: int) -> tuple[bytes | None, int]:
    """Return the pickled value where that is at most `limit` bytes, else None, and its size.

    Raises
    ------
    Exception
        Whatever pickling raises for a value that cannot travel.
    """
    kind = type(value)
    if kind in _ATOMS:
        data = pickle.dumps(value, 5)
        return (data if len(data) <= limit else None), len(data)
    if (kind is str or kind is bytes) and len(value) > limit:
        return None, len(value)
    size = _size_of_trusted(value, kind)
    if size > limit:
        return None, size
    try:
        return _pickle_into_sink(value, limit, pickle.Pickler)
    except Exception:  # noqa: BLE001 - functions, and classes that live in no importable module
        return _pickle_into_sink(value, limit, OwnPickler)


def _pickle_into_sink(value: Any, limit: int, pickler: Any) -> tuple[bytes | None, int]:
    sink = _Sink(limit)
    pickler(sink, 5, buffer_callback=sink.drop_buffer).dump(value)
    return (b"".join(sink.parts) if sink.size <= limit else None), sink.size


def _size_of_trusted(value: Any, kind: type) -> int:
    """Return the size of an array or a frame that is known to travel; 0 where nobody knows."""
    if kind.__module__.partition(".")[0] not in _TRUSTED_PACKAGES:
        return 0
    if getattr(getattr(value, "dtype", None), "hasobject", False) is True:
        return 0
    size = getattr(value, "nbytes", None)
    if size is None:
        size = sys.getsizeof(value)
    return size if isinstance(size, int) else 0

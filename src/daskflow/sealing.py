"""Values on their way between processes, each on its own.

Dask moves a block's values as one object, and waits without end where that cannot be read. So each
value is sealed by itself, and read only by the task run that needs it: one that cannot be read
harms nobody else.
"""

from __future__ import annotations

import operator
import pickle
from pickle import PickleBuffer
from typing import Any, SupportsIndex

from daskflow.errors import CrashedError
from daskflow.pickling import dumps

_PROTOCOL_WITH_BUFFERS = 5
_HARMLESS = frozenset({type(None), bool, int, float, complex, str, bytes})


class Unreadable:
    """Stands for a value whose bytes could not be made, or not be read, on its way."""

    __slots__ = ("why",)

    def __init__(self, why: str) -> None:
        self.why = why

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return Unreadable, (self.why,)


class Sealed:
    """A value as bytes; its large buffers stay beside them and are not copied."""

    __slots__ = ("buffers", "data")

    def __init__(self, data: bytes, buffers: list[Any]) -> None:
        self.data = data
        self.buffers = buffers

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[type, tuple[bytes, list[Any]]]:
        # Whoever passes it on has views of what arrived. By way of the scheduler, as to a client,
        # Dask pickles with protocol 4, which knows no buffers beside the bytes.
        buffers: list[Any] = [PickleBuffer(buffer) for buffer in self.buffers]
        if operator.index(protocol) < _PROTOCOL_WITH_BUFFERS:
            views = [buffer.raw() for buffer in buffers]
            buffers = [bytes(view) if view.readonly else bytearray(view) for view in views]
        return Sealed, (self.data, buffers)


def seal(value: Any) -> Any:
    """Return a value as it travels: itself where that is harmless, else sealed."""
    kind = type(value)
    if kind in _HARMLESS or kind is Sealed or kind is Unreadable:
        return value
    buffers: list[Any] = []
    try:
        data = dumps(value) if issubclass(kind, BaseException) else _pickled(value, buffers)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told to the consumer
        return Unreadable(f"a {kind.__name__} cannot be pickled: {error!r}")
    return Sealed(data, buffers)


def _pickled(value: Any, buffers: list[Any]) -> bytes:
    """Return a value as bytes, by the faster way where that can."""
    try:
        return pickle.dumps(value, 5, buffer_callback=buffers.append)
    except BaseException:  # noqa: BLE001 - functions, and classes that live in no module
        buffers.clear()
        return dumps(value, buffers.append)


def opened(value: Any) -> Any:
    """Return the value that was sealed, or that was never sealed.

    Raises
    ------
    CrashedError
        It cannot be read.
    """
    if type(value) is Sealed:
        try:
            return pickle.loads(value.data, buffers=value.buffers)
        except (Exception, SystemExit, GeneratorExit) as error:  # Ctrl-C may be meant for us
            msg = f"a value cannot be unpickled: {error!r}"
            raise CrashedError(msg) from error
    if type(value) is Unreadable:
        raise CrashedError(value.why)
    return value

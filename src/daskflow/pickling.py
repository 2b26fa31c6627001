"""Pickling of what has no name elsewhere: cloudpickle, with two differences.

cloudpickle sends such a class with every value that it is part of, and whoever reads the value sets
the class's attributes anew. So a value that came back from a worker would replace the methods of
the class in the user's own process by copies that no longer see what the user changes there. Here
a class that is there already stays what it is, unless the code of a newer run brings another.

And an exception is pickled the way that its class asks for. Libraries, Dask among them, install
another way for the class of each exception that they once had to pass on: with all frames of its
traceback, one inside the other, which fails where they are many. Whether one can travel must not
depend on what happened in its process before.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import cloudpickle

_HERE = "here"  # stands for no run: the class was made in this process
_ELSEWHERE = "elsewhere"  # the same: it came with a value

_filled: WeakKeyDictionary[type, str] = WeakKeyDictionary()  # classes, and for which run last
_WITH_SETTER = 6  # items of a reduction that says how the object's state is set


class OwnPickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles by value what cloudpickle pickles by value.

    Parameters
    ----------
    run_id
        Of the run whose code this is; empty: these are values, which bring no new code.
    """

    def __init__(
        self,
        file: Any,
        protocol: int = 5,
        buffer_callback: Callable[[Any], Any] | None = None,
        run_id: str = "",
    ) -> None:
        super().__init__(file, protocol, buffer_callback)
        self.run_id = run_id

    def reducer_override(self, obj: Any) -> Any:
        """Return how an object is taken apart."""
        if isinstance(obj, BaseException):
            return obj.__reduce_ex__(self.proto)
        reduced = super().reducer_override(obj)
        if isinstance(obj, type) and type(reduced) is tuple and len(reduced) == _WITH_SETTER:
            _filled.setdefault(obj, _HERE)
            return (*reduced[:-1], _Filler(reduced[-1], self.run_id))
        return reduced


class _Filler(NamedTuple):
    """Sets the attributes of a class that has arrived, if this process does not have them."""

    fill: Callable[[Any, Any], Any]
    run_id: str

    def __call__(self, made: type, state: Any) -> type:
        before = _filled.get(made)
        if before is None or (before != _HERE and self.run_id not in {"", before}):
            self.fill(made, state)
            _filled[made] = self.run_id or _ELSEWHERE  # last, for other threads may be reading it
        return made


_pickler: ContextVar[Callable[..., Any]] = ContextVar("daskflow_pickler", default=OwnPickler)


@contextmanager
def use_pickler(pickler: Callable[..., Any]) -> Iterator[None]:
    """Let `dumps` pickle with this meanwhile: a class, or what is called as one."""
    token = _pickler.set(pickler)
    try:
        yield
    finally:
        _pickler.reset(token)


def dumps(value: Any, buffer_callback: Callable[[Any], Any] | None = None) -> bytes:
    """Return a value as bytes for `pickle.loads`.

    Parameters
    ----------
    buffer_callback
        Takes large buffers, which then stay out of the bytes; see `pickle.dumps`.
    """
    file = io.BytesIO()
    _pickler.get()(file, 5, buffer_callback).dump(value)
    return file.getvalue()

"""Which serializer a value is given to, and which one reads it again."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from daskflow.errors import StoreError
from daskflow.results.base import Serializer
from daskflow.results.codecs.arrays import NumpySerializer
from daskflow.results.codecs.frames import FeatherSerializer, ParquetSerializer
from daskflow.results.codecs.objects import PickleSerializer
from daskflow.results.codecs.plain import JsonSerializer
from daskflow.results.codecs.tables import ArrowSerializer, PolarsSerializer

GROUP = "daskflow.serializers"  # of entry points: each names a `Serializer`, or its class
OURS: tuple[Serializer, ...] = (
    JsonSerializer(),
    NumpySerializer(),
    ParquetSerializer(),
    FeatherSerializer(),
    PolarsSerializer(),
    ArrowSerializer(),
    PickleSerializer(),
)
_log = logging.getLogger("daskflow")


@cache
def installed() -> tuple[Serializer, ...]:
    """Return all serializers in the order in which they are asked: those of others, then ours."""
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return (*loaded(points), *OURS)


def loaded(points: Sequence[EntryPoint]) -> Iterator[Serializer]:
    """Load the serializers of other packages; one that does not load is told, and left out."""
    for point in points:
        try:
            found = point.load()
            made = found() if isinstance(found, type) else found
            if not isinstance(made, Serializer):
                msg = f"{made!r} lacks something that daskflow.results.base.Serializer has"
                raise TypeError(msg)
        except Exception as error:  # noqa: BLE001 - somebody else's package must not stop a run
            _log.warning("the serializer %r of %s is left out: %s", point.name, point.value, error)
        else:
            yield made


def serialize(value: Any, among: Sequence[Serializer] = ()) -> tuple[Serializer, bytes]:
    """Return the first serializer that keeps a value exactly, and its bytes.

    Examples
    --------
    >>> serializer, data = serialize({"rows": 3})
    >>> serializer.name, data
    ('json', b'{"rows":3}')

    Raises
    ------
    Exception
        Whatever the last one raises: the value cannot be pickled.
    """
    *others, last = among or installed()
    for serializer in others:
        try:
            data = serializer.dump(value) if serializer.may_take(value) else None
        except Exception:  # noqa: BLE001 - then it cannot, and the next one is asked
            data = None
        if data is not None:
            return serializer, data
    return last, last.dump(value) or b""


def serializer_named(name: str, among: Sequence[Serializer] = ()) -> Serializer:
    """Return the serializer of that name.

    Raises
    ------
    StoreError
        There is none here.
    """
    for serializer in among or installed():
        if serializer.name == name:
            return serializer
    msg = f"no serializer is called {name!r} here: install the package that brought it ({GROUP})"
    raise StoreError(msg)

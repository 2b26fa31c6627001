"""Values that can be mapped over: how long they are, and the element at a position.

Mappable is what has a length and elements by position: list, tuple, range, numpy and pandas with
one dimension, and the like. What only looks so (str, dict, set, a DataFrame) is refused with the
cure, for its elements are hardly ever what was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Any

from daskflow.errors import DefinitionError
from daskflow.events import Length

_LARGE = 1 << 20  # bytes of a value from which on each block gets its part of it only


class Unmapped:
    """Marks an argument of ``.map`` that every child gets whole."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"unmapped({self.value!r})"


def unmapped(value: Any) -> Any:
    """Mark an argument of ``.map`` that each child gets whole.

    Examples
    --------
    >>> from daskflow import LocalExecutor, flow, task, unmapped
    >>> @task
    ... def add(x: int, y: int) -> int:
    ...     return x + y
    >>> @flow(executor=LocalExecutor())
    ... def sums():
    ...     return add.map([1, 2, 3], unmapped(10))
    >>> sums()
    [11, 12, 13]
    """
    return Unmapped(value)


def measure(value: Any) -> int:
    """Return how many children a map over this value has.

    Raises
    ------
    DefinitionError
        It cannot be mapped over; the message says what to do.
    """
    kind = type(value).__name__
    cure = _cure(value)
    if cure:
        msg = f"cannot map over {'an' if kind[0] in 'aeiou' else 'a'} {kind}: {cure}"
        raise DefinitionError(msg)
    try:
        return len(value)
    except Exception as error:
        msg = f"cannot map over this {kind}: its length cannot be told ({error!r})"
        raise DefinitionError(msg) from error


def length_of(value: Any, size: int) -> Length:
    """Return what the driver has to know of a value that something maps over.

    Parameters
    ----------
    size
        Of the value, in bytes.
    """
    is_text = isinstance(value, str | bytes | bytearray)
    try:
        return Length(measure(value), "", size > _LARGE, is_text)
    except DefinitionError as error:
        return Length(None, str(error), size > _LARGE, is_text)


_CURES: tuple[tuple[Any, str], ...] = (
    (type(None), "the task before it returned None"),
    (
        (str, bytes, bytearray),
        "wrap it in a list, or in unmapped() to give it whole to each child",
    ),
    (Mapping, "map over list(d.items()) or list(d.values())"),
    (AbstractSet, "a set has no order; map over sorted(s)"),
    (Iterator, "it can be read only once; make it a list"),
)


def _cure(value: Any) -> str:
    """Return what to do where a value cannot be mapped over; empty where it can."""
    for kinds, cure in _CURES:
        if isinstance(value, kinds):
            return cure
    shape = getattr(value, "shape", None)
    dimensions = len(shape) if isinstance(shape, tuple) else 1
    if dimensions > 1:
        return "its rows or its columns? split it into a list in a task of its own"
    if dimensions == 0 or not (hasattr(value, "__len__") and hasattr(value, "__getitem__")):
        return (
            "it has no length or no elements by position; make it a list, "
            "or wrap it in unmapped() to give it whole to each child"
        )
    return ""


def element_getter(value: Any) -> Callable[[int], Any]:
    """Return a function from a position to the element there."""
    by_position = getattr(value, "iloc", value)
    getter: Callable[[int], Any] = by_position.__getitem__
    return getter


def take(value: Any, start: int, stop: int) -> Any:
    """Return the elements from start up to stop, as a value of the same kind where it can."""
    with suppress(Exception):  # elements by position, but no slices: a deque
        part = getattr(value, "iloc", value)[start:stop]
        if type(part) is type(value) and len(part) == stop - start:
            return part
    return list(map(element_getter(value), range(start, stop)))

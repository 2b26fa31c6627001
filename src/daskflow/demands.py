"""What a task asks of the worker that runs it, and how that is read from a task's options."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from daskflow.errors import DefinitionError


class Demand(NamedTuple):
    """What a task's runs ask of a worker. Those with different demands never share a block."""

    resources: tuple[tuple[str, float], ...] = ()  # of Dask's: name, amount; by name
    priority: int = 0  # higher goes first
    workers: tuple[str, ...] = ()  # names, hosts or addresses of those that may run it; (): any
    is_wish: bool = False  # where none of those is there, any other may run it

    def __bool__(self) -> bool:
        """Whether it asks for anything."""
        return self != NO_DEMAND


NO_DEMAND = Demand()


def make_demand(resources: Any = None, priority: Any = 0, workers: Any = None) -> Demand:
    """Return the demand of a task from its options.

    Raises
    ------
    DefinitionError
        One of them cannot be what is asked of a worker.

    Examples
    --------
    >>> make_demand({"GPU": 1}, workers="big")
    Demand(resources=(('GPU', 1),), priority=0, workers=('big',), is_wish=False)
    """
    if not isinstance(priority, int) or isinstance(priority, bool):
        msg = f"priority={priority!r} must be a whole number; a higher one goes first"
        raise DefinitionError(msg)
    return Demand(
        _resources_of({} if resources is None else resources), priority, _workers_of(workers)
    )


def _resources_of(resources: Any) -> tuple[tuple[str, float], ...]:
    if not isinstance(resources, Mapping) or not all(map(_is_amount, resources.items())):
        msg = f"resources={resources!r} must name amounts above zero, as {{'GPU': 1}} does"
        raise DefinitionError(msg)
    return tuple(sorted(resources.items()))


def _is_amount(item: tuple[Any, Any]) -> bool:
    name, amount = item
    is_number = isinstance(amount, int | float) and not isinstance(amount, bool)
    return isinstance(name, str) and bool(name) and is_number and 0 < amount < math.inf


def _workers_of(workers: Any) -> tuple[str, ...]:
    if workers is None:
        return ()
    named = (workers,) if isinstance(workers, str) else workers
    found = tuple(named) if isinstance(named, Iterable) else ()
    if not found or not all(isinstance(name, str) and name for name in found):
        msg = (
            f"workers={workers!r} must be the name, host or address of a worker, or a list of them"
        )
        raise DefinitionError(msg)
    return tuple(sorted(set(found)))

"""What a task asks of the worker that runs it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """What a task's runs ask of a worker. Those with different demands never share a block."""

    resources: tuple[tuple[str, float], ...] = ()  # of Dask's: name, amount
    priority: int = 0  # higher goes first
    workers: tuple[str, ...] = ()  # names, hosts or addresses of those that may run it; (): any
    is_wish: bool = False  # where none of those is there, any other may run it

    def __bool__(self) -> bool:
        """Whether it asks for anything."""
        return self != NO_DEMAND


NO_DEMAND = Demand()

"""What the pages read from: the reading part of a store.

A store is a `Source` as it is. In a Dask scheduler, where stores are out of reach, `LiveRuns` is
one: what drivers tell of their runs. Pages read from their own threads, never change anything, and
never ask for values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from daskflow.stores.history import RunReader as Source

__all__ = ["Counting", "Source"]


@runtime_checkable
class Counting(Protocol):
    """A source that knows how far a run is without its history."""

    def progress(self, run_id: str) -> tuple[Mapping[str, int], bool]:
        """Return how many task runs are in which state, and whether it is known that these are all.

        Raises
        ------
        UnknownRunError
            There is no such run.
        """

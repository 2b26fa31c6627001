"""What the pages read from: the reading part of a store.

A store is a `Source` as it is. In a Dask scheduler, where the store is out of reach, what drivers
tell of their runs is kept in a `MemoryHistory`, which is one as well. Pages read from their own
threads, never change anything, and never ask for values.
"""

from __future__ import annotations

from daskflow.stores.history import RunReader as Source

__all__ = ["Source"]

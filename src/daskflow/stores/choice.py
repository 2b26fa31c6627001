"""Which store a run uses that is given none."""

from __future__ import annotations

from functools import cache

from daskflow.errors import StoreError
from daskflow.stores.base import RunStore
from daskflow.stores.memory import MemoryStore

_MEMORY = "memory://"


def choose_store(given: RunStore | None, url: str) -> RunStore:
    """Return the store that a flow was given, else the one that the settings name.

    Raises
    ------
    StoreError
        It is no store, or there is no such kind of store.
    """
    if given is None:
        return _store_at(url)
    if not hasattr(given, "cache"):
        msg = f"store={given!r} is no store; say store=MemoryStore()"
        raise StoreError(msg)
    return given


@cache
def _store_at(url: str) -> RunStore:
    """Return the one store at a URL, as far as this process is concerned."""
    if url != _MEMORY:
        msg = f"DASKFLOW_STORE__URL={url!r}: there is no such store; there is {_MEMORY}"
        raise StoreError(msg)
    return MemoryStore()

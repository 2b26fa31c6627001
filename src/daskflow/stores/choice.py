"""Which store keeps the runs of this process; opened on first use, closed at exit."""

from __future__ import annotations

import atexit
import os
import threading
from pathlib import Path

from daskflow.errors import StoreError
from daskflow.results.signing import Signer, key_from
from daskflow.settings import ResultSettings, Settings
from daskflow.stores.history import RunStore
from daskflow.stores.memory import MemoryStore

_MEMORY = "memory://"
_SQLITE = "and sqlite:////path/to/file.db"
_open: dict[str, RunStore] = {}  # by URL
_lock = threading.Lock()


def choose_store(given: RunStore | None, settings: Settings) -> RunStore:
    """Return the store that a flow was given, else the one that the settings name.

    Raises
    ------
    StoreError
        It is no store, there is no such kind of store, or it cannot be used.
    """
    if given is None:
        return _store_at(settings.store.url, settings.results)
    if not (hasattr(given, "cache") and hasattr(given, "lease")):
        msg = f"store={given!r} is no store; say store=MemoryStore()"
        raise StoreError(msg)
    return given


def _store_at(url: str, results: ResultSettings) -> RunStore:
    """Return the one store at a URL, as far as this process is concerned."""
    with _lock:
        if url not in _open:
            _open[url] = _opened(url, results)
        return _open[url]


def _opened(url: str, results: ResultSettings) -> RunStore:
    if url == _MEMORY:
        return MemoryStore()
    from daskflow.stores.sql import SqlStore
    from daskflow.stores.sqlite import SqlitePlace

    file = file_of(url)
    return SqlStore(SqlitePlace(file), Signer(_key(file, results)))


def file_of(url: str) -> Path:
    """Return the file of a SQLite store.

    Raises
    ------
    StoreError
        It is none.
    """
    scheme, _, path = url.partition(":///")
    if scheme != "sqlite" or not path:
        msg = f"DASKFLOW_STORE__URL={url!r}: there is no such store; there is {_MEMORY}, {_SQLITE}"
        raise StoreError(msg)
    return Path(path)


def _key(store: Path, results: ResultSettings) -> bytes:
    """Return the key of a store: given, or in a file of its own."""
    if results.key is not None:
        return results.key.get_secret_value().encode()
    return key_from(key_file_of(store, results))


def key_file_of(store: Path, results: ResultSettings) -> Path:
    """Return the file with a store's key, where that itself is not given."""
    return (results.key_file or store.with_name(f"{store.name}.key")).expanduser()


def close_stores() -> None:
    """Close all that this process has opened."""
    with _lock:
        for store in _open.values():
            store.close()
        _open.clear()


atexit.register(close_stores)
os.register_at_fork(after_in_child=_open.clear)

"""Which store keeps the runs of this process; opened on first use, closed at exit."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from pathlib import Path

from daskflow.errors import StoreBusyError, StoreError
from daskflow.results.signing import Signer, key_from
from daskflow.settings import ResultSettings, Settings
from daskflow.stores.history import RunStore
from daskflow.stores.memory_history import MemoryHistory

_log = logging.getLogger("daskflow")
_open: dict[str, RunStore] = {}  # by URL
_lock = threading.Lock()


def choose_store(settings: Settings) -> RunStore:
    """Return the store that the settings name: by default a SQLite file in daskflow's home.

    Where that folder cannot be written, runs are kept in memory, with one warning.

    Raises
    ------
    StoreError
        The URL names no store that there is, or the store cannot be used.
    """
    url = settings.store.url
    with _lock:
        name = url or f"sqlite:///{settings.home.expanduser() / 'daskflow.db'}"
        if name not in _open:
            try:
                _open[name] = _opened(name, settings.results)
            except StoreBusyError as error:
                if url is not None:
                    raise
                _log.warning("%s: runs are kept in memory only, and gone with this process", error)
                _open[name] = MemoryHistory()
        return _open[name]


def _opened(url: str, results: ResultSettings) -> RunStore:
    if url == "memory://":
        return MemoryHistory()
    scheme, _, path = url.partition(":///")
    if scheme != "sqlite" or not path:
        msg = f"DASKFLOW_STORE__URL={url!r}: say sqlite:////path/to/file.db, or memory://"
        raise StoreError(msg)
    from daskflow.stores.sql import SqlStore
    from daskflow.stores.sqlite import SqlitePlace

    file = Path(path)
    place = SqlitePlace(file)
    return SqlStore(place, Signer(_key(file, results)))


def _key(store: Path, results: ResultSettings) -> bytes:
    """Return the key of a store: given, or in a file of its own."""
    if results.key is not None:
        return results.key.get_secret_value().encode()
    return key_from((results.key_file or store.with_name(f"{store.name}.key")).expanduser())


def close_stores() -> None:
    """Close all that this process has opened."""
    with _lock:
        for store in _open.values():
            store.close()
        _open.clear()


atexit.register(close_stores)
os.register_at_fork(after_in_child=_open.clear)

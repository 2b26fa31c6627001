"""Which store keeps the runs of this process; opened on first use, closed at exit."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from pathlib import Path

from daskflow import context
from daskflow.errors import StoreError
from daskflow.results.places import place_at
from daskflow.results.signing import Signer, key_from
from daskflow.settings import ResultSettings, Settings
from daskflow.stores.history import RunStore
from daskflow.stores.memory import MemoryStore

_MEMORY = "memory://"
_SQLITE = "sqlite:///"
_FILE = "runs.db"  # in the home folder
_open: dict[str, RunStore] = {}  # by URL
_lock = threading.Lock()
_log = logging.getLogger("daskflow")


def choose_store(given: RunStore | str | Path | None, settings: Settings) -> RunStore:
    """Return the store that a flow was given, else that of the run whose task calls it, else ours.

    A child run belongs where its parent is, so settings do not count for it. On another host there
    is no way to the parent's file: there its history ends with the process.

    Parameters
    ----------
    given
        A store, its URL, or the path of a SQLite file.

    Raises
    ------
    StoreError
        It is no store, there is no such kind of store, or it cannot be used.
    """
    here = context.get()
    if isinstance(given, Path):
        given = f"{_SQLITE}{given.expanduser().absolute()}"
    if isinstance(given, str):
        return _store_at(given, settings.results, "store")
    if given is None and here is not None:
        return _store_at(here.run.store or _MEMORY, settings.results)
    if given is None:
        url = settings.store.url
        return _store_in_home(settings) if url is None else _store_at(url, settings.results)
    if not (hasattr(given, "cache") and hasattr(given, "lease")):
        msg = f"store={given!r} is no store; say store=MemoryStore(), or a URL"
        raise StoreError(msg)
    return given


def url_of(settings: Settings) -> str:
    """Return the URL of the store that the settings name, if only by the home folder."""
    return settings.store.url or f"{_SQLITE}{settings.home.expanduser().absolute() / _FILE}"


def _store_in_home(settings: Settings) -> RunStore:
    """Return the store in the home folder; where that cannot be written, one in memory."""
    home = settings.home.expanduser().absolute()
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        is_writable = os.access(home, os.W_OK)
    except OSError:
        is_writable = False
    if is_writable:
        return _store_at(url_of(settings), settings.results)
    if _MEMORY not in _open:
        told = "%s cannot be written, so runs are forgotten with this process; DASKFLOW_HOME or "
        _log.warning(told + "DASKFLOW_STORE__URL names another place", home)
    return _store_at(_MEMORY, settings.results)


def _store_at(url: str, results: ResultSettings, said: str = "DASKFLOW_STORE__URL") -> RunStore:
    """Return the one store at a URL, as far as this process is concerned.

    Parameters
    ----------
    said
        Where the URL was said, for people.
    """
    with _lock:
        if url not in _open:
            _open[url] = _opened(url, results, said)
        return _open[url]


def _opened(url: str, results: ResultSettings, said: str) -> RunStore:
    if url == _MEMORY:
        return MemoryStore()
    from daskflow.stores.sql import SqlStore
    from daskflow.stores.sqlite import SqlitePlace

    file = file_of(url, said)
    files = place_at(results.url or str(file.parent / "results"))
    return SqlStore(SqlitePlace(file), Signer(_key(file, results)), files)


def file_of(url: str, said: str = "DASKFLOW_STORE__URL") -> Path:
    """Return the file of a SQLite store.

    Parameters
    ----------
    said
        Where the URL was said, for people.

    Raises
    ------
    StoreError
        It is none.
    """
    scheme, _, path = url.partition(":///")
    if scheme != "sqlite" or not path:
        known = f"there is {_MEMORY}, and {_SQLITE}/path/to/file.db"
        msg = f"{said}={url!r}: there is no such store; {known}"
        raise StoreError(msg)
    return Path(path).absolute()  # this process may change its working folder


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

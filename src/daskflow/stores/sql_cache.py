"""Results under their keys in a SQL database; large ones lie in result storage, signed like all.

A key has one row at most. A value that is large is a file of its own, written before its row, and
removed behind the row that takes its place. What has expired loses its value, but is remembered for
a while, so that a miss can be explained.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any, Protocol

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from daskflow.caching import CacheEntry, CacheMiss, explain_miss
from daskflow.errors import StoreBusyError, TamperedError
from daskflow.results.places import ResultPlace, read_file, remove_file
from daskflow.results.signing import Signer
from daskflow.stores import schema

_INLINE = 64 * 1024  # bytes of a value in a row
_REMEMBERED = 30 * 86_400.0  # seconds for which it is known what had expired
_COMPARED = 200  # entries of a task that are looked at to explain a miss
_log = logging.getLogger("daskflow")
_cache = schema.cache


class Tables(Protocol):
    """Where the tables are, as far as a cache needs to know."""

    def writing(self) -> AbstractContextManager[Connection]:
        """Give a connection in a transaction that nobody else writes beside."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection that sees one consistent state."""


class SqlCache:
    """Results under their keys; see `ResultCache`.

    Parameters
    ----------
    files
        Where large values are; None: there is no such place, all are in their rows.
    """

    def __init__(self, tables: Tables, signer: Signer, files: ResultPlace | None = None) -> None:
        self._tables = tables
        self._signer = signer
        self._files = files

    def get(self, key: str, now: float) -> CacheEntry | None:
        """Return the entry under a key that has not expired by now; None: there is none.

        One that is not what was written is not read: the log says so, and the next takes its place.
        """
        with self._tables.reading() as connection:
            query = select(_cache).where(_cache.c.id == _id_of(key))
            row = connection.execute(query).mappings().one_or_none()
        if row is None or _has_expired(row, now):
            return None
        try:
            signed = read_file(row["url"]) if row["url"] else row["value"]
        except FileNotFoundError:  # another has taken its place meanwhile, or somebody's hand
            return None
        try:
            return _entry_of(row, self._signer.check(_place_of(key), signed))
        except TamperedError as error:
            _log.warning("%s", error)
            return None

    def put(self, entry: CacheEntry) -> None:
        """Keep an entry, in place of one that is there."""
        signed = self._signer.sign(_place_of(entry.key), entry.value)
        row = _row_of(entry)
        if self._files is not None and len(signed) > _INLINE:
            row["url"] = self._written(self._files, row["id"], signed)
        else:
            row["value"] = signed
        with self._tables.writing() as connection:
            gone = _replace(connection, row)
            gone += _sweep(connection, entry.created)
        _remove(gone)

    @staticmethod
    def _written(files: ResultPlace, name: str, signed: bytes) -> str:
        try:
            return files.write(f"cache/{name[:2]}/{name}-{secrets.token_hex(8)}", signed)
        except Exception as error:
            msg = f"the cache cannot be written at {files.url} now: {error}"
            raise StoreBusyError(msg) from error

    def files_of(self, run_id: str) -> Collection[str]:
        """Return none: large values are files of their own, in no run's folder."""
        return ()

    def explain(self, task: str, digests: Mapping[str, str], now: float) -> CacheMiss:
        """Return why a task found nothing under the key that was made of these digests."""
        query = select(_cache).where(_cache.c.task == task, _cache.c.created <= now)
        query = query.order_by(_cache.c.created.desc()).limit(_COMPARED)
        with self._tables.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return explain_miss(task, digests, [_entry_of(row, b"") for row in rows], now)


def _id_of(key: str) -> str:
    """Return what a row is found by: keys may be of any length."""
    return hashlib.sha256(key.encode()).hexdigest()


def _place_of(key: str) -> str:
    return f"cache/{key}"


def _has_expired(row: Mapping[Any, Any], now: float) -> bool:
    return row["expires"] is not None and row["expires"] <= now


def _row_of(entry: CacheEntry) -> dict[str, Any]:
    return {
        "id": _id_of(entry.key),
        "key": entry.key,
        "task": entry.task,
        "made_by": entry.made_by,
        "digests": json.dumps(dict(entry.digests), ensure_ascii=False),
        "created": entry.created,
        "expires": entry.expires,
        "value": None,
        "url": "",
    }


def _entry_of(row: Mapping[Any, Any], value: bytes) -> CacheEntry:
    digests = json.loads(row["digests"])
    names = ("task", "made_by", "created", "expires")
    return CacheEntry(row["key"], value, digests, *(row[name] for name in names))


def _replace(connection: Connection, row: dict[str, Any]) -> list[str]:
    """Put a row in the place of one that is there; return the file that nobody needs any more."""
    query = select(_cache.c.url).where(_cache.c.id == row["id"], _cache.c.url != "")
    before = list(connection.execute(query).scalars())
    connection.execute(delete(_cache).where(_cache.c.id == row["id"]))
    connection.execute(insert(_cache), row)
    return before


def _sweep(connection: Connection, now: float) -> list[str]:
    """Take the values of what has expired, and forget what did long ago; return their files."""
    columns = _cache.c
    has_value = or_(columns.value.is_not(None), columns.url != "")
    over = and_(columns.expires <= now, has_value)
    files = list(connection.execute(select(columns.url).where(over, columns.url != "")).scalars())
    connection.execute(update(_cache).where(over).values(value=None, url=""))
    connection.execute(delete(_cache).where(columns.expires <= now - _REMEMBERED))
    return files


def _remove(urls: Iterable[str]) -> None:
    for url in urls:
        try:
            with suppress(FileNotFoundError):
                remove_file(url)
        except Exception as error:  # noqa: BLE001 - no row leads to it, so nothing is wrong
            _log.warning("%s is not needed any more, but cannot be removed: %s", url, error)

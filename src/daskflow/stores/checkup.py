"""Whether the file of a SQLite store is as it should be; each thing with its cure."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from daskflow.errors import StoreError
from daskflow.stores.filesystems import is_network, kind_of
from daskflow.stores.migrating import HEAD

_LINES = 3  # of what SQLite complains of
_ELSEWHERE = "let this user write there, or name another place: DASKFLOW_HOME, DASKFLOW_STORE__URL"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    what: str
    found: str
    cure: str = ""  # empty: it is well

    @property
    def is_well(self) -> bool:
        """Whether nothing need be done about it."""
        return not self.cure


def check_file(file: Path, key: Path | None = None) -> Iterator[Check]:
    """Look at all that can be wrong with a store.

    Parameters
    ----------
    file
        The database.
    key
        The file with its key; None: the key is given otherwise.
    """
    yield check_system(file)
    if not file.exists():
        yield Check("file", f"{file} is not there", "`daskflow run FILE.py:flow` makes it")
        return
    yield Check("file", f"{file}, {file.stat().st_size:,} bytes")
    yield check_mode("mode", file)
    if key is not None:
        yield check_key(key)
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            yield from _check_inside(connection, file)
    except sqlite3.OperationalError as error:
        yield Check("database", f"cannot be read now: {error}", f"let this user read {file.parent}")
    except sqlite3.DatabaseError as error:
        yield Check("database", f"cannot be read: {error}", _restore(file))


def _restore(file: Path) -> str:
    return f"put a copy of {file} back, or save what can be read: sqlite3 {file} .recover"


def check_writable(file: Path) -> Check:
    """Look whether a store can be written; one that is not there yet, whether it can be made."""
    from daskflow.stores.sqlite import SqlitePlace

    if not file.exists():
        return _check_folder(nearest_folder(file), file)
    try:
        place = SqlitePlace(file)
        with closing(place), place.writing():
            pass
    except StoreError as error:
        return Check("store", str(error), _ELSEWHERE)
    return Check("store", f"{file} can be written")


def _check_folder(folder: Path, file: Path) -> Check:
    error = try_folder(folder)
    if error:
        return Check("store", f"{file} cannot be made: {error}", _ELSEWHERE)
    return Check("store", f"{file} is not there yet: the first run makes it")


def try_folder(folder: Path) -> str:
    """Return why a folder cannot be written; empty: it can."""
    try:
        with TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"{folder} cannot be written ({error.strerror})"


def nearest_folder(path: Path) -> Path:
    """Return the folder that a path is in, or the first one above it that is there."""
    return next(folder for folder in path.absolute().parents if folder.is_dir())


def check_system(file: Path) -> Check:
    """Look whether a store is on a disk whose locks can be trusted."""
    kind = kind_of(file)
    cure = "set DASKFLOW_STORE__URL to a file on a local disk, or to PostgreSQL"
    return Check("file system", kind or "unknown", cure if is_network(kind) else "")


def check_mode(what: str, file: Path) -> Check:
    """Look whether a file is its owner's alone."""
    mode = stat.S_IMODE(file.stat().st_mode)
    cure = f"others may read or write it: chmod 600 {file}" if mode & 0o077 else ""
    return Check(what, f"{mode:04o}", cure)


def check_key(key: Path) -> Check:
    """Look at the file with the key of a store that is there."""
    if key.exists():
        return check_mode("key", key)
    cure = "put it back: without it no kept value can be read; a new one is made for new runs"
    return Check("key", f"{key} is not there", cure)


def _check_inside(connection: sqlite3.Connection, file: Path) -> Iterator[Check]:
    journal = _first(connection, "PRAGMA journal_mode")
    cure = "" if journal == "wal" else "the next run sets it, where this user may write"
    yield Check("journal", journal, cure)
    yield _check_schema(connection)
    found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(10)")]
    is_whole = found == ["ok"]
    yield Check("integrity", "; ".join(found[:_LINES]), "" if is_whole else _restore(file))
    loose = len(connection.execute("PRAGMA foreign_key_check").fetchall())
    if loose:
        yield Check("references", f"{loose} entries belong to no run", _restore(file))


def _check_schema(connection: sqlite3.Connection) -> Check:
    query = "SELECT name FROM sqlite_master WHERE name = 'alembic_version'"
    if connection.execute(query).fetchone() is None:
        return Check("schema", "no tables of daskflow's", "name another file, or remove this one")
    found = _first(connection, "SELECT version_num FROM alembic_version")
    if found > HEAD:
        cure = "install the daskflow that made it, or a newer one"
    else:
        cure = "" if found == HEAD else "the next run brings it up to date"
    return Check("schema", f"{found} (this daskflow knows {HEAD})", cure)


def _first(connection: sqlite3.Connection, query: str) -> str:
    row = connection.execute(query).fetchone()
    return str(row[0]) if row is not None else ""

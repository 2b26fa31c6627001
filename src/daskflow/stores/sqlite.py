"""Where a SQLite store is: one file, written by any number of processes on one machine.

The rules, and why: WAL with ``synchronous=FULL``, for with less an acknowledged commit may be lost
with the power. Every write transaction and every checkpoint happens under ``flock`` on a file
beside the database, with checkpoints made here alone: releases before 3.51.3 can corrupt a WAL
database when two connections write and checkpoint at once. The last close of a connection is a
checkpoint too. Readers open it read-only. On a network file system locks cannot be trusted: such a
place is refused.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakSet

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, StaticPool

from daskflow._crash_points import reach
from daskflow.errors import StoreBusyError, StoreError
from daskflow.results.places import make_folders
from daskflow.stores.filesystems import is_network, kind_of
from daskflow.stores.migrating import is_current, migrate
from daskflow.stores.rows import Row
from daskflow.stores.sql import forget_ops
from daskflow.timing import monotonic

_LOCK_SECONDS = 5.0  # to wait for another process's transaction
_STEP_SECONDS = 0.005
_GLANCE_SECONDS = 0.25  # within which who looked whether a run is driven has let go of it for sure
_WAL_BYTES = 8 << 20  # from which on a checkpoint is made
_AT_A_TIME = 100  # rows that one statement adds
_RECHECK = 64  # transactions between looks at the size of the WAL


class _Lock:
    """``flock`` on a file: for processes, and with a lock beside it, for threads."""

    _all: ClassVar[WeakSet[_Lock]] = WeakSet()  # of this process

    def __init__(self, file: Path) -> None:
        self._file = file
        self._threads = threading.Lock()
        self._descriptor = -1
        self._all.add(self)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it meanwhile.

        Raises
        ------
        StoreBusyError
            Somebody else holds it for long.
        """
        due = monotonic() + _LOCK_SECONDS
        if not self._threads.acquire(timeout=_LOCK_SECONDS):
            raise StoreBusyError(self._told())
        try:
            self._wait(due)
            try:
                yield
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def _wait(self, due: float) -> None:
        if self._descriptor < 0:
            self._descriptor = _open(self._file)
        pause = threading.Event()
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if monotonic() > due:
                    raise StoreBusyError(self._told()) from None
                pause.wait(_STEP_SECONDS)
            else:
                return

    def _told(self) -> str:
        return f"{self._file} is locked by another process for more than {_LOCK_SECONDS:g} s"

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @classmethod
    def forget_in_child(cls) -> None:
        """Close what a forked process got: else it would hold what its parent held at death."""
        for lock in cls._all:
            lock.forget()

    def forget(self) -> None:
        """Be as new: threads that may hold it were not forked."""
        self._threads = threading.Lock()
        self.close()


def _open(file: Path) -> int:
    """Open a file for a lock, as its owner's alone; no child process inherits it."""
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        msg = f"{file} cannot be opened: {error.strerror}"
        raise StoreBusyError(msg) from error


class FileGuard:
    """An ``flock`` on a file of one run, which the kernel frees however its holder dies."""

    _held: set[int] = set()  # noqa: RUF012 - of this process

    def __init__(self, file: Path, kind: int = fcntl.LOCK_EX) -> None:
        self._file = file
        self._descriptor = _open(file)
        try:
            fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
        except BaseException:
            os.close(self._descriptor)
            raise
        self._held.add(self._descriptor)
        if kind == fcntl.LOCK_EX:
            with suppress(OSError):  # a full disk: then the run's row tells, a little later
                os.pwrite(self._descriptor, f"{os.getpid():<20}".encode(), 0)

    def release(self) -> None:
        """Let others take it."""
        if self._descriptor in self._held:
            self._held.discard(self._descriptor)
            os.close(self._descriptor)

    def remove(self) -> None:
        """Let go of it for good: whoever gets it finds that the run is gone."""
        self._file.unlink(missing_ok=True)
        self.release()

    @classmethod
    def forget_in_child(cls) -> None:
        """Close what a forked process got: the lock is its parent's."""
        for descriptor in cls._held:
            with suppress(OSError):
                os.close(descriptor)
        cls._held.clear()


os.register_at_fork(after_in_child=FileGuard.forget_in_child)
os.register_at_fork(after_in_child=_Lock.forget_in_child)


class SqlitePlace:
    """A SQLite file, made on first use.

    Raises
    ------
    StoreError
        It is on a network file system, or is no database of ours.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.url = f"sqlite:///{file}"
        _check_local(file)
        self._leases = file.with_name(f"{file.name}.leases")
        self._lock = _Lock(file.with_name(f"{file.name}.lock"))
        self._writes = 0
        try:
            make_folders(self._leases, 0o700)
        except OSError as error:
            msg = f"{file.parent} cannot be written: {error.strerror}; DASKFLOW_HOME names another"
            raise StoreBusyError(msg) from error
        self._writer = _engine(file, is_writer=True)
        self._reader = _engine(file, is_writer=False)
        if not self._is_made():  # who only reads need not wait for who writes
            self._make()

    def _is_made(self) -> bool:
        """Return whether the tables are there as this version knows them."""
        if not self.file.exists():
            return False
        try:
            with self.reading() as connection:
                return is_current(connection)
        except StoreBusyError:  # who made it died in the midst: only a writer can roll that back
            return False

    def _make(self) -> None:
        """Make the tables, or bring them to what this version knows."""
        with self._lock.held():
            if not self.file.exists():
                # SQLite gives the files beside it the same mode. Not where it is there: closing it
                # would drop the locks that other connections of this process have on it.
                os.close(_open(self.file))
            with _told(self.url), self._writer.begin() as connection:
                migrate(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in a transaction that nobody else writes beside."""
        with self._lock.held(), _told(self.url):
            with self._writer.begin() as connection:
                yield connection
            self._writes += 1
            if self._writes % _RECHECK == 0:
                self._checkpoint()

    def add(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Add rows to a table, many with one statement.

        Python's lock is let go for each statement, also for each row of `executemany`; where other
        threads are busy it comes back late, and to hand it over costs them as much as the row.
        """
        for start in range(0, len(rows), _AT_A_TIME):
            some = rows[start : start + _AT_A_TIME]
            columns = tuple(some[0])
            values = tuple(row[column] for row in some for column in columns)
            connection.exec_driver_sql(_insertion(table.name, columns, len(some)), values)

    def _checkpoint(self) -> None:
        """Move what is in the WAL into the database, where it has become much."""
        wal = self.file.with_name(f"{self.file.name}-wal")
        with suppress(FileNotFoundError):
            if wal.stat().st_size > _WAL_BYTES:
                reach("checkpoint.before")
                with self._writer.begin() as connection:
                    forget_ops(connection)
                with self._writer.connect() as connection:
                    raw: Any = connection.connection.dbapi_connection
                    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                reach("checkpoint.after")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one consistent state."""
        with _told(self.url), self._reader.begin() as connection:
            yield connection

    def guard(self, run_id: str) -> FileGuard | None:
        """Keep others from driving a run; None: somebody does, and not only looks whether."""
        due = monotonic() + _GLANCE_SECONDS
        pause = threading.Event()
        while True:
            try:
                return FileGuard(self._leases / run_id)
            except BlockingIOError:
                if monotonic() > due:
                    return None
                pause.wait(_STEP_SECONDS)

    def is_guarded(self, run_id: str) -> bool:
        """Return whether somebody drives a run."""
        file = self._leases / run_id
        if not file.exists():
            return False
        try:
            FileGuard(file, fcntl.LOCK_SH).release()
        except BlockingIOError:
            return True
        return False

    def pid_of(self, run_id: str) -> int | None:
        """Return the process that drives a run, which its row does not tell at once."""
        try:
            return int((self._leases / run_id).read_bytes())
        except (OSError, ValueError):
            return None

    def ring(self, run_id: str) -> None:
        """Make the file of the run's lease a byte longer."""
        with suppress(FileNotFoundError):  # nobody drives it
            descriptor = os.open(self._leases / run_id, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            try:
                os.write(descriptor, b"\n")
            finally:
                os.close(descriptor)

    def rung(self, run_id: str) -> int:
        """Return how long that file is."""
        try:
            return (self._leases / run_id).stat().st_size
        except FileNotFoundError:
            return 0

    def close(self) -> None:
        """Close the connections; the last one of all processes makes a checkpoint."""
        self._reader.dispose()
        with suppress(StoreBusyError), self._lock.held():
            self._writer.dispose()
        self._lock.close()


@lru_cache(maxsize=64)
def _insertion(table: str, columns: tuple[str, ...], count: int) -> str:
    """Return the statement that adds so many rows; its names are those of our own tables."""
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * count)}"  # noqa: S608


def _check_local(file: Path) -> None:
    kind = kind_of(file)
    if is_network(kind):
        msg = (
            f"{file} is on a network file system ({kind}), where locks cannot be trusted: set "
            "DASKFLOW_STORE__URL to a file on a local disk (sqlite:////path), or to PostgreSQL"
        )
        raise StoreError(msg)


def _engine(file: Path, *, is_writer: bool) -> Engine:
    def connect() -> sqlite3.Connection:
        mode = "rw" if is_writer else "ro"
        made = sqlite3.connect(
            f"{file.resolve().as_uri()}?mode={mode}",
            uri=True,
            timeout=_LOCK_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        made.execute("PRAGMA foreign_keys = ON")
        if is_writer:
            made.execute("PRAGMA journal_mode = WAL")
            made.execute("PRAGMA synchronous = FULL")
            made.execute("PRAGMA wal_autocheckpoint = 0")
        return made

    pool = StaticPool if is_writer else NullPool
    engine = create_engine("sqlite://", creator=connect, poolclass=pool)
    begin = "BEGIN IMMEDIATE" if is_writer else "BEGIN"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Tell what SQLite says in our words."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if isinstance(cause, sqlite3.OperationalError):
            msg = f"{url} cannot be used now: {cause}"
            raise StoreBusyError(msg) from error
        msg = f"{url} cannot be read: {cause}; `daskflow db check` tells more"
        raise StoreError(msg) from error

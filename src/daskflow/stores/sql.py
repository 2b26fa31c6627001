"""A store in a SQL database. What differs between databases is a `Place`'s affair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, Select, Table, delete, func, insert, or_, select, update

from daskflow.entries import Entry
from daskflow.errors import LeaseLostError, LeaseTakenError, UnknownRunError
from daskflow.lines import Piece
from daskflow.results.places import ResultPlace
from daskflow.results.signing import Signer
from daskflow.stores import schema
from daskflow.stores.history import (
    Holder,
    Lease,
    Numbered,
    NumberedPiece,
    RunRow,
    Wanted,
)
from daskflow.stores.rows import (
    HEAVY,
    EntryRows,
    Row,
    birth_of,
    fields_of_run,
    line_of_tag,
    row_of_run,
    run_of_row,
)
from daskflow.stores.sql_cache import SqlCache
from daskflow.stores.sql_logs import add_pieces, pieces_of
from daskflow.stores.sql_orders import OrderPlace, SqlOrders
from daskflow.timing import now

_HISTORY = ("spaces", "segments", "events")
_AT_A_TIME = 100  # runs that are forgotten in one transaction
_OPS_SECONDS = 86_400.0  # an `op_id` is remembered so long


class Guard(Protocol):
    """What keeps others from taking a lease."""

    def release(self) -> None:
        """Let others take it."""

    def remove(self) -> None:
        """Release it; its run is gone."""


class Place(OrderPlace, Protocol):
    """Where the tables are: how they are read and written, and how a lease is guarded."""

    def writing(self) -> AbstractContextManager[Connection]:
        """Give a connection in a transaction that nobody else writes beside.

        Raises
        ------
        StoreBusyError
            It cannot be written now; nothing was.
        """

    def add(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Add rows to a table; all of them name the same columns."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection that sees one consistent state."""

    def guard(self, run_id: str) -> Guard | None:
        """Keep others from driving a run; None: somebody does."""

    def is_guarded(self, run_id: str) -> bool:
        """Return whether somebody drives a run; nobody is kept from it by being asked about."""

    def pid_of(self, run_id: str) -> int | None:
        """Return the process that drives a run, where that is known sooner than from its row."""

    def close(self) -> None:
        """Let go of files and connections."""


@dataclass(slots=True)
class SqlLease:
    """A lease on one run."""

    run_id: str
    token: int
    guard: Guard

    def release(self) -> None:
        """Give it back."""
        self.guard.release()


class SqlStore:
    """Keeps runs in the tables of `schema`; see `RunStore`.

    Parameters
    ----------
    files
        Where large results are that are kept under a key; None: in the database as well.
    """

    def __init__(self, place: Place, signer: Signer, files: ResultPlace | None = None) -> None:
        self.url = place.url
        self.cache = SqlCache(place, signer, files)
        self.orders = SqlOrders(place)
        self._place = place
        self._signer = signer
        self._rows = EntryRows(signer)

    def create(self, run: RunRow, op_id: str) -> None:
        """Take in a new run."""
        with self._place.writing() as connection:
            if _is_new(connection, op_id):
                signed = self._signer.sign(f"{run.id}/parameters", run.parameters)
                row = row_of_run(run) | {"parameters": signed}
                seal = self._signer.seal(run.id, birth_of(row))
                connection.execute(insert(schema.runs), row | {"seal": seal})

    def lease(self, run_id: str, holder: Holder) -> Lease:
        """Take the lease of a run."""
        guard = self._place.guard(run_id)
        if guard is None:
            msg = f"run {run_id} is driven by {self.holder(run_id) or 'somebody else'} already"
            raise LeaseTakenError(msg)
        try:
            with self._place.writing() as connection:
                token = _value(connection, schema.runs.c.token, run_id) + 1
                who = {"user": holder.user, "host": holder.host, "pid": holder.pid}
                _change(connection, run_id, {"token": token, **who})
        except BaseException:
            guard.release()
            raise
        return SqlLease(run_id, token, guard)

    def write(
        self,
        lease: Lease,
        entries: Sequence[Entry],
        op_id: str,
        row: Mapping[str, Any] = {},
    ) -> None:
        """Append to a run's history, and change fields of its row."""
        with self._place.writing() as connection:
            if not _is_new(connection, op_id):
                return
            before = _version_of(connection, lease)
            tables: dict[str, list[Row]] = {}
            for version, entry in enumerate(entries, before + 1):
                table, values = self._rows.row(lease.run_id, version, entry)
                tables.setdefault(table, []).append(values)
            for name, rows in tables.items():
                self._place.add(connection, schema.metadata.tables[name], rows)
            fields = {**fields_of_run(row), "version": before + len(entries)}
            _change(connection, lease.run_id, fields)

    def add_logs(self, lease: Lease, pieces: Sequence[Piece], op_id: str) -> None:
        """Keep what task runs have logged."""
        with self._place.writing() as connection:
            if pieces and _is_new(connection, op_id):
                _version_of(connection, lease)
                add_pieces(connection, lease.run_id, pieces)

    def logs(self, run_id: str, task: str | None = None, behind: int = 0) -> list[NumberedPiece]:
        """Return what task runs of a run have logged."""
        with self._place.reading() as connection:
            _value(connection, schema.runs.c.token, run_id)  # there is such a run
            return pieces_of(connection, run_id, task, behind)

    def parameters(self, run_id: str) -> bytes:
        """Return the parameters of a run."""
        return self._signer.check(f"{run_id}/parameters", self.run(run_id).parameters)

    def run_key(self, run_id: str) -> bytes:
        """Return the key with which results of a run are signed."""
        return self._signer.key_for(run_id)

    def run(self, run_id: str) -> RunRow:
        """Return what is known of a run."""
        return run_of_row(self._row(run_id))

    def _row(self, run_id: str) -> Row:
        with self._place.reading() as connection:
            query = select(schema.runs).where(schema.runs.c.id == run_id)
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            msg = f"there is no run {run_id!r} in {self.url}"
            raise UnknownRunError(msg)
        return dict(row)

    def runs(self, wanted: Wanted = Wanted()) -> list[RunRow]:  # noqa: B008 - it is frozen
        """Return runs, the newest first, without what is heavy."""
        with self._place.reading() as connection:
            found = connection.execute(_wanted(wanted)).mappings()
            return [run_of_row(dict(row)) for row in found]

    def entries(self, run_id: str, behind: int = 0, *, with_values: bool = True) -> list[Numbered]:
        """Return a run's history in order, behind a version."""
        left_out = ("seal",) if with_values else ("seal", "payload")
        rows = self._history(run_id, behind, left_out)
        return [Numbered(row["version"], self._rows.entry(name, row)) for name, row in rows]

    def spoiled(self, run_id: str) -> list[int]:
        """Return the versions of entries that are not what was written; 0: the row itself."""
        found = [] if self.is_genuine(run_id) else [0]
        rows = self._history(run_id, 0, ())
        return found + [row["version"] for _, row in rows if not self._rows.is_whole(row)]

    def is_genuine(self, run_id: str) -> bool:
        """Return whether a run's row is what was written when the run was made."""
        row = self._row(run_id)
        return self._signer.is_sealed(run_id, birth_of(row), row["seal"])

    def _history(self, run_id: str, behind: int, left_out: Sequence[str]) -> list[tuple[str, Row]]:
        """Return the rows of a run's history in order, each with the name of its table."""
        found: list[tuple[str, Row]] = []
        with self._place.reading() as connection:
            for name in _HISTORY:
                table = schema.metadata.tables[name]
                columns = [column for column in table.c if column.name not in left_out]
                query = select(*columns).where(table.c.run_id == run_id, table.c.version > behind)
                found += ((name, dict(row)) for row in connection.execute(query).mappings())
        found.sort(key=lambda one: one[1]["version"])
        return found

    def holder(self, run_id: str) -> Holder | None:
        """Return who drives a run now."""
        if not self._place.is_guarded(run_id):
            return None
        run = self.run(run_id)
        return Holder(run.user, run.host, self._place.pid_of(run_id) or run.pid)

    def delete(self, run_ids: Sequence[str], op_id: str) -> int:
        """Forget runs that nobody drives."""
        starts = range(0, len(run_ids), _AT_A_TIME)
        parts = [(run_ids[start : start + _AT_A_TIME], f"{op_id}.{start}") for start in starts]
        return sum(self._delete(some, op_id) for some, op_id in parts)

    def _delete(self, run_ids: Sequence[str], op_id: str) -> int:
        """Forget some runs; nobody can begin to drive one meanwhile."""
        with ExitStack() as guarded:
            free: dict[str, Guard] = {}
            for run_id in run_ids:
                guard = None if self._place.is_guarded(run_id) else self._place.guard(run_id)
                if guard is not None:
                    free[run_id] = guard
                    guarded.callback(guard.release)
            with self._place.writing() as connection:
                if not free or not _is_new(connection, op_id):
                    return 0
                found = connection.execute(delete(schema.runs).where(schema.runs.c.id.in_(free)))
            for guard in free.values():
                guard.remove()
        return found.rowcount

    def close(self) -> None:
        """Let go of files and connections."""
        self._place.close()


def _is_new(connection: Connection, op_id: str) -> bool:
    """Return whether a change was not made yet, and note that it is made now."""
    ops = schema.ops
    known = connection.execute(select(ops.c.at).where(ops.c.op_id == op_id)).first()
    if known is None:
        connection.execute(insert(ops), {"op_id": op_id, "at": now()})
    return known is None


def forget_ops(connection: Connection) -> None:
    """Drop what was remembered for repeated calls that nobody will make any more."""
    connection.execute(delete(schema.ops).where(schema.ops.c.at < now() - _OPS_SECONDS))


def _version_of(connection: Connection, lease: Lease) -> int:
    """Return the version of a run; raise where the lease is not the newest."""
    columns = schema.runs.c
    query = select(columns.token, columns.version).where(columns.id == lease.run_id)
    found = connection.execute(query).one_or_none()
    if found is None or found.token != lease.token:
        msg = f"run {lease.run_id} was taken over by somebody else: nothing was written"
        raise LeaseLostError(msg)
    version: int = found.version
    return version


def _value(connection: Connection, column: Any, run_id: str) -> Any:
    found = connection.execute(select(column).where(schema.runs.c.id == run_id)).first()
    if found is None:
        msg = f"there is no run {run_id!r}"
        raise UnknownRunError(msg)
    return found[0]


def _change(connection: Connection, run_id: str, fields: Mapping[str, Any]) -> None:
    connection.execute(update(schema.runs).where(schema.runs.c.id == run_id).values(fields))


def _wanted(wanted: Wanted) -> Select[Any]:
    """Return the question for the runs that are wanted."""
    columns = schema.runs.c
    query = select(*(c for c in columns if c.name not in (*HEAVY, "seal")))
    query = query.order_by(columns.created.desc(), columns.id)
    if wanted.flow is not None:
        query = query.where(columns.flow_name == wanted.flow)
    if wanted.called is not None:
        is_begun = columns.id.startswith(wanted.called, autoescape=True)
        query = query.where(or_(columns.name == wanted.called, is_begun))
    if wanted.states is not None:
        query = query.where(columns.kind.in_(wanted.states))
    if wanted.since is not None:
        query = query.where(columns.created >= wanted.since)
    if wanted.tag is not None:  # upper and lower case matter, unlike to LIKE
        query = query.where(func.replace(columns.tags, line_of_tag(wanted.tag), "") != columns.tags)
    return query.limit(wanted.limit)

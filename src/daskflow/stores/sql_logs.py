"""What task runs have logged, in a SQL database: a row for each piece of a tape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select

from daskflow.lines import Piece, beginning_within, is_of, pack_lines, unpack_lines, wanted
from daskflow.stores import schema
from daskflow.stores.history import NumberedPiece


def add_pieces(connection: Connection, run_id: str, pieces: Sequence[Piece]) -> None:
    """Write pieces of a run, and forget those whose place they take."""
    columns = schema.logs.c
    last = connection.execute(select(func.max(columns.version)).where(columns.run_id == run_id))
    first = (last.scalar() or 0) + 1
    kept, newest = wanted(pieces)
    for tape, piece in newest.items():
        connection.execute(
            delete(schema.logs).where(
                columns.run_id == run_id,
                columns.tape == tape,
                columns.first > piece.kept_to,
                columns.stop <= piece.kept_from,
            )
        )
    rows = [_row(run_id, version, piece) for version, piece in enumerate(kept, first)]
    connection.execute(insert(schema.logs), rows)


def pieces_of(
    connection: Connection, run_id: str, task: str | None, behind: int
) -> list[NumberedPiece]:
    """Return the pieces of a run behind a version, those of a task or of all."""
    columns = schema.logs.c
    query = select(schema.logs).where(columns.run_id == run_id, columns.version > behind)
    if task is not None:  # upper and lower case matter, unlike to the database: see below
        is_meant = columns.task_run.startswith(beginning_within(task), autoescape=True)
        query = query.where(or_(columns.task_run == task, is_meant))
    rows = connection.execute(query.order_by(columns.version)).mappings()
    found = (NumberedPiece(row["version"], _piece(row)) for row in rows)
    return [one for one in found if is_of(one.piece.task_run, task)]


def _row(run_id: str, version: int, piece: Piece) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "version": version,
        "task_run": piece.task_run,
        "attempt": piece.attempt,
        "tape": piece.tape,
        "worker": piece.worker,
        "first": piece.first,
        "stop": piece.stop,
        "lines": pack_lines(piece.lines),
    }


def _piece(row: Any) -> Piece:
    about = row["task_run"], row["attempt"], row["tape"], row["worker"]
    return Piece(*about, row["first"], unpack_lines(row["lines"]))

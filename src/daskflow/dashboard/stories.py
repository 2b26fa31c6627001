"""What a person wants to know of a run first: what failed, what was skipped, what waits. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from daskflow.dashboard.columns import TaskRunColumns
from daskflow.dashboard.tables import Rows, TaskRow, row_of
from daskflow.runtime.record import RunRecord
from daskflow.states import (
    CANCELLED,
    CRASHED,
    SUCCESSFUL,
    Failed,
    Paused,
    Retrying,
    Skipped,
    TimedOut,
    TriggerFailed,
)
from daskflow.wording import many

_SHOWN = 4  # task runs of a chapter
_NAMED = 6  # tasks in a line


class Line(NamedTuple):
    """A task run, and what is to be told of it."""

    row: TaskRow
    told: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """Task runs of which the same is to be told."""

    title: str
    lines: tuple[Line, ...]  # the first ones
    total: int
    behind: str = ""  # what became of others because of them

    @property
    def more(self) -> int:
        """How many there are beyond those that are shown."""
        return self.total - len(self.lines)


def story_of(record: RunRecord, columns: TaskRunColumns) -> list[Chapter]:
    """Return what there is to tell of a run beside its happy path."""
    return list(_chapters(record, columns))


def _chapters(record: RunRecord, columns: TaskRunColumns) -> Iterator[Chapter]:
    code, ran = columns.code, columns.attempt > 0
    failed = np.isin(code, [Failed.code, TimedOut.code, CRASHED])
    again = np.isin(code, [*SUCCESSFUL]) & (columns.attempt > 1)
    unstarted = _named(columns, np.flatnonzero(code == TriggerFailed.code))
    behind = f"{unstarted} did not start because of that" if unstarted else ""
    skipped = _named(columns, np.flatnonzero((code == Skipped.code) & ~ran))
    after = f"{skipped} skipped because of that" if skipped else ""
    for title, rows, told in (
        ("failed", np.flatnonzero(failed), behind),
        ("waits for approval", np.flatnonzero(code == Paused.code), ""),
        ("to be tried again", np.flatnonzero(code == Retrying.code), ""),
        ("skipped", np.flatnonzero((code == Skipped.code) & ran), after),
        ("cancelled", np.flatnonzero(code == CANCELLED), ""),
        ("tried again", np.flatnonzero(again), ""),
    ):
        if len(rows):
            shown = [row_of(record, columns, int(row)) for row in rows[:_SHOWN]]
            lines = tuple(Line(row, _told(record, row)) for row in shown)
            yield Chapter(title, lines, len(rows), told)
        elif told:
            yield Chapter(title, (), 0, told)


def _told(record: RunRecord, row: TaskRow) -> str:
    """Return why it is so; of what went well in the end, why it did not at first."""
    if not row.state.is_successful() or row.attempt < 2 or row.state.message:  # noqa: PLR2004
        return row.state.message
    tried = (one.state for one in record.events if one.name == row.label)
    before = [state.message for state in tried if isinstance(state, Retrying)]
    return f"at attempt {row.attempt}" + (f"; {before[-1]}" if before else "")


def _named(columns: TaskRunColumns, rows: Rows) -> str:
    """Return how many task runs there are and of which tasks; empty where there are none."""
    if not len(rows):
        return ""
    names = [columns.nodes[number] for number in np.unique(columns.node[rows])]
    more = f" and {many(len(names) - _NAMED, 'more task')}" if len(names) > _NAMED else ""
    return f"{many(len(rows), 'task run')} ({', '.join(names[:_NAMED])}{more})"

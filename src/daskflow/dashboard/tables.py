"""The table of task runs: which are asked for, in which order, and one page of rows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daskflow.dashboard.columns import Index, TaskRunColumns
from daskflow.dashboard.signs import LOOK_NUMBERS, LOOKS
from daskflow.history.upstreams import Place, state_of
from daskflow.runtime.record import RunRecord
from daskflow.states import State

PAGE = 25  # rows of a page
SORTS = ("task run", "state", "attempt", "worker", "started", "took")
_LOOKS = np.frombuffer(LOOK_NUMBERS, np.uint8)
_NUMBERS = {look.name: number for number, look in enumerate(LOOKS)}
# in which order states are sorted: what asks for attention first
_ORDER = ("failed", "crashed", "paused", "retrying", "running", "cancelled", "skipped", "waiting")

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the table; what is empty does not matter."""

    node: str = ""
    look: str = ""  # of the state, by its name
    text: str = ""  # in the name of the task run, of its worker, or in its message
    sort: str = SORTS[0]
    is_descending: bool = False
    page: int = 0


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task run as the table shows it."""

    node: str
    index: Index
    label: str
    state: State
    attempt: int
    worker: str
    started: float | None  # instant
    took: float | None  # seconds


@dataclass(frozen=True, slots=True)
class TaskPage:
    """One page of the table."""

    rows: tuple[TaskRow, ...]
    page: int
    found: int  # rows on all pages
    total: int  # task runs of the run

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.found // PAGE))


def page_of(record: RunRecord, columns: TaskRunColumns, asked: Asked) -> TaskPage:
    """Return the page that is asked for; the last one where there are not so many."""
    rows = found_in(record, columns, asked)
    last = max(0, -(-len(rows) // PAGE) - 1)
    page = min(max(0, asked.page), last)
    here = rows[_order(columns, asked, rows)][page * PAGE : (page + 1) * PAGE]
    shown = tuple(row_of(record, columns, int(row)) for row in here)
    return TaskPage(shown, page, len(rows), len(columns))


def row_of(record: RunRecord, columns: TaskRunColumns, row: int) -> TaskRow:
    """Return one task run."""
    node, index = columns.place(record, row)
    worker, started = columns.worker[row], float(columns.started[row])
    took = float(columns.took[row])
    return TaskRow(
        node,
        index,
        columns.label(record, row),
        state_of(record, Place(node, index)),
        int(columns.attempt[row]),
        columns.workers[worker] if worker >= 0 else "",
        started or None,
        took if took == took else None,  # noqa: PLR0124 - it may be no number
    )


def found_in(record: RunRecord, columns: TaskRunColumns, asked: Asked) -> Rows:
    """Return the rows that are asked for, in the order of the flow."""
    is_found = np.ones(len(columns), bool)
    if asked.node:
        is_found &= columns.node == _number(columns.nodes, asked.node)
    if asked.look:
        is_found &= _LOOKS[columns.code] == _NUMBERS.get(asked.look, -1)
    if asked.text:
        is_found &= _matches(record, columns, asked.text.lower())
    return np.flatnonzero(is_found)


def _number(names: tuple[str, ...], wanted: str) -> int:
    return names.index(wanted) if wanted in names else -1


def _matches(record: RunRecord, columns: TaskRunColumns, text: str) -> NDArray[np.bool_]:
    """Return which rows have a text in what is shown of them."""
    named = np.array([text in name.lower() for name in columns.nodes] or [False])
    worked = np.array([text in name.lower() for name in columns.workers] + [False])
    is_found: NDArray[np.bool_] = named[columns.node] | worked[columns.worker]
    for row in columns.ends:
        is_found[row] |= (
            text in state_of(record, Place(*columns.place(record, row))).message.lower()
        )
    called, has_index, _ = text.partition("[")
    for number, name in enumerate(columns.nodes if has_index else ()):
        if name.lower().endswith(called):
            for row in np.flatnonzero(columns.node == number).tolist():
                is_found[row] |= text in columns.label(record, row).lower()
    for base, name in zip(columns.bases, columns.nodes, strict=True):
        node = record.nodes[name]
        told = [p for p, note in node.notes.items() if text in note.message.lower()]
        told += [p for p, state in node.states.items() if text in state.message.lower()]
        is_found[[base + p for p in told if p < len(node.codes)]] = True
    return is_found


def _order(columns: TaskRunColumns, asked: Asked, rows: Rows) -> Any:
    """Return in which order rows are shown; what has no value to go by comes last."""
    if asked.sort not in SORTS[1:]:
        return slice(None, None, -1) if asked.is_descending else slice(None)
    keys = _keys(columns, asked.sort)[rows].astype(np.float64)
    keys = np.where(np.isnan(keys), np.inf, -keys if asked.is_descending else keys)
    return np.argsort(keys, kind="stable")


def _keys(columns: TaskRunColumns, sort: str) -> NDArray[Any]:
    if sort == "state":
        ranks = [_ORDER.index(look.name) if look.name in _ORDER else len(_ORDER) for look in LOOKS]
        return np.array(ranks)[_LOOKS[columns.code]]
    if sort == "worker":
        ranks = np.argsort(np.argsort(columns.workers)).tolist() if columns.workers else []
        return np.array([*ranks, np.nan])[columns.worker]
    if sort == "attempt":
        return columns.attempt
    return columns.took if sort == "took" else np.where(columns.started, columns.started, np.nan)

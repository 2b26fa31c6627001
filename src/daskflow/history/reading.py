"""A run read from its store, without its flow's code: the states of all its task runs, its history.

Nothing is imported for it and nothing unpickled: the graph comes from the outline in the run's row,
results and exceptions stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from daskflow.context import run_label, split_label
from daskflow.definition.outlining import graph_of, heritage_of
from daskflow.entries import Entry
from daskflow.errors import UnknownRunError, UnknownTaskError
from daskflow.graph import listed
from daskflow.resuming import find_run, is_orphan
from daskflow.runtime.record import RunRecord
from daskflow.runtime.restoring import restored
from daskflow.states import (
    FAILED,
    WAITING,
    Cached,
    Cancelled,
    Crashed,
    Skipped,
    State,
    TriggerFailed,
)
from daskflow.stores.history import Holder, RunReader, RunRow
from daskflow.timing import as_datetime

DRIVER_LOST = "driver lost"
_WHOLE: tuple[int, ...] = ()  # the index of a task that is not mapped, or of all its task runs


@dataclass(frozen=True)
class ReadRun:
    """A run as its store tells of it; what happened in it is in the record's events."""

    row: RunRow
    state: State  # of the flow run; Crashed where the row says that it goes on and nobody drives it
    holder: Holder | None  # who drives it
    record: RunRecord


def read_run(store: RunReader, wanted: str) -> ReadRun:
    """Return a run that is in a store.

    Parameters
    ----------
    wanted
        Its id, the beginning of one, its name, or ``last``.

    Raises
    ------
    UnknownRunError
        There is no such run.
    """
    row, holder = held_by(store, find_run(store, wanted))
    entries = [one.entry for one in store.entries(row.id, with_values=False)]
    state = seen_state(row, is_held=holder is not None)
    return ReadRun(row, state, holder, record_of(row, entries))


def held_by(store: RunReader, row: RunRow) -> tuple[RunRow, Holder | None]:
    """Return a run with who drives it; it is read again where it has just been given back."""
    if row.state.is_finished():
        return row, None
    holder = store.holder(row.id)
    is_lost = is_orphan(row.state, is_held=holder is not None)
    return (store.run(row.id) if is_lost else row), holder


def seen_state(row: RunRow, *, is_held: bool) -> State:
    """Return the state that a run is in, for whoever looks at it from outside."""
    if not is_orphan(row.state, is_held=is_held):
        return row.state
    told = f"nobody drives it any more; it was {type(row.state).__name__}"
    return Crashed(told, row.state.timestamp, reason=DRIVER_LOST)


def seconds_of(row: RunRow, instant: float | None) -> float | None:
    """Return how long a run took, or has taken until an instant; None: that is not known."""
    end = row.ended if row.ended is not None else instant
    return end - row.started if end is not None and row.started is not None else None


def record_of(row: RunRow, entries: list[Entry]) -> RunRecord:
    """Return the record of a run, restored over the outline of its graph."""
    record = restored(graph_of(row.graph), entries, row.name)
    record.heritage = heritage_of(row.graph)
    return record


def find_task(record: RunRecord, wanted: str) -> tuple[str, tuple[int, ...]]:
    """Return node and map index of what is meant by ``node`` or ``node[index]``.

    Raises
    ------
    UnknownTaskError
        There is no such task run.
    """
    node, index = wanted, _WHOLE
    if wanted not in record.nodes and (found := split_label(wanted)) is not None:
        node, index = found
    if node not in record.nodes:
        msg = f"the run has no task {node!r}; its tasks: {listed(record.nodes)}"
        raise UnknownTaskError(msg)
    space = record.nodes[node].space
    if len(index) > space.level:
        what = f"{space.level} at most" if space.level else "none: it is not mapped"
        msg = f"there is no {wanted!r}: of an index task {node!r} has {what}"
        raise UnknownTaskError(msg)
    exceeded = _exceeded(record, node, index)
    if exceeded is not None:
        msg = f"there is no {wanted!r}: there are {exceeded} of these, counted from 0"
        raise UnknownTaskError(msg)
    return node, index


def first_unhappy(run: ReadRun) -> str:
    """Return the name of the task run that comes first of what a run ended, or waits, by.

    That is one that failed by itself, else what waits for a person or an instant, else what was
    skipped, cancelled or not started.

    Raises
    ------
    UnknownTaskError
        All is well so far, or nobody drives it any more.
    """
    record, found = run.record, dict[int, str]()
    for name, node in record.nodes.items():
        for place, code in enumerate(node.codes):
            rank = _RANKS.get(code)
            if rank is not None and rank not in found:
                found[rank] = run_label(name, record.index(name, place))
    if not found and isinstance(run.state, Crashed):
        msg = f"{run.state.message}: daskflow resume {run.row.name} goes on where it stopped"
        raise UnknownTaskError(msg)
    if not found:
        msg = f"nothing failed, waits or was skipped; name a task: {listed(record.nodes)}"
        raise UnknownTaskError(msg)
    return found[min(found)]


_RANKS = {
    **dict.fromkeys(FAILED - {TriggerFailed.code}, 0),
    **dict.fromkeys(WAITING, 1),
    **dict.fromkeys((TriggerFailed.code, Cancelled.code, Skipped.code), 2),
}


def _exceeded(record: RunRecord, node: str, index: tuple[int, ...]) -> int | None:
    """Return how many children there are where an index is beyond them."""
    for depth, place in enumerate(index):
        above = index[:depth]
        lanes = record.nodes[node].space.chain()[depth + 1]
        around = lanes.parent.find(above) if lanes.parent is not None else None
        if around is not None and around in lanes.children:
            width = lanes.children[around][1]
            if place >= width:
                return width
    return None


def with_names(state: State, name_of: Callable[[str], str]) -> State:
    """Return a state whose message names the run that made its value, not that run's id."""
    run_id, slash, label = state.message.removeprefix("made by ").partition("/")
    if not isinstance(state, Cached) or not slash:
        return state
    return replace(state, message=f"made by {label} of run {name_of(run_id)}")


def names_in(store: RunReader) -> Callable[[str], str]:
    """Return what gives the names of runs by their ids."""

    @cache
    def name_of(run_id: str) -> str:
        return run_name(store, run_id) or f"{run_id[:8]}, which is not kept any more"

    return name_of


def run_name(store: RunReader, run_id: str) -> str | None:
    """Return the name of a run; None where it was forgotten."""
    try:
        return store.run(run_id).name
    except UnknownRunError:
        return None


def when(instant: float) -> str:
    """Return an instant as machines are told it: ISO 8601, UTC.

    Examples
    --------
    >>> when(1363521600.5)
    '2013-03-17T12:00:00.500Z'
    """
    return f"{as_datetime(instant).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"

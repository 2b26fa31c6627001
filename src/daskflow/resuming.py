"""Going on with a run that is in a store: the same run, restored, or a new one like it.

A run may be resumed from Paused, Cancelled, and from where its driver was lost. What was accepted
and kept stands; a changed task whose run is finished keeps its result, one that is still to run is
named. A run that ended Success or Failed is final: `rerun` makes a new one.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from typing import Any

from daskflow.entries import Entry, SegmentTold, SpaceEnded, SpaceOpened, TaskRunMoved
from daskflow.errors import IllegalMoveError, UnknownRunError
from daskflow.nodes import FlowGraph
from daskflow.runtime.record import RunRecord
from daskflow.states import FINISHED, Cancelled, Cancelling, Crashed, Pending, Running, State
from daskflow.stores.history import RunRow, RunStore, Wanted
from daskflow.tasks import Task


def find_run(store: RunStore, wanted: str) -> RunRow:
    """Return the run that is meant: by its id, the beginning of one, its name, or ``last``.

    Raises
    ------
    UnknownRunError
        There is none, or there are several.
    """
    rows = store.runs(Wanted(limit=1) if wanted == "last" else Wanted(called=wanted))
    found = [row for row in rows if row.id == wanted] or [row for row in rows if row.name == wanted]
    found = found or rows
    if len(found) == 1:
        return store.run(found[0].id)
    if not store.runs(Wanted(limit=1)):
        raise UnknownRunError(nothing_in(store))
    if not found:
        msg = f"no run is called {wanted!r} in {store.url}; `daskflow ls` lists them"
        raise UnknownRunError(msg)
    told = ", ".join(f"{row.id[:8]} ({row.state})" for row in found[:5])
    msg = f"{len(found)} runs are called {wanted!r}: {told}; name one by its id"
    raise UnknownRunError(msg)


def nothing_in(store: RunStore) -> str:
    """Return what there is to say of a store without runs."""
    if store.url.startswith("memory:"):
        return (
            f"there are no runs in {store.url}, which each process has for itself: "
            "DASKFLOW_STORE__URL=sqlite:////path/to/file.db names a store that stays"
        )
    return f"there are no runs in {store.url}; `daskflow run FILE.py:flow` makes one"


def check_may_resume(row: RunRow) -> None:
    """Raise `IllegalMoveError` for a run that is final."""
    state = row.state
    if state.is_finished() and not isinstance(state, Cancelled | Crashed):
        msg = (
            f"run {row.name!r} ended {type(state).__name__}, which is final; "
            f"`daskflow rerun {row.name} --failed` makes a new run that keeps what is done"
        )
        raise IllegalMoveError(msg)


def entries_that_fit(entries: list[Entry], graph: FlowGraph) -> list[Entry]:
    """Return the entries of nodes and index spaces that the flow still has."""
    found = []
    for entry in entries:
        match entry:
            case SpaceOpened() | SpaceEnded():
                fits = entry.space in graph.spaces
            case SegmentTold():
                fits = entry.segment.node in graph.nodes
            case TaskRunMoved():
                fits = entry.node in graph.nodes
            case _:
                fits = True
        if fits:
            found.append(entry)
    return found


def code_digests(graph: FlowGraph) -> dict[str, str]:
    """Return a digest of the source of each node's task."""
    return {name: _digest_of(node.task) for name, node in graph.nodes.items()}


def _digest_of(task: Task[..., Any]) -> str:
    function = inspect.unwrap(task.fn)
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):  # a builtin, a console
        code = getattr(function, "__code__", None)
        text = repr((code.co_code, code.co_consts)) if code is not None else repr(function)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def changed_tasks(record: RunRecord, before: Mapping[str, str]) -> list[str]:
    """Return the nodes that are not finished and whose tasks are not what they were."""
    now = code_digests(record.graph)
    return [
        name
        for name, node in record.nodes.items()
        if now[name] != before.get(name, now[name])
        and any(code not in FINISHED for code in node.codes)
    ]


def refuse_changed(names: list[str]) -> None:
    """Raise `IllegalMoveError` where tasks that are still to run have changed."""
    if names:
        msg = (
            f"the code of {', '.join(names)} has changed since the run began; "
            "--allow-code-change goes on with the new code"
        )
        raise IllegalMoveError(msg)


def is_orphan(state: State, *, is_held: bool) -> bool:
    """Return whether a run that says it goes on has lost its driver."""
    return state.code in _DRIVEN and not is_held


_DRIVEN = frozenset({Pending.code, Running.code, Cancelling.code})  # only a driver ends these

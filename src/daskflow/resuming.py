"""Going on with a run that is in a store: the same run, restored, or a new one like it.

A run may be resumed from Paused, Cancelled, and from where its driver was lost. What was accepted
and kept stands; a changed task whose run is finished keeps its result, one that is still to run is
named. A run that ended Success or Failed is final: `rerun` makes a new one.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from daskflow.context import run_label, split_label
from daskflow.definition.nodes import FlowGraph
from daskflow.definition.tasks import Task
from daskflow.entries import Entry
from daskflow.errors import (
    DefinitionError,
    IllegalMoveError,
    LeaseTakenError,
    ResultGoneError,
    TamperedError,
    UnknownRunError,
)
from daskflow.events import StoredResult
from daskflow.graph import listed
from daskflow.results.storage import ResultStorage
from daskflow.runtime.record import RunRecord
from daskflow.runtime.repeating import Heir, Repeats, spaces_kept, stored_results
from daskflow.runtime.resources import torn_down
from daskflow.runtime.restoring import lost_runs
from daskflow.states import FINISHED, Cancelled, Cancelling, Crashed, Pending, Running, State
from daskflow.stores.history import Holder, RunReader, RunRow, Wanted
from daskflow.timing import now

_COPIES = 8  # results that are copied at a time: storage may be far away
_log = logging.getLogger("daskflow")


def find_run(store: RunReader, wanted: str) -> RunRow:
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


def nothing_in(store: RunReader) -> str:
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


def check_may_rerun(row: RunRow, holder: Holder | None) -> None:
    """Raise `LeaseTakenError` for a run that still goes on."""
    if holder is None or row.state.is_finished():
        return
    msg = f"run {row.name!r} is driven by {holder}: a run can be repeated when it has ended"
    raise LeaseTakenError(msg)


def positions_of(record: RunRecord, wanted: str | Task[..., Any]) -> tuple[str, list[int]]:
    """Return the node that is meant, and the positions of its task runs that are.

    Parameters
    ----------
    wanted
        A task that has one node, the name of a node, or of task runs: ``clean[3]``.

    Raises
    ------
    DefinitionError
        There is no such node, or no such task run.
    """
    graph = record.graph
    if isinstance(wanted, Task):
        nodes = graph.nodes_of(wanted)
        wanted = nodes[0] if len(nodes) == 1 else wanted.name
    name, index = split_label(wanted) or (wanted, ())
    if name not in graph.nodes:
        msg = f"the flow has no node {name!r}; its nodes: {listed(graph.nodes)}"
        raise DefinitionError(msg)
    space, size = record.nodes[name].space, len(index)
    found = [place for place in range(space.size) if space.index_of(place)[:size] == index]
    if index and not found:
        msg = f"the run has no task run {run_label(name, index)}"
        raise DefinitionError(msg)
    return name, found


def code_digests(graph: FlowGraph) -> dict[str, list[str]]:
    """Return digests of the sources of all tasks, each with the nodes whose task it is."""
    functions = {id(task.fn): task.fn for task in graph.tasks()}  # one may be that of many tasks
    digests = {key: _digest_of(function) for key, function in functions.items()}
    found: dict[str, list[str]] = {digest: [] for digest in digests.values()}
    for name, node in graph.nodes.items():
        found[digests[id(node.task.fn)]].append(name)
    return found


def _by_node(code: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of each node's task; at first they were kept like that."""
    if any(isinstance(told, str) for told in code.values()):
        return dict(code)
    return {name: digest for digest, names in code.items() for name in names}


def _digest_of(function: Callable[..., Any]) -> str:
    function = inspect.unwrap(function)
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):  # a builtin, a console
        code = getattr(function, "__code__", None)
        text = repr((code.co_code, code.co_consts)) if code is not None else repr(function)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def changed_tasks(record: RunRecord, code: Mapping[str, Any]) -> list[str]:
    """Return the nodes of which something is still to run and whose tasks are not what they were.

    That is what is not finished, what was cancelled, and what has lost a value that is needed, or
    its resource.
    """
    lost = {name for name, _ in (*lost_runs(record), *torn_down(record))}
    now, before = _by_node(code_digests(record.graph)), _by_node(code)
    return [
        name
        for name, node in record.nodes.items()
        if now[name] != before.get(name, now[name])
        and (name in lost or any(c not in FINISHED or c == Cancelled.code for c in node.codes))
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


@dataclass(frozen=True)
class Legacy:
    """What is kept of a run for the next one."""

    spaces: list[Entry] = field(default_factory=list)  # which index spaces there are
    entries: list[Entry] = field(default_factory=list)  # which task runs are done
    blocks: int = 0  # numbers of blocks that are in use by them


def legacy_of(
    before: RunRecord, found: Repeats, source: ResultStorage, target: ResultStorage | None
) -> Legacy:
    """Return what a run leaves to the next one, its durable results copied.

    Parameters
    ----------
    found
        What is not left, for it is repeated.
    source, target
        Where the results of the two runs are.

    Raises
    ------
    StoreBusyError
        A result cannot be read or written now.
    """
    spaces, places = spaces_kept(before, found)
    stored = stored_results(before, found)
    copied: dict[tuple[str, int], StoredResult] = {}
    if target is not None and stored:
        with ThreadPoolExecutor(_COPIES) as pool:
            made = pool.map(lambda one: _copied(one, source, target), stored.values())
            pairs = zip(stored, made, strict=True)
            copied = {run: result for run, result in pairs if result is not None}
    numbers: dict[str, int] = {}  # of blocks, by the worker that ran them
    heir = Heir(before, found, places, copied, lambda w: numbers.setdefault(w, len(numbers) + 1))
    entries = list(heir.entries(now()))
    return Legacy(spaces, entries, len(numbers))


def _copied(
    stored: StoredResult, source: ResultStorage, target: ResultStorage
) -> StoredResult | None:
    try:
        return target.copy(stored, source)
    except (ResultGoneError, TamperedError) as error:
        _log.warning("%s: where it is needed it is made again", error)
        return None

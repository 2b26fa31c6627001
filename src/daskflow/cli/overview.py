"""What ``daskflow show`` tells of a run: pure rows and fields, and a part that prints them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from daskflow.cli.display import make_console
from daskflow.cli.outcome import Remark, seconds_in
from daskflow.cli.reading import Way, print_table
from daskflow.cli.rows import many, one_line
from daskflow.cli.summary import colour_of, print_remarks, print_tasks, say
from daskflow.cli.told import kind_text, run_fields, state_fields, took_text, who_text
from daskflow.context import run_label
from daskflow.history.reading import ReadRun
from daskflow.runtime.pausing import paused_runs
from daskflow.runtime.views import progress_of
from daskflow.states import Cancelled, Crashed, State, TriggerFailed
from daskflow.stores.history import RunRow, RunStore, Wanted
from daskflow.timing import now

_SHOWN = 20  # task runs of a list
_Found = tuple[str, tuple[int, ...], State]  # node, map index


def handle_of(store: RunStore, row: RunRow) -> str:
    """Return how a run is named in a command: by its name where no other run has it."""
    others = store.runs(Wanted(called=row.name, limit=2))
    return shlex.quote(row.name) if len(others) == 1 else row.id[:12]


def failures_in(run: ReadRun) -> list[_Found]:
    """Return what failed in a run, in the order of the flow."""
    record = run.record
    found = record.failed(record.graph.order())
    return [(node, index, record.node_state(node, index)) for node, index in found]


def waiting_in(run: ReadRun) -> list[_Found]:
    """Return what waits for a person in a run."""
    record = run.record
    found = paused_runs(record, None, None) if record.paused else []
    return [(node, record.index(node, at), record.state(node, at)) for node, at in found]


def next_of(run: ReadRun, handle: str) -> Iterator[tuple[str, str]]:
    """Return what there is to do next: commands, each with what it is good for."""
    state = run.state
    waiting = waiting_in(run)
    if waiting and not state.is_finished():
        task = f" {shlex.quote(run_label(*waiting[0][:2]))}" if len(waiting) > 1 else ""
        yield f"daskflow approve {handle}{task}", "lets it go on; `daskflow reject` lets it fail"
    elif isinstance(state, Cancelled | Crashed):
        yield f"daskflow resume {handle}", "goes on where it stopped; what is done stays done"
    elif state.is_failed():
        yield f"daskflow rerun {handle} --failed", "makes a new run that keeps what is done"
    real = [one for one in failures_in(run) if not isinstance(one[2], TriggerFailed)]
    if real and not state.is_successful():
        task = shlex.quote(run_label(*real[0][:2]))
        yield f"daskflow why {handle} {task}", "tells why, with the traceback"


def show_fields(run: ReadRun, handle: str) -> dict[str, Any]:
    """Return all that is told of a run as JSON; the fields are in the command's help."""
    nodes = [
        {
            "node": node.node,
            "total": node.total,
            "counts": dict(node.counts),
            "seconds": round(seconds_in(run.record, node.node), 3),
        }
        for node in progress_of(run.record)
    ]
    return {
        **run_fields(run.row, run.state),
        "driver": str(run.holder) if run.holder is not None else None,
        "nodes": nodes,
        "failures": [*map(_fields_of, failures_in(run))],
        "waiting": [*map(_fields_of, waiting_in(run))],
        "next": [{"command": command, "why": why} for command, why in next_of(run, handle)],
    }


def _fields_of(found: _Found) -> dict[str, Any]:
    node, index, state = found
    label = run_label(node, index)
    return {"task_run": label, "node": node, "index": list(index), **state_fields(state)}


def facts_of(run: ReadRun, way: Way, parent: str = "") -> list[tuple[str, str]]:
    """Return what is told of a run as a whole, for people; what is empty is left out.

    Parameters
    ----------
    parent
        Name of the run that it repeats, or was called in.
    """
    row = run.row
    facts = {
        "id": row.id,
        "started": way.time(row.started if row.started is not None else row.created),
        "ended": way.time(row.ended) if row.ended is not None else "",
        "by": f"{who_text(row)}, process {row.pid}" if row.user else "",
        "driven": f"by {run.holder}" if run.holder is not None else "",
        "tags": ", ".join(sorted(row.tags)),
        "target": row.target,
        "folder": row.folder,
        "repeats": "" if row.caller else parent,
        "called by": row.caller,
    }
    return [(name, fact) for name, fact in facts.items() if fact]


def head_of(run: ReadRun, instant: float) -> str:
    """Return the first line: the flow, the run, how it stands and since when."""
    row, state = run.row, run.state
    took = took_text(row, state, instant)
    took = "" if took == "-" else f" {'in' if state.is_successful() else 'after'} {took}"
    why = f": {one_line(state.message)}" if state.message else ""
    return f"{row.flow_name} / {row.name}: {kind_text(state)}{took}{why}"


def print_run(run: ReadRun, handle: str, way: Way, parent: str) -> None:
    """Print all that is told of a run."""
    console = make_console()
    say(console, head_of(run, now()), f"bold {colour_of(run.state)}")
    print_table(
        console, ["", ""], [(f"  {name}", fact) for name, fact in facts_of(run, way, parent)]
    )
    print_tasks(console, run.record)
    failures = failures_in(run)
    print_remarks(console, "failed", *_remarks(failures))
    print_remarks(console, "waiting for approval", *_remarks(waiting_in(run)))
    print_remarks(console, "next", [Remark(*one) for one in next_of(run, handle)])


def _remarks(found: list[_Found]) -> tuple[list[Remark], list[str]]:
    """Return lines about task runs: what failed itself stands before what did not start."""
    found = sorted(found, key=lambda one: isinstance(one[2], TriggerFailed))
    remarks = [
        Remark(run_label(node, index), one_line(f"{kind_text(state)}: {state.message}"))
        for node, index, state in found[:_SHOWN]
    ]
    more = len(found) - _SHOWN
    return remarks, [f"and {many(more, 'task run')} more"] if more > 0 else []

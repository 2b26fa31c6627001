"""What ``daskflow show`` tells of a run: pure rows and fields, and a part that prints them."""

from __future__ import annotations

from typing import Any

from daskflow.cli.display import make_console
from daskflow.cli.outcome import (
    Found,
    Remark,
    failures_in,
    seconds_in,
    steps_after,
    waiting_in,
)
from daskflow.cli.reading import Way, print_table
from daskflow.cli.summary import (
    colour_of,
    print_remarks,
    print_retried_and_skipped,
    print_steps,
    print_tasks,
    say,
)
from daskflow.cli.told import kind_text, run_fields, state_fields, took_text, who_text
from daskflow.context import run_label
from daskflow.history.reading import ReadRun
from daskflow.runtime.views import progress_of
from daskflow.states import TriggerFailed
from daskflow.timing import now
from daskflow.wording import many, one_line

_SHOWN = 20  # task runs of a list


def show_fields(run: ReadRun, handle: str) -> dict[str, Any]:
    """Return all that is told of a run as JSON; the fields are in the command's help."""
    instant = _instant_of(run)
    nodes = [
        {
            "node": node.node,
            "total": node.total,
            "counts": dict(node.counts),
            "seconds": round(seconds_in(run.record, node.node, instant), 3),
        }
        for node in progress_of(run.record)
    ]
    return {
        **run_fields(run.row, run.state),
        "driver": str(run.holder) if run.holder is not None else None,
        "nodes": nodes,
        "failures": [*map(_fields_of, failures_in(run.record))],
        "waiting": [*map(_fields_of, waiting_in(run.record))],
        "next": [step._asdict() for step in steps_after(run.record, run.state, handle)],
    }


def _instant_of(run: ReadRun) -> float | None:
    """Return up to when what runs has run; None where the run does not go on."""
    return None if run.state.is_finished() else now()


def _fields_of(found: Found) -> dict[str, Any]:
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
    print_tasks(console, run.record, _instant_of(run))
    print_retried_and_skipped(console, run.record, with_failed=False)  # they come next
    print_remarks(console, "failed", *_remarks(failures_in(run.record)))
    print_remarks(console, "waiting for approval", *_remarks(waiting_in(run.record)))
    print_steps(console, steps_after(run.record, run.state, handle))


def _remarks(found: list[Found]) -> tuple[list[Remark], list[str]]:
    """Return lines about task runs: what failed itself stands before what did not start."""
    found = sorted(found, key=lambda one: isinstance(one[2], TriggerFailed))
    remarks = [
        Remark(run_label(node, index), one_line(f"{kind_text(state)}: {state.message}"))
        for node, index, state in found[:_SHOWN]
    ]
    more = len(found) - _SHOWN
    return remarks, [f"and {many(more, 'task run')} more"] if more > 0 else []

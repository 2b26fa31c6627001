"""The summary at the end of a run, printed. Thin: `rows` and `outcome` decide what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.pretty import pretty_repr
from rich.table import Table
from rich.text import Text

from daskflow.cli.followed import FollowedRun
from daskflow.cli.outcome import (
    Remark,
    failures_of,
    how_in_python,
    outcome_line,
    remarks_of,
    seconds_in,
    steps_after,
    waiting_of,
)
from daskflow.cli.rows import done_text, rows_of
from daskflow.history.steps import Step
from daskflow.runs import FlowRun
from daskflow.runtime.record import RunRecord
from daskflow.runtime.views import progress_of
from daskflow.states import Cancelled, Paused, State
from daskflow.timing import now
from daskflow.wording import span_text

if TYPE_CHECKING:
    from rich.console import Console

_RETURNED_LINES = 20  # of what the flow returned


def print_summary(console: Console, run: FlowRun, handle: str = "") -> None:
    """Print what became of a run that this process drove, and what it returned.

    Parameters
    ----------
    handle
        How the run is named in a command; empty: no command can do anything about it.
    """
    steps = steps_after(run.record, run.state, handle, is_explained=True) if handle else []
    print_end(console, run, steps, how_in_python(run))
    if run.state.is_successful():
        _print_returned(console, run)


def print_end(
    console: Console, run: FollowedRun, steps: Sequence[Step], more: Sequence[str] = ()
) -> None:
    """Print what became of a run: its state, its tasks, what was unhappy, what to do next."""
    record = run.record
    say(console, "")
    say(console, outcome_line(run), f"bold {colour_of(run.state)}")
    print_tasks(console, record)
    print_retried_and_skipped(console, record)
    _print_failures(console, record)
    if isinstance(run.state, Paused):
        print_remarks(console, "waiting for approval", *waiting_of(record))
    print_steps(console, steps, more)


def print_retried_and_skipped(
    console: Console, record: RunRecord, *, with_failed: bool = True
) -> None:
    """Print what was retried or skipped, and why."""
    remarks, others = remarks_of(record, with_failed=with_failed)
    kinds = {"skipped" if one.told.startswith("Skipped") else "retried" for one in remarks}
    kinds |= {"skipped"} if others else set()
    print_remarks(console, " and ".join(sorted(kinds)), remarks, others)


def print_steps(console: Console, steps: Sequence[Step], more: Sequence[str] = ()) -> None:
    """Print what there is to do next; nothing where that is nothing."""
    if steps or more:
        say(console, "\nnext", "bold")
    for step in steps:
        say(console, str(step), indent=2)
    for line in more:
        say(console, line, "dim", indent=2)


def how_far_is(run: FollowedRun | None) -> str:
    """Return how far a run is by now."""
    return f"{done_text(rows_of(run.progress()))} task runs had finished" if run else ""


def print_interrupted(
    console: Console, run: FlowRun | None, began: float, how_far: str, handle: str = ""
) -> None:
    """Print how far a run was when the user pressed Ctrl-C, and what it came to."""
    took = span_text(now() - began)
    if run is None:
        say(console, f"Interrupted after {took}, while it was starting.", "bold magenta")
        return
    line = f"{run.flow_name} / {run.name}: interrupted after {took}; {how_far}"
    say(console, line, "bold magenta")
    print_tasks(console, run.record)
    if handle:
        state = run.state if run.state.is_finished() else Cancelled()  # it soon will be
        print_steps(console, steps_after(run.record, state, handle))


def colour_of(state: State) -> str:
    """Return the colour in which a run's state is told."""
    if state.is_successful():
        return "green"
    if isinstance(state, Paused):
        return "blue"
    if not state.is_finished():
        return "yellow"
    return "magenta" if isinstance(state, Cancelled) else "red"


def say(console: Console, line: str, style: str = "", indent: int = 0) -> None:
    """Print a line, wrapped at words in a terminal, whole elsewhere."""
    if console.is_terminal and line:
        console.print(Padding(Text(line, style), (0, 0, 0, indent), expand=False))
    else:
        console.print(Text(" " * indent + line, style), soft_wrap=True)


def plain_table() -> Table:
    """Return a table as all of ours are: columns without lines."""
    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")


def print_tasks(console: Console, record: RunRecord, instant: float | None = None) -> None:
    """Print a row for each task of a run, how long it ran up to an instant among the rest."""
    rows = rows_of(progress_of(record))
    if not rows:
        return
    table = plain_table()
    table.add_column("task", overflow="fold")
    table.add_column("runs", justify="right", no_wrap=True)
    table.add_column("states")
    table.add_column("time", justify="right", no_wrap=True)
    for row in rows:
        runs = "-" if row.total is None else str(row.total)
        took = span_text(seconds_in(record, row.name, instant))
        table.add_row(Text(row.name), runs, row.states, took)
    say(console, "")
    console.print(Padding(table, (0, 0, 0, 2), expand=False))
    if kept := record.inherited():
        told = f"{kept:,} of these {'was' if kept == 1 else 'were'} kept from the run it repeats"
        say(console, told, "dim", indent=2)


def print_remarks(
    console: Console, title: str, remarks: Sequence[Remark], more: Sequence[str] = ()
) -> None:
    """Print a list below a title; nothing where there is nothing in it."""
    if not remarks and not more:
        return
    say(console, f"\n{title}", "bold")
    for remark in remarks:
        say(console, f"{remark.name}: {remark.told}" if remark.told else remark.name, indent=2)
    for line in more:
        say(console, line, "dim", indent=2)


def _print_failures(console: Console, record: RunRecord) -> None:
    failures, more = failures_of(record)
    if not failures:
        return
    say(console, "\nfailed", "bold red")
    for failure in failures:
        say(console, failure.head, "red", indent=2)
        for line in failure.body.splitlines():
            say(console, line, indent=4)
    for line in more:
        say(console, line, "dim", indent=2)


def _print_returned(console: Console, run: FlowRun) -> None:
    try:
        value = run.result()
    except Exception as error:  # noqa: BLE001 - a value that cannot be shown is no failure
        say(console, f"\nreturned a value that cannot be shown: {error}", "dim")
        return
    text = pretty_repr(value, max_width=console.width - 2, max_length=10, max_string=200)
    lines = text.splitlines()
    if len(lines) > _RETURNED_LINES:
        lines[_RETURNED_LINES:] = [f"... {len(lines) - _RETURNED_LINES} lines more"]
    say(console, "\nreturned", "bold")
    for line in lines:
        say(console, line, indent=2)

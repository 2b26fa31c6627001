"""The summary at the end of a run, printed. Thin: `rows` and `outcome` decide what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.pretty import pretty_repr
from rich.table import Table
from rich.text import Text

from daskflow.cli.outcome import (
    failures_of,
    outcome_line,
    paused_of,
    remarks_of,
    seconds_in,
)
from daskflow.cli.rows import rows_of, span_text, sum_of
from daskflow.runs import FlowRun
from daskflow.states import Cancelled, Paused
from daskflow.timing import now

if TYPE_CHECKING:
    from rich.console import Console

_RETURNED_LINES = 20  # of what the flow returned


def print_summary(console: Console, run: FlowRun) -> None:
    """Print what became of a run: its state, its tasks, what was unhappy, what it returned."""
    _say(console, "")
    _say(console, outcome_line(run), f"bold {_colour(run)}")
    _print_tasks(console, run)
    _print_remarks(console, run)
    _print_failures(console, run)
    _print_paused(console, run)
    if run.state.is_successful():
        _print_returned(console, run)


def print_interrupted(console: Console, run: FlowRun | None, began: float) -> None:
    """Print how far a run was when the user pressed Ctrl-C."""
    took = span_text(now() - began)
    if run is None:
        _say(console, f"Interrupted after {took}, while it was starting.", "bold magenta")
        return
    total = sum_of(rows_of(run.progress()))
    told = f"{total.done} of {total.total} task runs had finished"
    _say(console, f"{run.flow_name} / {run.name}: interrupted after {took}; {told}", "bold magenta")
    _print_tasks(console, run)


def _colour(run: FlowRun) -> str:
    if run.state.is_successful():
        return "green"
    return "magenta" if isinstance(run.state, Cancelled | Paused) else "red"


def _say(console: Console, line: str, style: str = "", indent: int = 0) -> None:
    """Print a line, wrapped at words in a terminal, whole elsewhere."""
    if console.is_terminal and line:
        console.print(Padding(Text(line, style), (0, 0, 0, indent), expand=False))
    else:
        console.print(Text(" " * indent + line, style), soft_wrap=True)


def _print_tasks(console: Console, run: FlowRun) -> None:
    rows = rows_of(run.progress())
    if not rows:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("task", overflow="fold")
    table.add_column("runs", justify="right", no_wrap=True)
    table.add_column("states")
    table.add_column("time", justify="right", no_wrap=True)
    for row in rows:
        runs = "-" if row.total is None else str(row.total)
        table.add_row(Text(row.name), runs, row.states, span_text(seconds_in(run, row.name)))
    _say(console, "")
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _print_remarks(console: Console, run: FlowRun) -> None:
    remarks, more = remarks_of(run)
    if not remarks and not more:
        return
    kinds = {"skipped" if remark.told.startswith("Skipped") else "retried" for remark in remarks}
    kinds |= {"skipped"} if more else set()
    _say(console, f"\n{' and '.join(sorted(kinds))}", "bold")
    for remark in remarks:
        _say(console, f"{remark.name}: {remark.told}", indent=2)
    for line in more:
        _say(console, line, "dim", indent=2)


def _print_paused(console: Console, run: FlowRun) -> None:
    waiting, more = paused_of(run)
    if not waiting:
        return
    _say(console, "\nwaiting for approval", "bold magenta")
    for remark in waiting:
        _say(console, f"{remark.name}: {remark.told}", indent=2)
    for line in more:
        _say(console, line, "dim", indent=2)
    told = "this run ends with the command; from Python it can go on: run = flow.run(...)"
    _say(console, f"{told}, run.approve() or run.reject()", "dim", indent=2)


def _print_failures(console: Console, run: FlowRun) -> None:
    failures, more = failures_of(run)
    if not failures:
        return
    _say(console, "\nfailed", "bold red")
    for failure in failures:
        _say(console, failure.head, "red", indent=2)
        for line in failure.body.splitlines():
            _say(console, line, indent=4)
    for line in more:
        _say(console, line, "dim", indent=2)


def _print_returned(console: Console, run: FlowRun) -> None:
    try:
        value = run.result()
    except Exception as error:  # noqa: BLE001 - a value that cannot be shown is no failure
        _say(console, f"\nreturned a value that cannot be shown: {error}", "dim")
        return
    text = pretty_repr(value, max_width=console.width - 2, max_length=10, max_string=200)
    lines = text.splitlines()
    if len(lines) > _RETURNED_LINES:
        lines[_RETURNED_LINES:] = [f"... {len(lines) - _RETURNED_LINES} lines more"]
    _say(console, "\nreturned", "bold")
    for line in lines:
        _say(console, line, indent=2)

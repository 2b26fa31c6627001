"""The command ``daskflow doctor``: whether flows can run here, or on a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from daskflow.cli.exits import Exit
from daskflow.cli.reading import Way, answers, print_json
from daskflow.wording import many

if TYPE_CHECKING:  # imported when a doctor is asked: they need rich, or Dask
    from rich.console import Console

    from daskflow.diagnosis.findings import Finding

_HELP = """\
Check whether flows can run here, and on a cluster; whatever is wrong is told with its cure.

Of this machine: Python and packages, which settings are set and where, whether runs and results can
be kept, free disk, ports. With an address, given here or by DASKFLOW_EXECUTOR, of the cluster too:
scheduler, tracker, dashboard, versions on every host, whether all workers reach the results, memory
limits, clocks, encryption. Nobody is waited for longer than DASKFLOW_ENGINE__CONNECT_TIMEOUT.

\b
JSON: {"findings": [{"what", "level" (ok, warning, problem), "found", "cure"}]}

\b
Examples:
  daskflow doctor
  daskflow doctor --address tcp://10.0.0.7:8786
"""
_EPILOG = """\b
Exit codes:
  0  no problem was found; there may be warnings
  1  something has to be mended"""
_STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}
_WIDTHS = (9, 13)  # columns for the level, and for what a finding is about


@click.command(help=_HELP, short_help="Check this machine, or a cluster.", epilog=_EPILOG)
@click.option("--address", metavar="ADDRESS", help="A Dask scheduler, tcp://HOST:PORT.")
@answers
def doctor(way: Way, *, address: str | None) -> int:
    """Check whether flows can run here, and on a cluster."""
    from daskflow.diagnosis.examining import examine

    findings = examine(address)
    found = list(findings) if way.is_json else _shown(findings)
    if way.is_json:
        print_json({"findings": [_fields_of(one) for one in found]})
    problems = [one for one in found if one.level.value == "problem"]
    return Exit.ERROR if problems else Exit.SUCCESS


def _fields_of(one: Finding) -> dict[str, str]:
    return {"what": one.what, "level": one.level.value, "found": one.found, "cure": one.cure}


def _shown(findings: Iterable[Finding]) -> list[Finding]:
    """Print each finding as it comes, and how many there were to mend; return them all."""
    from daskflow.cli.display import make_console
    from daskflow.cli.summary import say

    console = make_console()
    found = []
    for one in findings:
        _print(console, one)
        found.append(one)
    say(console, f"\n{total_of(found)}", "bold")
    return found


def _print(console: Console, one: Finding) -> None:
    """Print a finding: its level, what it is about, and behind them all that there is to read."""
    from rich.table import Table
    from rich.text import Text

    level = Text(f"{one.level.value:{_WIDTHS[0]}}", _STYLES[one.level.value])
    if not console.is_terminal:
        console.print(Text.assemble(level, f"{one.what:{_WIDTHS[1]}}{one.found}"), soft_wrap=True)
        if one.cure:
            console.print(Text(f"{'':{sum(_WIDTHS)}}{one.cure}"), soft_wrap=True)
        return
    table = Table.grid()
    for width in _WIDTHS:
        table.add_column(width=width)
    table.add_column(overflow="fold")
    table.add_row(level, one.what, Text(one.found))
    if one.cure:
        table.add_row("", "", Text(one.cure, "bold"))
    console.print(table)


def total_of(found: Iterable[Finding]) -> str:
    """Return in a line how many findings there are to mend."""
    levels = [one.level.value for one in found]
    counts = [(levels.count(level), level) for level in ("problem", "warning")]
    return ", ".join(many(number, level) for number, level in counts if number) or "all is well"

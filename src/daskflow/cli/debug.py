"""The command ``daskflow debug``: one call of a run once more, here, under the eyes of its user."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daskflow.cli.exits import Exit
from daskflow.cli.options import carried_out
from daskflow.cli.resume import flow_of_run

if TYPE_CHECKING:  # imported when a call is made: it needs Dask
    from daskflow.runtime.calling import Ending
    from daskflow.runtime.single import SingleCall

_HELP = """\
Call a task of a run once more in this process, with the inputs it had then.

RUN is an id, the beginning of one, a name, or "last"; TASK is NODE or NODE[INDEX]. The function is
really called, with all that it does to the world; the run and its history stay as they are. Inputs
are parameters, small results, and those that were kept by persist_result=True; what was not kept is
named.

\b
Examples:
  daskflow debug last "clean[3]"
  daskflow debug brisk-otter load --pdb

\b
Exit codes:
  0  it returned
  1  usage or engine error: nothing was called
  2  it raised
"""
_WIDTH, _LENGTH, _LINES = 100, 10, 20  # of a value that is shown: columns, elements, lines


@click.command(help=_HELP, short_help="Call a task of a run once more, here.")
@click.argument("run")
@click.argument("task")
@click.option("--pdb", "with_pdb", is_flag=True, help="Start the debugger where it raised.")
@click.option("--verbose", is_flag=True, help="Show the traceback of an error.")
def debug(*, run: str, task: str, with_pdb: bool, verbose: bool) -> int:
    """Call a task of a run once more in this process."""
    return carried_out(partial(_call, run, task, with_pdb=with_pdb), verbose=verbose)


def _call(wanted: str, task: str, *, with_pdb: bool) -> int:
    from daskflow.starting import call_of

    with flow_of_run(wanted) as (row, flow):
        call = call_of(flow, row.id, task)
        _print_call(call, f"{row.flow_name} / {row.name}")
        return _told(call.make(), with_pdb=with_pdb)


def _print_call(call: SingleCall, whose: str) -> None:
    click.echo(f"{call.run.label()} of {whose}, called here with")
    inputs = call.inputs()
    for name, value in inputs.items():
        _print_value(value, f"{name} = ")
    if not inputs:
        click.echo("  nothing")


def _told(ending: Ending, *, with_pdb: bool) -> int:
    """Print how a call ended, and return the exit code."""
    if ending.error is None:
        kind = type(ending.state).__name__
        told = "returned" if ending.signal is None else f"ended {kind}: {ending.state.message}"
        click.echo(f"\n{told}")
        if ending.signal is None:
            _print_value(ending.value)
        return Exit.SUCCESS
    click.echo(f"\n{ending.trace}", nl=False)
    if with_pdb:
        _look_around(ending.error)
    return Exit.FAILED


def _look_around(error: BaseException) -> None:
    """Start the debugger in the innermost line of the user's own."""
    import pdb  # noqa: T100 - it was asked for

    from daskflow.runtime.single import frames_until
    from daskflow.runtime.spec import is_installed

    def is_own(file: str) -> bool:
        return not file.startswith("<") and not is_installed(Path(file).resolve())

    trace = frames_until(error, is_own) or error.__traceback__
    pdb.post_mortem(trace)


def _print_value(value: Any, name: str = "") -> None:
    from rich.pretty import pretty_repr

    text = pretty_repr(value, max_width=_WIDTH, max_length=_LENGTH, max_string=200)
    lines = f"{name}{text}".splitlines()
    if len(lines) > _LINES:
        lines[_LINES:] = [f"... {len(lines) - _LINES} lines more"]
    click.echo("\n".join(f"  {line}" for line in lines))

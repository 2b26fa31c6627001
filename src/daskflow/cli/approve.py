"""The commands ``daskflow approve`` and ``daskflow reject``: for a run that waits for a person.

A run that waits belongs to nobody: who decides takes it up and drives it on, in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from daskflow.cli.arguments import Place
from daskflow.cli.exits import EXIT_CODES
from daskflow.cli.options import carried_out, place_options
from daskflow.cli.resume import go_on

if TYPE_CHECKING:  # imported when a run begins: they need Dask
    from daskflow.definition.flows import Flow
    from daskflow.runs import FlowRun

_APPROVE = """\
Let what waits for approval run, and the run go on.

RUN is an id, the beginning of one, a name, or "last". TASK is a node or NODE[INDEX]; without it all
that waits is meant. The flow is imported from where the run was started.

\b
Examples:
  daskflow approve last
  daskflow approve brisk-otter "pay[1]"
"""
_REJECT = """\
Let what waits for approval fail, and the run go on.

RUN is an id, the beginning of one, a name, or "last". TASK is a node or NODE[INDEX]; without it all
that waits is meant. The flow is imported from where the run was started.

\b
Example:
  daskflow reject brisk-otter "pay[1]" --message "too much"
"""


@click.command(help=_APPROVE, epilog=EXIT_CODES)
@click.argument("run")
@click.argument("task", required=False)
@place_options
def approve(*, run: str, task: str | None, verbose: bool, **place: Any) -> int:
    """Let what waits for approval run, and the run go on."""
    return _decide(run, place, lambda made: made.approve(task), verbose=verbose)


@click.command(help=_REJECT, epilog=EXIT_CODES)
@click.argument("run")
@click.argument("task", required=False)
@click.option("--message", default="", help="Why; it is in the states.")
@place_options
def reject(*, run: str, task: str | None, message: str, verbose: bool, **place: Any) -> int:
    """Let what waits for approval fail, and the run go on."""
    return _decide(run, place, lambda made: made.reject(task, message=message), verbose=verbose)


def _decide(
    wanted: str, place: Mapping[str, Any], decide: Callable[[FlowRun], object], *, verbose: bool
) -> int:
    from daskflow.resuming import check_may_resume

    start = partial(_decided, decide)
    order = partial(go_on, wanted, Place(**place), check_may_resume, start)
    return carried_out(order, verbose=verbose)


def _decided(decide: Callable[[FlowRun], object], flow: Flow[..., Any], run_id: str) -> FlowRun:
    """Decide before the run goes on; where nothing is meant, give it back as it was."""
    from daskflow.starting import resume

    run = resume(flow, run_id)
    try:
        decide(run)
    except BaseException:
        run.give_back()
        raise
    return run

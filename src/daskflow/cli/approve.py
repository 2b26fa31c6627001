"""The commands ``daskflow approve`` and ``daskflow reject``: for a run that waits for a person.

A run that waits belongs to nobody: who decides takes it up and drives it on, in this process.
"""

from __future__ import annotations

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
    order = partial(go_on, run, Place(**place), _check, partial(_approved, task))
    return carried_out(order, verbose=verbose)


@click.command(help=_REJECT, epilog=EXIT_CODES)
@click.argument("run")
@click.argument("task", required=False)
@click.option("--message", default="", help="Why; it is in the states.")
@place_options
def reject(*, run: str, task: str | None, message: str, verbose: bool, **place: Any) -> int:
    """Let what waits for approval fail, and the run go on."""
    order = partial(go_on, run, Place(**place), _check, partial(_rejected, task, message))
    return carried_out(order, verbose=verbose)


def _check(row: Any) -> None:
    from daskflow.resuming import check_may_resume

    check_may_resume(row)


def _approved(task: str | None, flow: Flow[..., Any], run_id: str) -> FlowRun:
    from daskflow.starting import resume

    run = resume(flow, run_id)
    return _decided(run, partial(run.approve, task))


def _rejected(task: str | None, message: str, flow: Flow[..., Any], run_id: str) -> FlowRun:
    from daskflow.starting import resume

    run = resume(flow, run_id)
    return _decided(run, partial(run.reject, task, message=message))


def _decided(run: FlowRun, decide: Any) -> FlowRun:
    """Decide before the run goes on; where nothing is meant, give it back as it was."""
    try:
        decide()
    except BaseException:
        run.give_back()
        raise
    return run

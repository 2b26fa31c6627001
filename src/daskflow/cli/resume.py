"""The commands ``daskflow resume`` and ``daskflow rerun``: on from a run that is in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daskflow.cli.arguments import Place, executor_of
from daskflow.cli.driving import run_shown
from daskflow.cli.exits import EXIT_CODES
from daskflow.cli.options import carried_out, place_options
from daskflow.cli.reading import open_store
from daskflow.errors import TargetError

if TYPE_CHECKING:  # imported when a run begins: they need Dask
    from daskflow.definition.flows import Flow
    from daskflow.runs import FlowRun
    from daskflow.stores.history import RunRow

    Start = Callable[[Flow[..., Any], str], FlowRun]

_RESUME = """\
Go on with a run that was paused, cancelled, or lost its driver.

RUN is an id, the beginning of one, a name, or "last". What was done and kept is not done again.
The flow is imported from where the run was started.

\b
Examples:
  daskflow resume last
  daskflow resume brisk-otter --workers 4 --allow-code-change
"""


@click.command(
    help=_RESUME, short_help="Go on with a run that stopped, or waits.", epilog=EXIT_CODES
)
@click.argument("run")
@click.option(
    "--allow-code-change",
    is_flag=True,
    help="Go on though the code of tasks that are still to run has changed.",
)
@place_options
def resume(*, run: str, allow_code_change: bool, verbose: bool, **place: Any) -> int:
    """Go on with a run that was paused, cancelled, or lost its driver."""
    from daskflow.resuming import check_may_resume
    from daskflow.starting import resume as begin

    start = partial(begin, allow_code_change=allow_code_change)
    order = partial(go_on, run, Place(**place), check_may_resume, start)
    return carried_out(order, verbose=verbose)


_RERUN = """\
Make a new run with the parameters of an earlier one.

RUN is an id, the beginning of one, a name, or "last". With neither --failed nor --from all of it
runs again; with one of them the new run keeps the rest of the earlier one, and its results.

\b
Examples:
  daskflow rerun last --failed
  daskflow rerun brisk-otter --from "clean[3]"
"""


@click.command(help=_RERUN, epilog=EXIT_CODES)
@click.argument("run")
@click.option(
    "--failed",
    is_flag=True,
    help="Keep what succeeded or was skipped; the rest, and what hangs on it, runs again.",
)
@click.option(
    "--from",
    "from_task",
    metavar="TASK",
    help="Run again only this task, NODE or NODE[INDEX], and what hangs on it.",
)
@place_options
def rerun(*, run: str, failed: bool, from_task: str | None, verbose: bool, **place: Any) -> int:
    """Make a new run with the parameters of an earlier one."""
    from daskflow.starting import rerun as begin

    start = partial(begin, failed=failed, from_task=from_task)
    order = partial(go_on, run, Place(**place), None, start)
    return carried_out(order, verbose=verbose)


def go_on(wanted: str, place: Place, check: Callable[[RunRow], None] | None, start: Start) -> int:
    """Import the flow of a run, and show what is started with it; see `flow_of_run`."""
    with flow_of_run(wanted, check, place) as (row, flow):
        return run_shown(lambda: _started(start(flow, row.id)), flow.name)


@contextmanager
def flow_of_run(
    wanted: str,
    check: Callable[[RunRow], None] | None = None,
    place: Place = Place(),  # noqa: B008 - it is frozen
) -> Iterator[tuple[RunRow, Flow[..., Any]]]:
    """Give a run and its flow, in the folder where the run was started.

    Parameters
    ----------
    check
        Raises where there is no need to import anything; None: there always is.

    Raises
    ------
    UnknownRunError
        There is no such run.
    TargetError
        Its flow cannot be imported.
    """
    from daskflow.resuming import find_run
    from daskflow.targets import load_flow_of

    store = open_store()
    row = find_run(store, wanted)
    if check is not None:
        check(row)
    _check_folder(row)
    executor = executor_of(place)
    with chdir(row.folder):
        flow = load_flow_of(store, row).with_options(store=store)
        yield row, flow if executor is None else flow.with_options(executor=executor)


def _check_folder(row: RunRow) -> None:
    if not Path(row.folder).is_dir():
        msg = (
            f"run {row.name!r} was started in {row.folder}, which is not there: make it, or where "
            f"you have the flow f, f.resume({row.id!r}) or f.rerun({row.id!r}) does it"
        )
        raise TargetError(msg)


def _started(run: FlowRun) -> FlowRun:
    run.start()
    return run

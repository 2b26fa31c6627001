"""The command ``daskflow cancel``: ends a run, whoever drives it.

Who drives it is asked to, by an order in the store. A run that nobody drives is ended here; its
code is imported only where something of it has to run: what cleans up, state handlers, hooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from daskflow.cli.exits import EXIT_CODES, Exit
from daskflow.cli.options import carried_out
from daskflow.cli.reading import RUN_HELP, open_store, run_argument
from daskflow.errors import DaskflowError, LeaseTakenError

if TYPE_CHECKING:  # imported when the command is carried out: they need the engine
    from daskflow.states import State
    from daskflow.stores.history import RunRow, RunStore

_CANCEL = f"""\
End a run as Cancelled, whoever drives it.

Nothing more of it is begun, and bodies that run are interrupted. What did finish stays done, and
`daskflow resume` goes on from there. A run that waits, or has lost its driver, is ended here.
{RUN_HELP}

\b
Examples:
  daskflow cancel last
  daskflow cancel brisk-otter --no-wait
"""


@click.command(help=_CANCEL, epilog=EXIT_CODES)
@run_argument
@click.option("--no-wait", is_flag=True, help="Leave the order; do not wait until it has ended.")
@click.option("--verbose", is_flag=True, help="Show the traceback of an error.")
def cancel(*, run: str, no_wait: bool, verbose: bool) -> int:
    """End a run as Cancelled, whoever drives it."""
    return carried_out(lambda: _cancel(run, is_waiting=not no_wait), verbose=verbose)


def _cancel(wanted: str, *, is_waiting: bool) -> int:
    from daskflow.ordering import check_may_cancel
    from daskflow.resuming import find_run

    store = open_store()
    row = find_run(store, wanted)
    check_may_cancel(row)
    while True:
        if store.holder(row.id) is not None:
            code = _order(store, row, is_waiting=is_waiting)
            if code is not None:
                return code
        try:
            return _end(store, row)
        except LeaseTakenError:  # somebody has taken it up just now
            continue


def _order(store: RunStore, row: RunRow, *, is_waiting: bool) -> int | None:
    """Ask whoever drives a run to cancel it; None: nobody does any more, and nobody has."""
    from daskflow.ordering import answer_to, give
    from daskflow.stores.orders import Wish

    holder = store.holder(row.id)
    order = give(store, row.id, Wish.CANCEL)
    click.echo(f"{row.name}: {holder or 'who drives it'} was asked to cancel it")
    if not is_waiting:
        return Exit.SUCCESS
    answer = answer_to(store, order)
    if answer is None:
        ended = store.run(row.id).state
        return _told(row, ended) if ended.is_finished() else None
    return _told(row, store.run(row.id).state, answer.answer or "")


def _told(row: RunRow, state: State, answer: str = "") -> int:
    """Say what became of a run, and how it goes on."""
    from daskflow.history.steps import next_steps
    from daskflow.states import Cancelled

    is_done = isinstance(state, Cancelled)
    click.echo(f"{row.name}: {state}" if is_done or not answer else f"{row.name}: {answer}")
    for step in next_steps(state, row.name) if is_done else ():
        click.echo(str(step))
    return Exit.SUCCESS if is_done else Exit.ERROR


def _end(store: RunStore, row: RunRow) -> int:
    """End a run that nobody drives."""
    from daskflow.definition.outlining import needs_code_to_cancel
    from daskflow.history.reading import read_run
    from daskflow.ordering import cancel_undriven
    from daskflow.runtime.resources import cleanups_left

    is_dirty = any(cleanups_left(read_run(store, row.id).record))
    if is_dirty or needs_code_to_cancel(row.graph):
        try:
            return _told(row, _end_with_code(row, is_dirty=is_dirty))
        except LeaseTakenError:
            raise
        except (DaskflowError, OSError) as error:
            click.echo(f"{row.name}: its flow cannot be used: {error}", err=True)
    state, left = cancel_undriven(store, row.id)
    if left:
        click.echo(f"{row.name}: was not called: {', '.join(left)}", err=True)
    return _told(row, state)


def _end_with_code(row: RunRow, *, is_dirty: bool) -> State:
    """End a run as its driver would: what cleans up is run, handlers and hooks are called.

    Parameters
    ----------
    is_dirty
        Whether something is left to clean up; where not, no executor has anything to do.
    """
    from daskflow.cli.resume import flow_of_run
    from daskflow.executors.local import LocalExecutor
    from daskflow.keeping import holder
    from daskflow.ordering import check_may_cancel
    from daskflow.starting import resume

    with flow_of_run(row.id, check_may_cancel) as (_, flow):
        made = flow if is_dirty else flow.with_options(executor=LocalExecutor())
        run = resume(made, row.id, allow_code_change=True)
        run.cancel(f"cancelled by {holder()}")
        run.drive()
    return run.state

"""The commands ``daskflow approve`` and ``daskflow reject``: for what waits for a person.

A run of which nothing else is left belongs to nobody: who decides takes it up and drives it on, in
this process. Who drives one of which something else goes on is told, by an order in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from daskflow.cli.arguments import Place
from daskflow.cli.exits import EXIT_CODES, Exit
from daskflow.cli.options import carried_out, place_options
from daskflow.cli.reading import open_store
from daskflow.cli.resume import go_on
from daskflow.errors import IllegalMoveError
from daskflow.stores.orders import Wish

if TYPE_CHECKING:  # imported when a run begins: they need Dask
    from daskflow.definition.flows import Flow
    from daskflow.runs import FlowRun
    from daskflow.stores.history import RunRow, RunStore

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
    order = partial(_decide, run, place, Wish.APPROVE, task or "")
    return carried_out(order, verbose=verbose)


@click.command(help=_REJECT, epilog=EXIT_CODES)
@click.argument("run")
@click.argument("task", required=False)
@click.option("--message", default="", help="Why; it is in the states.")
@place_options
def reject(*, run: str, task: str | None, message: str, verbose: bool, **place: Any) -> int:
    """Let what waits for approval fail, and the run go on."""
    order = partial(_decide, run, place, Wish.REJECT, task or "", message)
    return carried_out(order, verbose=verbose)


def _decide(wanted: str, place: Mapping[str, Any], wish: Wish, task: str, message: str = "") -> int:
    from daskflow.resuming import check_may_resume, find_run

    store = open_store()
    row = find_run(store, wanted)
    check_may_resume(row)
    if store.holder(row.id) is not None:
        code = _order(store, row, wish, task, message)
        if code is not None:
            return code

    def decide(run: FlowRun) -> object:
        if wish is Wish.APPROVE:
            return run.approve(task or None)
        return run.reject(task or None, message=message)

    return go_on(row.id, Place(**place), check_may_resume, partial(_decided, decide))


def _order(store: RunStore, row: RunRow, wish: Wish, task: str, message: str) -> int | None:
    """Tell whoever drives a run; None: nobody does any more, and nobody has done it."""
    from daskflow.ordering import answer_to, give, withdraw

    holder = store.holder(row.id)
    order = give(store, row.id, wish, task=task, message=message)
    answer = answer_to(store, order) or withdraw(store, order)
    if answer is None:
        return None
    if not answer.is_done:
        raise IllegalMoveError(f"run {row.name!r}: {answer.answer}")
    click.echo(f"{row.name}: {answer.answer}; {holder or 'its driver'} goes on with it")
    return Exit.SUCCESS


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

"""How a run is cancelled, or told what a person decided, by a process that does not drive it.

Where somebody drives it, an order is left in its store, and what becomes of that is waited for.
Where nobody does, a cancel is carried out here: the lease is taken, and what is not finished is
Cancelled, as its driver would have it, without the flow's code.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace

from daskflow.context import run_label
from daskflow.definition.outlining import graph_of
from daskflow.errors import IllegalMoveError
from daskflow.keeping import holder, take_over
from daskflow.runtime.record import RunRecord
from daskflow.runtime.resources import cleanups_left
from daskflow.runtime.restoring import restore
from daskflow.states import Cancelled, Cancelling, State
from daskflow.stores.history import RunRow, RunStore
from daskflow.stores.orders import OrderRow, Wish
from daskflow.timing import as_datetime, now

_LOOK_SECONDS = 0.1  # between looks whether an order was answered


def give(
    store: RunStore, run_id: str, wish: Wish, *, task: str = "", message: str = ""
) -> OrderRow:
    """Leave an order for whoever drives a run.

    Parameters
    ----------
    task
        Which task runs are meant, ``review`` or ``review[2]``; empty: all that wait.

    Raises
    ------
    StoreBusyError
        It cannot be written now.
    """
    me = holder()
    order = OrderRow(run_id, wish, me.user, me.host, me.pid, me.since, task, message)
    return replace(order, number=store.orders.give(order, uuid.uuid4().hex))


def answer_to(store: RunStore, order: OrderRow) -> OrderRow | None:
    """Wait for what becomes of an order; None: nobody drives the run any more, nor has answered."""
    pause = threading.Event()
    while True:
        is_driven = store.holder(order.run_id) is not None  # asked first: its last act is to answer
        found = store.orders.of(order.run_id, order.number - 1)[0]
        if found.answer is not None:
            return found
        if not is_driven:
            return None
        pause.wait(_LOOK_SECONDS)


def withdraw(store: RunStore, order: OrderRow) -> OrderRow | None:
    """Take an order back; return what became of it where somebody was faster, else None."""
    if store.orders.answer(
        order.number, "taken back: nobody drove the run any more", is_done=False
    ):
        return None
    return store.orders.of(order.run_id, order.number - 1)[0]


def check_may_cancel(row: RunRow) -> None:
    """Raise `IllegalMoveError` for a run that has ended."""
    if row.state.is_finished():
        msg = f"run {row.name!r} has ended {row.state}: there is nothing to cancel"
        raise IllegalMoveError(msg)


def cancel_undriven(store: RunStore, run_id: str) -> tuple[State, list[str]]:
    """Cancel a run that nobody drives; return its state, and what is left that cleans up.

    Raises
    ------
    LeaseTakenError
        Somebody drives it.
    IllegalMoveError
        It has ended.
    """
    keeper = take_over(store, run_id)
    try:
        row = store.run(run_id)
        check_may_cancel(row)
        record = RunRecord(graph_of(row.graph), frozenset(), None, keeper.add)
        entries = store.entries(run_id, with_values=False)
        restore(record, (one.entry for one in entries), row.name)
        keeper.is_restoring = False
        left = [run_label(name, record.index(name, at)) for name, at in cleanups_left(record)]
        why = f"cancelled by {holder()}"
        keeper.moved(now(), Cancelling(why, as_datetime(now())))
        record.cancel_unfinished(why)
        ended = Cancelled(why, as_datetime(now()))
        keeper.moved(now(), ended, ended=now())
        return ended, left
    finally:
        keeper.close()

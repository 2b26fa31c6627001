"""What other processes want of the runs that are driven here is heard: orders, left in the store.

One thread of the process looks, a few times a second, whether there are new ones for any of them.
That costs next to nothing while there are none; see `Orders.mark`. It writes down what became of
them as well, so no driver waits for the store.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from daskflow.context import run_label
from daskflow.errors import IllegalMoveError, StoreError
from daskflow.runtime.pausing import approve_all, paused_runs, reject_all
from daskflow.runtime.record import RunRecord
from daskflow.states import Cancelled, State
from daskflow.stores.orders import OrderRow, Orders, Wish

_LOOK_SECONDS = 0.2  # between two looks
_log = logging.getLogger("daskflow")


class Ear:
    """Hears the orders for one run, as long as it is driven here.

    Parameters
    ----------
    mark
        Of the orders, when nobody else could drive the run any more.
    hear
        Is told each order once, in whichever thread looks.
    behind
        Number of the last order that is known already.
    """

    def __init__(
        self,
        orders: Orders,
        run_id: str,
        mark: int,
        hear: Callable[[OrderRow], None],
        behind: int = 0,
    ) -> None:
        self._orders = orders
        self._run_id = run_id
        self._mark = mark
        self._hear = hear
        self._behind = behind
        self._open: dict[int, OrderRow] = {}  # heard, and not answered
        self._answers: list[tuple[int, str, bool]] = []  # to be written down
        self._looking = threading.Lock()

    def look(self) -> None:
        """Hear what is new, and write down what became of what was heard before.

        Raises
        ------
        StoreError
            The store cannot be used now; what could not be done is done by the next look.
        """
        with self._looking:
            news = self._news()
        for order in news:  # nobody who hears it waits for whoever looks
            self._hear(order)
        with self._looking:
            self._write()

    def answer(self, order: OrderRow, told: str, *, is_done: bool) -> None:
        """Let it be written down soon what became of an order."""
        self._answers.append((order.number, told, is_done))

    def close(self, state: State) -> None:
        """Answer what is left, for the run is driven no more, and is in this state.

        Where it only waits, whoever gave an order carries it out.
        """
        try:
            with self._looking:
                self._news()
                answered = {number for number, *_ in self._answers}
                for order in self._open.values() if state.is_finished() else ():
                    if order.number not in answered:
                        self._answers.append((order.number, *_end_of(order, state)))
                self._write()
        except StoreError as error:  # whoever waits for an answer sees how the run ended
            _log.warning("orders for the run %s are left unanswered: %s", self._run_id, error)

    def _news(self) -> list[OrderRow]:
        mark = self._orders.mark(self._run_id)
        if mark == self._mark:
            return []
        found = self._orders.of(self._run_id, self._behind)
        self._mark = mark
        for order in found:
            self._behind = order.number
        news = [order for order in found if order.answer is None]
        self._open.update({order.number: order for order in news})
        return news

    def _write(self) -> None:
        while self._answers:
            number, told, is_done = self._answers[0]
            self._orders.answer(number, told, is_done=is_done)
            self._open.pop(number, None)
            del self._answers[0]


def _end_of(order: OrderRow, state: State) -> tuple[str, bool]:
    """Return what became of an order when its run ended, and whether it was carried out."""
    if order.wish is Wish.CANCEL and isinstance(state, Cancelled):
        return str(state), True
    return f"it came too late: the run ended {state}", False


def carry_out(order: OrderRow, record: RunRecord, answer: Callable[..., None]) -> None:
    """Let what waits for a person go on, or fail; in the driver's thread.

    Parameters
    ----------
    answer
        Is told what became of the order: called with that, and with ``is_done=``.
    """
    try:
        found = paused_runs(record, order.task or None, None)
    except IllegalMoveError as error:
        answer(order, str(error), is_done=False)
        return
    names = ", ".join(run_label(name, record.index(name, place)) for name, place in found)
    if order.wish is Wish.APPROVE:
        approve_all(record, found, f"approved by {order.by}")
        answer(order, f"approved: {names}", is_done=True)
    else:
        told = f": {order.message}" if order.message else ""
        reject_all(record, found, f"rejected by {order.by}{told}")
        answer(order, f"rejected: {names}", is_done=True)


class Ears:
    """The ears of this process, and the thread that lets them hear."""

    def __init__(self) -> None:
        self._ears: dict[int, Ear] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def open(self, ear: Ear) -> None:
        """Let an ear hear from now on."""
        with self._changed:
            self._ears[id(ear)] = ear
            if self._thread is None or not self._thread.is_alive():  # the latter: in a fork
                name = "daskflow-orders"
                self._thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def shut(self, ear: Ear) -> None:
        """Let an ear hear no more."""
        with self._changed:
            self._ears.pop(id(ear), None)

    def _work(self) -> None:
        pause = threading.Event()
        while True:
            with self._changed:
                while not self._ears:
                    self._changed.wait()
            self._look()
            pause.wait(_LOOK_SECONDS)  # and keeps hold of no run meanwhile

    def _look(self) -> None:
        with self._changed:
            found = list(self._ears.values())
        for ear in found:
            try:
                ear.look()
            except StoreError as error:
                _log.debug("orders cannot be read now: %s", error)


ears = Ears()  # of this process

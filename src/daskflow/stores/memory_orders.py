"""Orders in the memory of this process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from daskflow.stores.orders import OrderRow


class MemoryOrders:
    """Orders for runs in the memory of this process.

    Parameters
    ----------
    check
        Raises where there is no such run.
    """

    def __init__(self, check: Callable[[str], object]) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._orders: dict[int, OrderRow] = {}
        self._given: dict[str, int] = {}  # numbers, by `op_id`

    def give(self, order: OrderRow, op_id: str) -> int:
        """Take in an order and return its number."""
        self._check(order.run_id)
        with self._lock:
            if op_id not in self._given:
                number = self._given[op_id] = len(self._given) + 1
                self._orders[number] = replace(order, number=number)
            return self._given[op_id]

    def of(self, run_id: str, behind: int = 0) -> list[OrderRow]:
        """Return the orders for a run, behind a number."""
        with self._lock:
            found = list(self._orders.values())
        return [order for order in found if order.run_id == run_id and order.number > behind]

    def answer(self, number: int, told: str, *, is_done: bool) -> bool:
        """Write down what became of an order."""
        with self._lock:
            order = self._orders.get(number)
            if order is None or order.answer is not None:
                return False
            self._orders[number] = replace(order, answer=told, is_done=is_done)
            return True

    def mark(self, run_id: str) -> int:
        """Return the number of the newest order."""
        return len(self._orders)

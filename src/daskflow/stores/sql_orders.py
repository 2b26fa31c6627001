"""Orders in a SQL database."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Connection, insert, select, update

from daskflow.errors import UnknownRunError
from daskflow.stores import schema
from daskflow.stores.orders import OrderRow, Wish
from daskflow.timing import now


class OrderPlace(Protocol):
    """Where the tables are, and where whoever drives a run hears that it has orders."""

    url: str

    def writing(self) -> AbstractContextManager[Connection]:
        """Give a connection in a transaction that nobody else writes beside."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection that sees one consistent state."""

    def ring(self, run_id: str) -> None:
        """Let whoever drives a run hear that there are orders; no error where nobody does."""

    def rung(self, run_id: str) -> int:
        """Return what changes with each ring; asked several times a second."""


class SqlOrders:
    """Keeps orders in the table `schema.orders`; see `Orders`."""

    def __init__(self, place: OrderPlace) -> None:
        self._place = place

    def give(self, order: OrderRow, op_id: str) -> int:
        """Take in an order and return its number."""
        columns = schema.orders.c
        known = select(columns.number).where(columns.op_id == op_id)
        run = select(schema.runs.c.id).where(schema.runs.c.id == order.run_id)
        with self._place.writing() as connection:
            if connection.execute(known).first() is None:
                if connection.execute(run).first() is None:
                    msg = f"there is no run {order.run_id!r} in {self._place.url}"
                    raise UnknownRunError(msg)
                connection.execute(insert(schema.orders), _row_of(order) | {"op_id": op_id})
            number: int = connection.execute(known).scalar_one()
        self._place.ring(order.run_id)
        return number

    def of(self, run_id: str, behind: int = 0) -> list[OrderRow]:
        """Return the orders for a run, behind a number."""
        columns = schema.orders.c
        query = select(schema.orders).where(columns.run_id == run_id, columns.number > behind)
        with self._place.reading() as connection:
            found = connection.execute(query.order_by(columns.number)).mappings()
            return [_order_of(dict(row)) for row in found]

    def answer(self, number: int, told: str, *, is_done: bool) -> bool:
        """Write down what became of an order."""
        columns = schema.orders.c
        change = update(schema.orders).where(columns.number == number, columns.answer.is_(None))
        values = {"answer": told, "is_done": int(is_done), "answered": now()}
        with self._place.writing() as connection:
            return connection.execute(change.values(values)).rowcount == 1

    def mark(self, run_id: str) -> int:
        """Return how often it was rung for a run."""
        return self._place.rung(run_id)


def _row_of(order: OrderRow) -> dict[str, Any]:
    names = ("run_id", "user", "host", "pid", "at", "task", "message")
    row = {name: getattr(order, name) for name in names}
    return row | {"wish": order.wish.value, "is_done": 0}


def _order_of(row: Mapping[str, Any]) -> OrderRow:
    fields = {name: row[name] for name in OrderRow.__dataclass_fields__}
    return OrderRow(**fields | {"wish": Wish(row["wish"]), "is_done": bool(row["is_done"])})

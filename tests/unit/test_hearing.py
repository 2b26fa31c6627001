"""What is heard of orders, and what becomes of those that nobody carried out."""

from __future__ import annotations

import pytest

from daskflow import MemoryStore
from daskflow.hearing import Ear
from daskflow.states import Cancelled, Paused, Running, Success
from daskflow.stores.history import RunRow
from daskflow.stores.orders import OrderRow, Wish

RUN = RunRow("ab" * 16, "calm-owl", "etl", Running(), 100.0)
ORDER = OrderRow(RUN.id, Wish.CANCEL, "ann", "here", 7)


@pytest.fixture
def orders():
    store = MemoryStore()
    store.create(RUN, "1")
    return store.orders


@pytest.fixture
def heard():
    return []


@pytest.fixture
def ear(orders, heard):
    return Ear(orders, RUN.id, orders.mark(RUN.id), heard.append)


def test_an_order_is_heard_once(ear, orders, heard):
    """However often somebody looks; its answer is written down by the next look."""
    orders.give(ORDER, "a")
    for _ in range(2):
        ear.look()
    (order,) = heard
    ear.answer(order, "done", is_done=True)
    assert orders.of(RUN.id)[0].answer is None
    ear.look()
    assert (orders.of(RUN.id)[0].answer, orders.of(RUN.id)[0].is_done) == ("done", True)


def test_what_was_answered_is_not_heard(ear, orders, heard):
    """Whoever gave it took it back."""
    orders.answer(orders.give(ORDER, "a"), "taken back", is_done=False)
    ear.look()
    assert heard == []


@pytest.mark.parametrize(
    ("state", "answer", "is_done"),
    [
        (Cancelled("by ann"), "Cancelled('by ann')", True),
        (Success(), "it came too late: the run ended Success", False),
        (Paused(), None, False),
    ],
)
def test_what_is_left_is_answered_by_the_end(ear, orders, state, answer, is_done):
    """Where the run only waits, whoever gave the order carries it out."""
    orders.give(ORDER, "a")
    ear.close(state)
    (found,) = orders.of(RUN.id)
    assert (found.answer, found.is_done) == (answer, is_done)

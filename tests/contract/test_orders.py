"""What whoever gives orders, and whoever gets them, may expect of a store: one suite for all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daskflow import MemoryStore, Settings
from daskflow.errors import UnknownRunError
from daskflow.states import Running
from daskflow.stores.choice import choose_store, close_stores
from daskflow.stores.history import Holder, RunRow
from daskflow.stores.orders import OrderRow, Wish

RUN = RunRow("ab" * 16, "calm-owl", "etl", Running(), 100.0)
ORDER = OrderRow(RUN.id, Wish.REJECT, "ann", "here", 7, 5.0, "pay[1]", "too much")


class OrdersContract:
    """What every `Orders` does. A store's tests derive from this."""

    @pytest.fixture
    def store(self):
        """Give a store with nothing in it."""
        raise NotImplementedError

    @pytest.fixture
    def orders(self, store):
        """Give the orders of a store in which a run is driven."""
        store.create(RUN, "1")
        lease = store.lease(RUN.id, Holder("me", "here", 1))
        yield store.orders
        lease.release()

    def test_an_order_comes_back_whole(self, orders):
        """With its number, and no answer; another run has none."""
        number = orders.give(ORDER, "a")
        assert orders.of(RUN.id) == [replace(ORDER, number=number)]
        assert orders.of("cd" * 16) == []
        assert ORDER.by == "ann@here, process 7"

    def test_the_same_once_more_is_one_order(self, orders):
        """The answer to the first call was lost."""
        assert orders.give(ORDER, "a") == orders.give(ORDER, "a")
        assert len(orders.of(RUN.id)) == 1

    def test_numbers_grow(self, orders):
        """What came later has a greater one, and is found behind it."""
        first, second = orders.give(ORDER, "a"), orders.give(replace(ORDER, task=""), "b")
        assert first < second
        assert [order.task for order in orders.of(RUN.id, first)] == [""]
        assert orders.of(RUN.id, second) == []

    def test_the_first_answer_stands(self, orders):
        """Whoever comes later is told so."""
        number = orders.give(ORDER, "a")
        assert orders.answer(number, "done", is_done=True)
        assert not orders.answer(number, "too late", is_done=False)
        (found,) = orders.of(RUN.id)
        assert (found.answer, found.is_done) == ("done", True)
        assert not orders.answer(number + 1, "of nothing", is_done=True)

    def test_the_mark_changes_with_each_order(self, orders):
        """And by nothing else that anybody does to the run."""
        marks = [orders.mark(RUN.id)]
        for op_id in "abc":
            number = orders.give(ORDER, op_id)
            marks.append(orders.mark(RUN.id))
            orders.answer(number, "done", is_done=True)
            assert orders.mark(RUN.id) == marks[-1]
        assert len(set(marks)) == 4

    def test_of_a_run_that_is_not_there(self, orders):
        """It is told at once."""
        with pytest.raises(UnknownRunError, match="there is no run 'cdcd"):
            orders.give(replace(ORDER, run_id="cd" * 16), "a")

    def test_who_drives_is_still_known(self, store, orders):
        """However often it was rung for the run."""
        orders.give(ORDER, "a")
        orders.give(ORDER, "b")
        assert store.holder(RUN.id).pid > 0


class TestMemory(OrdersContract):
    """In the memory of this process."""

    @pytest.fixture
    def store(self):
        """Give a store of its own."""
        return MemoryStore()


class TestSqlite(OrdersContract):
    """In a file."""

    @pytest.fixture
    def store(self, tmp_path, monkeypatch):
        """Give a store in a new file."""
        monkeypatch.setenv("DASKFLOW_STORE__URL", f"sqlite:///{tmp_path}/runs.db")
        yield choose_store(None, Settings())
        close_stores()

    def test_where_nobody_drives_nobody_is_rung(self, store):
        """An order may be given all the same; it is deleted with its run."""
        store.create(RUN, "1")
        number = store.orders.give(ORDER, "a")
        assert store.orders.mark(RUN.id) == 0
        store.delete([RUN.id], "2")
        assert store.orders.of(RUN.id) == []
        store.create(RUN, "3")
        assert store.orders.give(ORDER, "b") > number

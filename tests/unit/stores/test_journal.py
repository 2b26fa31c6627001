"""The way of a run's entries into its store: gathered, and at once where somebody waits."""

from __future__ import annotations

import pytest

from daskflow.entries import RunMoved
from daskflow.lines import Line, Piece
from daskflow.states import Running
from daskflow.stores import journal
from daskflow.stores.history import Holder, RunRow
from daskflow.stores.journal import Journal
from daskflow.stores.memory_history import MemoryHistory
from tests.contract.waiting import eventually

RUN = RunRow("ab" * 16, "calm-owl", "etl", Running(), 100.0)


class Counting(MemoryHistory):
    """Notes how many entries were written at a time."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def write(self, lease, entries, op_id, row=None):
        super().write(lease, entries, op_id, row or {})
        self.batches.append(len(entries))


@pytest.fixture
def store(monkeypatch):
    monkeypatch.setattr(journal, "_GATHER_SECONDS", 600.0)  # no test lasts as long
    made = Counting()
    made.create(RUN, "created")
    return made


@pytest.fixture
def opened(store):
    return Journal(store, store.lease(RUN.id, Holder("me", "here", 1)))


@pytest.mark.parametrize("end", ["flush", "close"])
def test_entries_are_gathered_until_somebody_waits_for_them(store, opened, end):
    """However they come, they are written in one transaction; who waits does so for no time."""
    for second in range(10):
        opened.add(RunMoved(float(second), Running()))
    getattr(opened, end)()
    assert store.batches == [10]
    opened.close()


def test_who_waited_hurries_nobody_later(store, opened):
    """Behind a flush entries are gathered again."""
    opened.add(RunMoved(0.0, Running()))
    assert opened.flush()
    for second in range(10):
        opened.add(RunMoved(float(second), Running()))
    opened.close()
    assert store.batches == [1, 10]


def test_lines_are_written_behind_entries(store, opened, monkeypatch):
    """By the same thread, in a transaction of their own; at the latest when the run is let go."""
    told = []
    write, add = store.write, store.add_logs
    monkeypatch.setattr(store, "write", lambda *given: (told.append("entry"), write(*given)))
    monkeypatch.setattr(store, "add_logs", lambda *given: (told.append("lines"), add(*given)))
    piece = Piece("load", 1, 1, "w", 1, (Line(1.0, 20, "", "text"),))
    opened.add_lines([piece])
    opened.add(RunMoved(0.0, Running()))
    opened.close()
    assert told == ["entry", "lines"]
    assert [one.piece for one in store.logs(RUN.id)] == [piece]


def test_lines_come_into_the_store_while_nothing_else_does(store, opened):
    """Nobody has to wait for an entry to come."""
    opened.add_lines([], dropped=3)
    eventually(lambda: store.logs(RUN.id))
    opened.close()
    (found,) = store.logs(RUN.id)
    assert found.piece.lines[0].message.startswith("3 lines were dropped")

"""The way of a run's entries into its store: gathered, and at once where somebody waits."""

from __future__ import annotations

import pytest

from daskflow.entries import RunMoved
from daskflow.states import Running
from daskflow.stores import journal
from daskflow.stores.history import Holder, RunRow
from daskflow.stores.journal import Journal
from daskflow.stores.memory_history import MemoryHistory

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

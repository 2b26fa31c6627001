"""What becomes of a task run whose result cannot be written, or whose input cannot be read."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from daskflow import context, task
from daskflow.entries import SegmentTold
from daskflow.errors import StoreBusyError
from daskflow.events import Before, Note, StoredResult
from daskflow.results.storage import ResultStorage
from daskflow.runtime.restoring import restore
from daskflow.states import Pending, Retrying, Success
from tests.unit.runtime.book import Book, segment

LARGE = np.zeros(1_000)


@task
def give(x):
    return x


@task
def lock_up(n):
    """Return a frame that looks as if it could travel."""
    return pd.DataFrame({"lock": [threading.Lock()] * n}, dtype=object)


@task
def size(x):
    return len(x)


class Moody:
    """Storage that may be told to fail."""

    def __init__(self, folder):
        self.storage = ResultStorage(str(folder), "ab12", b"key")
        self.is_well = False

    def write(self, value, node, position, *, attempt):
        self._look()
        return self.storage.write(value, node, position, attempt=attempt)

    def read(self, stored):
        self._look()
        return self.storage.read(stored)

    def _look(self):
        if not self.is_well:
            raise StoreBusyError("not now")


def book_of(function, storage, **parameters):
    book = Book(function, **parameters)
    book.spec = replace(book.spec, storage=storage, persisted=frozenset(book.graph.nodes))
    return book


def state_of(book, name):
    return book.record.state(name, 0)


def test_what_cannot_be_pickled_whole(tmp_path):
    """A large frame of locks passes as a frame, and crashes its own task run where it is kept."""
    storage = ResultStorage(str(tmp_path), "ab12", b"key")
    book = book_of(lambda: lock_up(5_000), storage).play()
    state = state_of(book, "lock_up")
    assert (type(state).__name__, state.reason) == ("Crashed", "unserializable")
    assert state.message.startswith("task 'lock_up' returned a DataFrame that cannot be pickled")


def test_the_value_stays_until_it_is_written(tmp_path):
    """It is tried again and again, with the value that the body returned once."""
    storage = Moody(tmp_path)
    book = book_of(lambda xs: size(give(xs)), storage, xs=LARGE).play()
    for _ in range(7):
        state = state_of(book, "give")
        assert (type(state), state.message, state.attempt) == (Retrying, "not now", 1)
        book.record.wake(book.record.next_due())
        book.play()
    assert book.record.nodes["give"].before[0].held == 8
    storage.is_well = True
    book.record.wake(book.record.next_due())
    book.play()
    assert book.kinds("give") == book.kinds("size") == ["Success"]
    assert book.record.nodes["give"].notes[0].stored.codec == "npy"
    assert book.record.nodes["give"].started[0] > 0


@pytest.mark.parametrize(("held", "seconds"), [(0, 0.5), (1, 1.0), (3, 4.0), (9, 10.0)])
def test_how_long_it_waits(tmp_path, held, seconds, monkeypatch):
    """Half a second at first, doubled each time, ten at most."""
    from daskflow.runtime import durable

    monkeypatch.setattr(durable, "now", lambda: 100.0)
    notes = []
    run = SimpleNamespace(
        before=Before(1, held=held),
        small=None,
        value=LARGE,
        position=0,
        node=SimpleNamespace(name="give", task=give),
        spec=SimpleNamespace(persisted={"give"}, storage=Moody(tmp_path)),
        remark=lambda **fields: notes.append(fields),
        label=lambda: "give",
    )
    assert type(durable.write_result(run, Success())) is Retrying
    assert notes == [{"due": 100.0 + seconds, "length": None}]
    assert run.before.held == held + 1


def test_without_storage_nothing_is_written(tmp_path):
    """Without storage, as in a graph for other Dask code, nothing is written or remarked."""
    book = book_of(lambda xs: give(xs), None, xs=LARGE).play()
    assert book.kinds("give") == ["Success"]
    assert book.record.nodes["give"].notes == {}


def test_an_input_that_cannot_be_read_is_waited_for(tmp_path):
    """Its consumer waits, tries again, and its body is called once, with the value."""
    storage = Moody(tmp_path)
    seen = []

    def look(x):
        seen.append((context.attempt, len(x)))

    book = book_of(lambda xs: task(look)(give(xs)), storage, xs=LARGE)
    stored = storage.storage.write(LARGE, "give", 0, attempt=1)
    told = segment("give", 0, Success, notes={0: {"stored": stored}})
    restore(book.record, [SegmentTold(7, "gone", told)], "restored")
    book.play()
    state = state_of(book, "look")
    assert (type(state), state.message, state.attempt) == (Retrying, "not now", 0)
    storage.is_well = True
    book.record.wake(book.record.next_due())
    book.play()
    assert (book.kinds("look"), seen) == (["Success"], [(1, 1_000)])


def test_what_a_task_run_would_go_on_with_is_lost(tmp_path):
    """The block that held its value is hollow: it is sent back, and begins anew when lowered."""
    storage = Moody(tmp_path)
    book = book_of(lambda xs: give(xs), storage, xs=LARGE).play()
    book.record.wake(book.record.next_due())
    plan = book.lower()
    first = book.record.keys[1]
    book.held[first] = [replace(book.held[first][0], values={})]
    [found] = book.walk(plan.blocks[0])
    assert found.codes == bytearray([Pending.code])
    book.fold(2, found.without_values())
    del book.record.keys[1], book.record.keys[2]
    storage.is_well = True
    book.play()
    assert (book.kinds("give"), state_of(book, "give").attempt) == (["Success"], 2)


def test_a_note_of_a_result_is_a_plain_tuple():
    """Where a result lies travels as it is kept: in text and numbers."""
    stored = StoredResult("file:///r/x", "json", "ab", 3)
    assert tuple(stored) == ("file:///r/x", "json", "ab", 3, "")
    assert Note(stored=stored).stored is stored

"""Lines on their way into a store: never in the way of a run, and counted where dropped."""

from __future__ import annotations

import pytest

from daskflow.errors import LeaseLostError, StoreBusyError
from daskflow.lines import Line, Piece
from daskflow.stores import line_writer
from daskflow.stores.line_writer import LineWriter, PendingLines


class Lease:
    run_id, token = "run", 1


class Store:
    """Takes lines, or raises what it is told to."""

    def __init__(self, *troubles):
        self.troubles = list(troubles)
        self.calls = []

    def add_logs(self, lease, pieces, op_id):
        self.calls.append((op_id, [line.message for piece in pieces for line in piece.lines]))
        if self.troubles and (trouble := self.troubles.pop(0)):
            raise trouble

    def texts(self):
        return [texts for _, texts in self.calls]


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""

    class Clock:
        at = 100.0

    monkeypatch.setattr(line_writer, "monotonic", lambda: Clock.at)
    monkeypatch.setattr(line_writer, "_AGAIN_SECONDS", 0.01)
    return Clock


def piece(*texts, tape=1):
    return Piece("load", 1, tape, "w", 1, tuple(Line(1.0, 20, "", text) for text in texts))


def test_lines_are_gathered(clock):
    """For a moment; then they are written together."""
    store = Store()
    writer = LineWriter(store, Lease())
    assert writer.left() is None
    writer.add([piece("a")])
    clock.at += 0.2
    writer.add([piece("b")])
    assert writer.left() == pytest.approx(0.05)
    clock.at += 0.1
    assert writer.left() == 0.0
    writer.write()
    assert store.texts() == [["a", "b"]]
    assert writer.left() is None


def test_much_is_written_in_parts(clock, monkeypatch):
    """So that a state which comes meanwhile waits for one of them only."""
    monkeypatch.setattr(line_writer, "_AT_A_TIME", 300)
    store = Store()
    writer = LineWriter(store, Lease())
    writer.add([piece("x" * 100, tape=n) for n in range(5)])
    writer.write()
    assert (len(store.calls[0][1]), writer.left()) == (2, 0.0)
    writer.write_all()
    assert [len(texts) for texts in store.texts()] == [2, 2, 1]


def test_a_busy_store_is_asked_again(clock):
    """With the same, under the same name, before what came later; not at once."""
    store = Store(StoreBusyError("locked"))
    writer = LineWriter(store, Lease())
    writer.add([piece("a")])
    writer.write()
    assert writer.left() == pytest.approx(0.01)
    writer.add([piece("b", tape=2)])
    writer.write()
    writer.write()
    assert store.texts() == [["a"], ["a"], ["b"]]
    ops = [op_id for op_id, _ in store.calls]
    assert ops[0] == ops[1] != ops[2]


def test_a_run_that_ends_does_not_wait_for_ever(clock, caplog):
    """A store that stays busy gets no more lines, and that is told."""
    store = Store(*[StoreBusyError("locked")] * 10)
    writer = LineWriter(store, Lease())
    writer.add([piece("a")])
    writer.write_all()
    assert len(store.calls) == 3
    assert "not kept any more: the store is busy" in caplog.text
    assert writer.left() is None


def test_a_store_that_is_busy_for_a_while(clock):
    """The last lines of a run are written all the same."""
    store = Store(StoreBusyError("locked"), StoreBusyError("locked"))
    writer = LineWriter(store, Lease())
    writer.add([piece("a")])
    writer.write_all()
    assert store.texts() == [["a"]] * 3


@pytest.mark.parametrize("trouble", [LeaseLostError("taken"), ZeroDivisionError("a bug")])
def test_what_never_can_be_written_is_told_once(clock, caplog, trouble):
    """The run goes on, and later lines are not even tried."""
    store = Store(trouble)
    writer = LineWriter(store, Lease())
    writer.add([piece("a")])
    writer.write_all()
    writer.add([piece("b")])
    assert writer.left() is None
    assert len(store.calls) == 1
    assert caplog.text.count("not kept any more") == 1


def test_dropped_lines_are_counted(clock):
    """Those that came so, and those for which there is no room; they are told before others."""
    pending = PendingLines(most=400)
    pending.add([piece("a" * 50, "b" * 50, tape=1)], dropped=7)
    pending.add([piece("c" * 200, tape=2), piece(tape=3)])
    (note, kept) = pending.next(now=5.0)
    assert note.lines[0].message.startswith("9 lines were dropped")
    assert note.task_run == ""
    assert kept.tape == 2
    assert not pending
    pending.add([], dropped=1)
    assert pending
    assert len(pending.next(now=6.0)) == 1


def test_one_piece_is_kept_however_large(clock):
    """There is always something to be read."""
    pending = PendingLines(most=10)
    pending.add([piece("a" * 100), piece("b" * 100, tape=2)])
    assert [one.tape for one in pending.next(now=1.0)] == [0, 2]

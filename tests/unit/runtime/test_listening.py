"""What is heard of a run's bodies: kept at once, shown in order, the last words at hand."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

import pytest

from daskflow.lines import Batch, Line, LogLimits, PackedLines, Piece, pack_batch
from daskflow.runtime import listening, tapes
from daskflow.runtime.listening import Listener
from daskflow.runtime.tapes import Tape, Way
from tests.contract.waiting import eventually


class Heard:
    """What a listener keeps and shows."""

    def __init__(self):
        self.kept, self.dropped, self.shown = [], [], []
        self.may_show = threading.Event()
        self.may_show.set()

    def keep(self, pieces, dropped):
        self.kept += pieces
        self.dropped.append(dropped)

    def show(self, line):
        assert self.may_show.wait(20)
        if line.message == "raise":
            raise ValueError("a filter")
        self.shown.append(line.message)


@pytest.fixture
def heard():
    heard = Heard()
    yield heard
    heard.may_show.set()


@pytest.fixture
def listener(heard):
    return Listener(heard.keep, heard.show)


def piece(*texts, tape=1, attempt=1, first=1, task_run="clean[3]", **fields):
    lines = tuple(Line(float(first), 20, "", text) for text in texts)
    return Piece(task_run, attempt, tape, "w", first, lines, **fields)


def tell(listener, *pieces, is_shown=False, dropped=0):
    listener.take(pack_batch(Batch(pieces, is_shown)), dropped)


def test_lines_are_kept_and_shown(listener, heard):
    """In order; with what was dropped on the way, and where numbers are missing."""
    tell(listener, piece("a", "b"), dropped=3)
    tell(listener, piece("d", first=4))
    listener.settle()
    assert heard.shown == ["a", "b", "1 line was dropped here", "d"]
    assert [len(one.lines) for one in heard.kept] == [2, 1]
    assert heard.dropped == [3, 0]


def test_what_was_shown_is_not_shown_again(listener, heard):
    """It was logged in this process."""
    tell(listener, piece("a"), is_shown=True)
    listener.settle()
    assert (heard.shown, len(heard.kept)) == ([], 1)


def test_nothing_waits_until_lines_are_shown(listener, heard):
    """They are kept, and the last ones at hand, while the user's handlers take their time."""
    heard.may_show.clear()
    tell(listener, piece("a"))
    tell(listener, piece("b", first=2))
    assert len(heard.kept) == 2
    assert [line.message for line in listener.last_lines("clean[3]")] == ["a", "b"]
    heard.may_show.set()
    listener.settle()
    assert heard.shown == ["a", "b"]


def test_lines_that_take_too_long_to_show_are_told(listener, heard, caplog, monkeypatch):
    """Nobody waits for them for ever."""
    monkeypatch.setattr(listening, "_PATIENCE", 0.05)
    heard.may_show.clear()
    tell(listener, piece("a"), piece("b", tape=2))
    listener.settle()
    assert "1 lines of tasks are not shown yet" in caplog.text


def test_too_many_lines_are_not_all_shown(listener, heard, monkeypatch):
    """The newest are, with a line about the others; all are kept."""
    monkeypatch.setattr(listening, "_MOST", 2)
    heard.may_show.clear()
    tell(listener, *(piece(str(n), first=n) for n in range(1, 8)))
    heard.may_show.set()
    listener.settle()
    assert heard.shown[-2:] == ["6", "7"]
    assert any("dropped" in line for line in heard.shown)
    assert len(heard.kept) == 7


def test_lines_that_make_no_sense_end_nothing(listener, heard, caplog):
    """It is logged, and the next ones are shown."""
    good, bad = piece("a"), replace(piece("b", tape=2), lines=PackedLines("[[1.0]]", 1))
    tell(listener, bad, good)
    listener.settle()
    assert heard.shown == ["a"]
    assert "what clean[3] has logged makes no sense" in caplog.text


def test_a_line_that_cannot_be_shown_ends_nothing(listener, heard, caplog):
    """What raises is logged, and the next one is shown."""
    tell(listener, piece("raise", "b"))
    listener.settle()
    assert heard.shown == ["b"]
    assert "a line of clean[3] cannot be shown" in caplog.text


def test_the_thread_is_there_as_long_as_lines_come(listener, heard, monkeypatch):
    """A moment without any, and it ends; the next one starts another."""
    monkeypatch.setattr(listening, "_IDLE", 0.01)
    for text in "ab":
        tell(listener, piece(text, tape=ord(text)))
        eventually(lambda: listener._screen._thread is None)
    assert heard.shown == ["a", "b"]


def test_what_makes_no_sense_is_told(listener, heard, caplog):
    """A worker with another daskflow: the poll that brought it goes on."""
    listener.take(b"no")
    listener.take(b"[[[1]], true]")
    assert caplog.text.count("makes no sense") == 2
    assert heard.kept == []


def told(listener, *who):
    return [line.message for line in listener.last_lines(*who)]


def test_the_last_lines_of_what_has_not_ended(listener):
    """Twenty of them, across pieces, without what tells of others that were dropped."""
    tell(listener, *(piece(str(n), first=n) for n in range(1, 16)))
    tell(listener, piece(*map(str, range(30, 45)), first=30))
    assert told(listener, "clean[3]") == [*map(str, range(11, 16)), *map(str, range(30, 45))]
    assert told(listener, "clean[3]", 2) == told(listener, "clean") == []


def test_of_attempts_the_newest(listener):
    """Or the one that is asked for; of two bodies of one attempt, who spoke last."""
    tell(listener, piece("one"), piece("two", tape=2, attempt=2))
    tell(listener, piece("again", tape=3, attempt=2, first=5))
    assert told(listener, "clean[3]") == ["again"]
    assert told(listener, "clean[3]", 1) == ["one"]


def test_what_has_ended_is_forgotten(listener):
    """Its state tells what became of it."""
    tell(listener, piece("a"))
    tell(listener, piece(first=2, is_end=True), piece("b", tape=2, is_end=True))
    assert told(listener, "clean[3]") == []


def test_no_more_attempts_than_so_many(listener, monkeypatch):
    """The oldest goes first."""
    monkeypatch.setattr(listening, "_ATTEMPTS", 2)
    for tape in (1, 2, 3):
        tell(listener, piece(str(tape), tape=tape, attempt=tape))
    assert [told(listener, "clean[3]", attempt) for attempt in (1, 2, 3)] == [[], ["2"], ["3"]]


def test_what_bodies_here_have_logged_is_kept_in_the_end(listener, heard, monkeypatch):
    """Though they were interrupted, and nobody said that their attempt has ended."""
    made = tapes.Outbox()
    monkeypatch.setattr(made, "_work", lambda: None)  # nor does its thread come to it
    monkeypatch.setattr(tapes, "outbox", made)
    monkeypatch.setattr(listening, "outbox", made)

    def send(batch):
        listener.take(pack_batch(batch))

    tape = Tape("clean[3]", (1, 0), "w", Way(send, is_away=False, limits=LogLimits()))
    assert tape.take(logging.makeLogRecord({"msg": "the last"}))
    listener.settle()
    assert [line.message for piece in heard.kept for line in piece.lines] == ["the last"]
    assert heard.shown == []

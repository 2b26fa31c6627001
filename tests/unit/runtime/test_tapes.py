"""What of an attempt's lines is kept and sent, when, and in which order."""

from __future__ import annotations

import logging
import os
import threading

import pytest

from daskflow.lines import LogLimits
from daskflow.runtime import tapes
from daskflow.runtime.tapes import Outbox, Tape, Way
from tests.contract.waiting import eventually


@pytest.fixture
def outbox(monkeypatch):
    """An outbox of our own, whose thread sends when it is told to."""
    made = Outbox()
    monkeypatch.setattr(tapes, "outbox", made)
    monkeypatch.setattr(made, "_work", lambda: None)
    return made


class Desk:
    """Takes batches."""

    def __init__(self):
        self.batches = []

    def send(self, batch):
        self.batches.append(batch)

    def numbers(self):
        """Return the numbers of the lines of each piece, and take them away."""
        taken, self.batches = self.batches, []
        return [list(range(p.first, p.stop)) for batch in taken for p in batch.pieces]

    def pieces(self):
        taken, self.batches = self.batches, []
        return [piece for batch in taken for piece in batch.pieces]


@pytest.fixture
def desk():
    return Desk()


def tape(desk, task_run="clean[3]", attempt=(2, 0), is_away=True, **limits):
    return Tape(task_run, attempt, "w", Way(desk.send, is_away, LogLimits(**limits)))


def log(tape, *texts, level=logging.INFO):
    for text in texts:
        record = logging.makeLogRecord({"msg": text, "levelno": level, "name": "mine"})
        assert tape.take(record)


def test_lines_are_sent_with_their_names(outbox, desk):
    """Task run, attempt, worker; time, level, logger and text."""
    one = tape(desk)
    log(one, "text", level=logging.ERROR)
    outbox.send_all()
    outbox.send_all()
    (batch,) = desk.batches
    (piece,) = batch.pieces
    assert (piece.task_run, piece.attempt, piece.worker, piece.first) == ("clean[3]", 2, "w", 1)
    (line,) = piece.lines
    assert (line.level, line.logger, line.message) == (logging.ERROR, "mine", "text")
    assert not batch.is_shown
    assert not piece.is_end


def test_a_batch_tells_whether_it_was_shown(outbox, desk):
    """Where the driver is in this process, its logging has shown it."""
    log(tape(desk, is_away=False), "text")
    outbox.send_all()
    assert desk.batches[0].is_shown


def test_an_attempt_that_ends_waits_for_its_block(outbox, desk):
    """Others that go on are not sent then."""
    ended, going = tape(desk), tape(desk)
    log(ended, "a", "b")
    log(going, "c")
    ended.end()
    outbox.send_ended()
    (piece,) = desk.pieces()
    assert (piece.stop, piece.is_end) == (3, True)
    assert outbox.ended == []
    outbox.send_all()
    assert desk.numbers() == [[1]]


def test_the_end_of_what_was_sent_before_is_told(outbox, desk):
    """By a piece without lines; one that never logged tells nothing."""
    one, silent = tape(desk), tape(desk)
    log(one, "a")
    outbox.send_all()
    desk.numbers()
    one.end()
    silent.end()
    outbox.send_all()
    (piece,) = desk.pieces()
    assert (piece.first, piece.lines, piece.is_end) == (2, (), True)


def test_what_somebody_logs_behind_the_end_is_sent(outbox, desk):
    """A thread of the body's that lives on."""
    one = tape(desk)
    log(one, "a")
    one.end()
    outbox.send_ended()
    log(one, "b")
    outbox.send_all()
    assert [(p.first, p.is_end) for p in desk.pieces()] == [(1, True), (2, True)]


def test_much_that_has_ended_is_sent_at_once(outbox, desk, monkeypatch):
    """By who logs it: so nothing piles up within a block."""
    monkeypatch.setattr(tapes, "_MUCH", 10)
    for text, sent in (("a" * 8, []), ("b" * 8, [[1], [1]])):
        one = tape(desk)
        log(one, text)
        one.end()
        assert desk.numbers() == sent


def test_the_first_and_the_last_lines_are_kept(outbox, desk):
    """Of a hundred lines in one go, with limits of eight: six and two."""
    one = tape(desk, lines=8)
    log(one, *map(str, range(1, 101)))
    one.end()
    outbox.send_ended()
    first, last = desk.pieces()
    assert [line.message for line in first.lines] == ["1", "2", "3", "4", "5", "6"]
    assert (last.first, [line.message for line in last.lines]) == (99, ["99", "100"])
    assert (first.kept_from, last.kept_to, last.kept_from, last.is_end) == (0, 6, 99, True)


def test_a_long_tape_sends_its_newest_lines(outbox, desk, monkeypatch):
    """A few each time; when it ends, the last lines without a gap, in place of what was sent."""
    monkeypatch.setattr(tapes, "_FEW", 2)
    one = tape(desk, lines=20)
    log(one, *map(str, range(1, 11)))
    outbox.send_all()
    log(one, *map(str, range(11, 31)))
    outbox.send_all()
    assert desk.numbers() == [[*range(1, 11)], [*range(11, 16)], [29, 30]]
    log(one, "31")
    outbox.send_all()
    (piece,) = desk.pieces()
    assert (piece.first, piece.stop, piece.kept_to, piece.kept_from) == (31, 32, 15, 27)
    log(one, "32")
    one.end()
    outbox.send_ended()
    (piece,) = desk.pieces()
    assert (piece.first, piece.stop, piece.kept_to, piece.kept_from) == (28, 33, 15, 33)


def test_last_lines_that_came_one_by_one_come_again_in_the_end(outbox, desk):
    """So a store that forgets pieces whole keeps just as many as is wanted; no more often."""
    one = tape(desk, lines=4)
    for number in range(1, 9):
        log(one, str(number))
        outbox.send_all()
    one.end()
    outbox.send_all()
    assert desk.numbers() == [*([number] for number in range(1, 9)), [8]]
    log(one, "9")
    outbox.send_all()
    assert desk.numbers() == [[9]]


def test_a_tape_of_which_all_is_kept_is_sent_once(outbox, desk):
    """However it was cut."""
    one = tape(desk, lines=8)
    for number in range(1, 9):
        log(one, str(number))
        outbox.send_all()
    one.end()
    outbox.send_all()
    assert desk.numbers() == [*([number] for number in range(1, 9)), []]


def test_without_last_lines(outbox, desk):
    """A limit that is too small for any."""
    one = tape(desk, lines=3)
    log(one, *"abcdef")
    one.end()
    outbox.send_ended()
    assert desk.numbers() == [[1, 2, 3]]


def test_characters_are_limited(outbox, desk):
    """Those of the first lines, of the last ones, and of each."""
    one = tape(desk, characters=40, message=10)
    log(one, *["x" * 9] * 20, "y" * 100)
    one.end()
    outbox.send_ended()
    first, last = desk.pieces()
    assert len(first.lines) == 4
    assert [line.message for line in last.lines] == ["y" * 10 + "... (90 characters more)"]


def test_runs_do_not_share_batches(outbox):
    """Each goes its own way."""
    one, other = Desk(), Desk()
    log(tape(one), "a")
    log(tape(other), "b")
    outbox.send_all()
    assert one.numbers() == other.numbers() == [[1]]


def test_what_cannot_be_sent_ends_nothing(outbox, desk, caplog):
    """It is logged, and others are sent."""

    class Broken(Desk):
        def send(self, batch):
            raise OSError("gone")

    log(tape(Broken()), "a")
    log(tape(desk), "b")
    outbox.send_all()
    assert "what tasks have logged cannot be sent" in caplog.text
    assert desk.numbers() == [[1]]


def test_the_first_line_is_sent_at_once():
    """By the thread of the process, which is there when something is logged; then more."""
    desk = Desk()
    one = tape(desk)
    log(one, "a")
    eventually(lambda: desk.batches)
    log(one, "b")
    eventually(lambda: len(desk.batches) == 2)
    assert desk.numbers() == [[1], [2]]


def test_many_threads_log_to_one_tape(outbox, desk):
    """No line is lost, and none twice, though it is sent meanwhile."""
    one, count = tape(desk, lines=100_000), 500
    threads = [
        threading.Thread(target=log, args=[one, *["text"] * count], name=f"logs-{i}")
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        outbox.send_all()
    outbox.send_all()
    found = [number for numbers in desk.numbers() for number in numbers]
    assert found == [*range(1, 4 * count + 1)]


def test_a_forked_process_sends_nothing_of_its_parents(desk):
    """There is no thread in it, and nobody who would hear: its own logging shows what it says."""
    one = tape(desk)
    log(one, "here")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        is_taken = one.take(logging.makeLogRecord({"msg": "there"}))
        os.write(writing, b"taken" if is_taken else b"left")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"left"
    os.close(reading)
    os.close(writing)

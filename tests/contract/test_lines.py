"""What bodies log reaches who drives their run, on every executor, before what is told later."""

from __future__ import annotations

import os
import threading

import pytest

from daskflow import LocalExecutor
from daskflow.executors.ports import current_port
from daskflow.lines import Batch, Line, Piece, unpack_batch
from tests.contract.waiting import eventually


class Speaks:
    """A body that sends lines as a tape does: from another thread than its block's."""

    def __init__(self, run_id, *texts, gate=None):
        self.run_id, self.texts, self.gate = run_id, texts, gate

    def __call__(self, number):
        lines = tuple(Line(1.0, 20, "", text) for text in self.texts)
        batch = Batch([Piece("block", 1, number, "w", 1, lines)], is_shown=False)
        thread = threading.Thread(target=way(self.run_id), args=[batch])
        thread.start()
        thread.join()
        if self.gate is not None:
            self.gate.wait()


def way(run_id):
    """Return what takes the lines of this block's run."""
    port = current_port()
    assert port.worker is not None  # `run_block` asks too: from then on the port knows where it is
    return port.lines_to(run_id)


class Heard:
    """Takes what a session tells."""

    def __init__(self, session):
        self.lines, self.dropped = [], 0
        session.tell_lines(self.take)

    def take(self, data, dropped):
        self.dropped += dropped
        self.lines += [line.message for piece in unpack_batch(data).pieces for line in piece.lines]


def test_lines_are_there_before_the_report(begin):
    """Of their block: who hears that it is done has what it said."""
    one = begin()
    heard = Heard(one.session)
    for number in range(1, 6):
        one.submit({number: []}, Speaks(one.run_id, f"of {number}", "ü 漢"))
        one.hear(number)
        assert heard.lines == [text for n in range(1, number + 1) for text in (f"of {n}", "ü 漢")]
    assert heard.dropped == 0


def test_lines_come_while_a_body_runs(executor, begin, gate):
    """Nobody has to wait for its end, but where it runs in the driver's own thread."""
    if isinstance(executor, LocalExecutor) and executor.threads is None:
        pytest.skip("who waits for a report runs the body")
    one = begin()
    heard = Heard(one.session)
    one.submit({1: []}, Speaks(one.run_id, "in the midst", gate=gate))
    eventually(lambda: heard.lines == ["in the midst"])
    assert one.session.wait(0.0) == []
    gate.open()
    one.hear(1)


def test_runs_do_not_hear_each_other(begin):
    """Though they share a client."""
    one, other = begin(), begin()
    heard = Heard(one.session), Heard(other.session)
    one.submit({1: []}, Speaks(one.run_id, "one"))
    other.submit({1: []}, Speaks(other.run_id, "other"))
    one.hear(1)
    other.hear(1)
    assert [found.lines for found in heard] == [["one"], ["other"]]


def test_a_session_that_is_closed_hears_nothing(executor, begin):
    """And who speaks to it is not harmed."""
    one = begin()
    heard = Heard(one.session)
    speaks = Speaks(one.run_id, "late")
    one.submit({1: []})
    one.hear(1)
    one.session.close()
    other = begin()
    later = Heard(other.session)
    other.submit({1: []}, speaks)
    other.hear(1)
    assert heard.lines == []
    assert later.lines == ([] if not is_local(executor) else ["late"])


def is_local(executor):
    """Return whether blocks have the session itself, and tell it no name of a run."""
    return isinstance(executor, LocalExecutor)


def forked(number):
    """Return what a forked child finds as its way."""
    port = current_port()
    assert port.worker is not None
    assert port.lines_to("run") is not None
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, b"none" if port.lines_to("run") is None else b"some")
        os._exit(0)
    os.waitpid(child, 0)
    try:
        return os.read(reading, 10).decode()
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_that_a_body_has_forked_has_no_way(begin):
    """There is nobody in it who would send."""
    one = begin()
    Heard(one.session)
    one.submit({1: []}, forked)
    one.hear(1)
    assert one.fetch(1)[0][2] == "none"

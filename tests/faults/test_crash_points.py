"""A driver that dies at a named place: what was accepted stands, and the run goes on behind it."""

import os
import signal
import sqlite3

import pytest

from benchmarks.reliability import kills, rig
from benchmarks.reliability.kills import Case, row_of
from daskflow import _crash_points
from daskflow.errors import StoreBusyError
from daskflow.stores.choice import close_stores

KILL, TERM = signal.SIGKILL, signal.SIGTERM
ONCE = ["run.before_created", "run.created", "run.leased"]
OFTEN = [point for point in _crash_points.POINTS if not point.startswith(("run.", "resume."))]
IN_RESUME = [point for point in _crash_points.POINTS if point.startswith("resume.")]
CASE = Case("frames", 4)  # with results that are files, and a small one
DEATHS = [
    *((point, sign, 1) for point in ONCE for sign in (KILL, TERM)),
    *((point, sign, nth) for point in OFTEN for sign, nth in ((KILL, 1), (TERM, 2))),
]


def die(place, point, case, sign, nth):
    """Drive a run, and die at the nth time that a point is reached. In a child."""
    from daskflow.stores import journal, sqlite

    journal._GATHER_SECONDS = 0.0  # many small batches
    sqlite._WAL_BYTES, sqlite._RECHECK = 0, 1  # a checkpoint behind every transaction
    left = [nth]

    def reached():
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), sign)
            signal.pause()  # the signal may come to another thread

    _crash_points.arm(point, reached)
    kills.drive(place, case, "run")


def ended(child):
    """Return how a child ended."""
    with rig.killed_after(child):
        child.join(30)
        return child.exitcode


@pytest.fixture
def place(tmp_path):
    yield rig.Place(tmp_path)
    close_stores()


@pytest.fixture
def harness(place, monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    return kills.Harness(place, CASE, rig.drawing(0))


@pytest.mark.parametrize(("point", "sign", "nth"), DEATHS)
def test_a_driver_that_dies_at(harness, point, sign, nth):
    """The run is resumed to its end; nothing acknowledged is lost, no accepted body runs again."""
    assert ended(rig.start(die, harness.place, point, CASE, sign, nth)) == -sign
    assert (row_of(harness.place.store(), "run") is None) == (point == "run.before_created")
    harness.look("run")
    harness.end("run")
    assert harness.found.wrong == []


@pytest.mark.parametrize("sign", [KILL, TERM])
@pytest.mark.parametrize("point", IN_RESUME)
def test_a_resume_that_dies_at(harness, point, sign):
    """It leaves the run as it was: the next resume brings it to its end."""
    assert ended(rig.start(die, harness.place, "result.written", CASE, KILL, 7)) == -KILL
    harness.look("run")
    assert ended(rig.start(die, harness.place, point, CASE, sign, 1)) == -sign
    harness.look("run")
    harness.end("run")
    assert harness.found.wrong == []


def test_a_commit_whose_answer_is_lost_counts_once(place, monkeypatch):
    """The batch is written again, with the same `op_id`: the history is the same."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr(_crash_points, "_armed", {})
    store, lost = place.store(), []

    def lose():
        if len(lost) < 2:
            lost.append(True)
            raise StoreBusyError("no answer")

    _crash_points.arm("journal.committed", lose)
    run = CASE.flow(place.ledger("run")).run()
    assert run.result() == CASE.result()
    assert len(lost) == 2
    assert rig.audit(place, run.id) == []
    assert len(rig.finished(store.entries(run.id))) == 9


def test_a_lost_entry_is_seen(harness):
    """The look over the store is able to fail: an entry is taken out by hand."""
    harness.end("run")
    assert harness.found.wrong == []
    with sqlite3.connect(harness.place.file) as connection:
        connection.execute(
            "DELETE FROM segments WHERE version = (SELECT max(version) FROM segments)"
        )
    connection.close()
    harness.look("run")
    assert any("the versions are not" in told for told in harness.found.wrong)


def test_a_body_that_ran_again_is_seen(harness):
    """So is a start of an accepted body, in the ledger that it writes."""
    harness.end("run")
    harness.place.ledger("run").note("total")
    harness.look("run")
    assert harness.found.wrong == ["run: total@0 was accepted, and ran again"]

"""What a store has open must not harm others: not in forked processes, not in the same one."""

import os
import signal

import pytest

from benchmarks.reliability import rig
from daskflow.results.signing import Signer
from daskflow.states import Pending
from daskflow.stores.choice import close_stores
from daskflow.stores.history import Holder, RunRow
from daskflow.stores.sql import SqlStore
from daskflow.stores.sqlite import SqlitePlace
from tests.contract.waiting import Gate

ME = Holder("me", "here", 1)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    yield rig.Place(tmp_path)
    close_stores()


def leave_a_child(place, gate):
    """Die while a transaction goes on and a lease is held; a forked child lives on. In a child."""
    store = place.store()
    store.create(RunRow("one", "one", "flow", Pending(), 1.0), "1")
    store.lease("one", ME)
    with store._place.writing():
        if os.fork():
            os.kill(os.getpid(), signal.SIGKILL)
        gate.wait()
        os._exit(0)


def test_a_forked_process_holds_nothing_of_its_dead_parent(place, tmp_path):
    """Neither the lock of the store, nor the lease of a run: both can be taken at once."""
    gate = Gate(tmp_path / "gate")
    with rig.killed_after(rig.start(leave_a_child, place, gate)) as child:
        child.join(30)
        assert child.exitcode == -signal.SIGKILL
    store = place.store()
    assert store.lease("one", ME).token == 2
    gate.open()


def write_once(place, name):
    """Write to a store, and close it. In a child."""
    place.store().create(RunRow(name, name, "flow", Pending(), 1.0), name)
    close_stores()


def test_a_file_that_is_opened_twice_stays_locked(place):
    """Another process that closes the store last, as it thinks, takes nothing from this one."""
    first = place.store()
    first.create(RunRow("one", "one", "flow", Pending(), 1.0), "1")
    SqlStore(SqlitePlace(place.file), Signer(b"key")).close()
    with rig.killed_after(rig.start(write_once, place, "two")) as child:
        child.join(30)
        assert child.exitcode == 0
    first.create(RunRow("three", "three", "flow", Pending(), 1.0), "3")
    with rig.killed_after(rig.start(write_once, place, "four")) as child:
        child.join(30)
    assert {row.name for row in first.runs()} == {"one", "two", "three", "four"}

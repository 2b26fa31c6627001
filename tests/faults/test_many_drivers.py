"""Many processes on one SQLite file: small counts of `benchmarks.reliability.drivers`."""

import fcntl
import os
import threading

import pytest

from benchmarks.reliability import drivers, rig
from daskflow.states import Pending
from daskflow.stores.choice import close_stores
from daskflow.stores.history import Holder, RunRow


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    """Leave the settings of this process as they were."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.mark.slow
def test_eight_drivers_and_one_who_meddles(capsys):
    """All runs end right; of eight that resume one run, one goes on, the others are told who."""
    assert drivers.main(["--count", "5", "--runs", "3"]) == 0
    assert "5 went on, 35 were told who does; wrong: 0" in capsys.readouterr().out


def test_a_run_that_is_forgotten_leaves_nothing(tmp_path):
    """Neither rows nor the file of its lease; one that is driven stays."""
    place = rig.Place(tmp_path)
    store = place.store()
    for name in ("one", "two"):
        store.create(RunRow(name, name, "flow", Pending(), 1.0), name)
    lease = store.lease("one", Holder("me", "here", 1))
    store.lease("two", Holder("me", "here", 1)).release()
    assert store.delete(["one", "two", "three"], "op") == 1
    lease.release()
    leases = tmp_path / "daskflow.db.leases"
    assert [row.name for row in store.runs()] == [file.name for file in leases.iterdir()] == ["one"]
    close_stores()


def test_looking_who_drives_a_run_takes_it_from_nobody(tmp_path):
    """Who wants to drive it waits for a moment, until they have looked."""
    place = rig.Place(tmp_path)
    store = place.store()
    store.create(RunRow("one", "one", "flow", Pending(), 1.0), "1")
    lease = store.lease("one", Holder("me", "here", 1))
    assert store.holder("one").pid == os.getpid()  # the lease tells it sooner than the row
    lease.release()
    looking = os.open(tmp_path / "daskflow.db.leases" / "one", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    looked = threading.Timer(0.05, os.close, [looking])
    looked.start()
    assert store.holder("one") is None  # two may look at a time
    assert store.lease("one", Holder("me", "here", 1)).token == 2
    looked.join()
    close_stores()

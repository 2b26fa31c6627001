"""Many processes on one SQLite file: small counts of `benchmarks.reliability.drivers`."""

import os

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
    """While somebody looks, another can take the lease."""
    place = rig.Place(tmp_path)
    store = place.store()
    store.create(RunRow("one", "one", "flow", Pending(), 1.0), "1")
    asking = rig.start(drivers.ask, place)
    with rig.killed_after(asking):
        for token in range(1, 51):
            lease = store.lease("one", Holder("me", "here", 1))
            assert lease.token == token
            lease.release()
        (tmp_path / "end").touch()
        asking.join(30)
        assert asking.exitcode == 0
    close_stores()

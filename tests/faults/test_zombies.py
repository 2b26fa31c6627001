"""Drivers that wake up when their run is somebody else's: see `benchmarks.reliability.zombies`."""

import os

import pytest

from benchmarks.reliability import zombies

pytestmark = [pytest.mark.slow]


def test_20_zombies(capsys, monkeypatch):
    """Each write of theirs is refused; they say why, and end, and no task of theirs has failed."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    assert zombies.main(["--count", "20"]) == 0
    assert "20 were refused, 0 written; wrong: 0" in capsys.readouterr().out


def test_a_store_without_tokens_is_seen(capsys, monkeypatch):
    """The harness is able to fail: where all leases have one token, what zombies write is there."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    lease = zombies.SqlStore.lease

    def old_token(store, run_id, holder):
        found = lease(store, run_id, holder)
        with store._place.writing() as connection:
            connection.exec_driver_sql("UPDATE runs SET token = 1")
        found.token = 1
        return found

    monkeypatch.setattr(zombies.SqlStore, "lease", old_token)
    assert zombies.main(["--count", "1"]) > 0
    assert "something of its was written" in capsys.readouterr().err

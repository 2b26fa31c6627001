"""Workers that are killed at random: small counts of `benchmarks.reliability.worker_kills`."""

import os

import pytest

from benchmarks.reliability import worker_kills

pytestmark = [pytest.mark.slow]


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    """Leave the settings of this process as they were."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.mark.parametrize("threads", [pytest.param("1", marks=pytest.mark.heavy), "2"])
def test_a_worker_is_killed_in_each_run(threads, capsys):
    """Every run ends right, and no accepted body runs again."""
    assert worker_kills.main(["--count", "2", "--threads", threads, "--within", "0.8"]) == 0
    assert "2 workers of 3 were killed" in capsys.readouterr().out

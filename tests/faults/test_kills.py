"""Drivers that are killed at random: small counts of `benchmarks.reliability.kills`."""

import os

import pytest

from benchmarks.reliability import kills

pytestmark = [pytest.mark.slow]


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    """Leave the settings of this process as they were."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.mark.parametrize("count", [20, pytest.param(50, marks=pytest.mark.heavy)])
def test_drivers_are_killed(count, capsys):
    """No acknowledged state is lost or torn, no accepted body runs again; each run ends right."""
    assert kills.main(["--count", str(count), "--within", "0.6"]) == 0
    assert f"{count} drivers killed" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["frames", "lost-frames"])
def test_drivers_that_hold_frames_are_killed(kind, capsys):
    """What was persisted is not made again; what was not is, and the history tells why."""
    assert kills.main(["--count", "5", "--kind", kind, "--kills", "5", "--width", "8"]) == 0
    assert "5 drivers killed" in capsys.readouterr().out

"""The named places at which a test may end the process."""

import pytest

from daskflow import _crash_points


@pytest.fixture(autouse=True)
def nothing_armed(monkeypatch):
    monkeypatch.setattr(_crash_points, "_armed", {})


def test_a_point_that_is_armed_acts_each_time():
    """Others do nothing, whether or not any is armed."""
    reached = []
    _crash_points.reach("run.created")
    _crash_points.arm("run.created", lambda: reached.append("created"))
    for point in ("run.created", "run.leased", "run.created"):
        _crash_points.reach(point)
    assert reached == ["created", "created"]


def test_only_points_that_there_are_can_be_armed():
    """A test that names none would pass for the wrong reason."""
    with pytest.raises(ValueError, match="not in tuple"):
        _crash_points.arm("run.creatd", lambda: None)

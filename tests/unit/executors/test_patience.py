"""A call is waited for no longer than it was said."""

from __future__ import annotations

import threading

import pytest

from daskflow.executors.patience import within


def test_what_is_in_time_is_returned():
    """None as well as anything else."""
    assert within(30.0, lambda: None) is None
    assert within(30.0, lambda: 3) == 3


def test_what_is_raised_in_time_is_raised():
    """As it was raised there."""
    with pytest.raises(ZeroDivisionError):
        within(30.0, lambda: 1 / 0)


def test_what_takes_too_long_is_left_behind():
    """It is told in the words that were given."""
    gate = threading.Event()
    with pytest.raises(TimeoutError, match="nobody is there"):
        within(0.01, gate.wait, "nobody is there")
    gate.set()

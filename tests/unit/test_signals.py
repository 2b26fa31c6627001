"""What tasks raise to end in a state of their choice."""

from __future__ import annotations

import pickle
from datetime import timedelta

import pytest

from daskflow import Fail, Loop, Pause, Retry, Skip, Succeed
from daskflow.signals import Signal

KINDS = [Succeed, Fail, Skip, Retry, Pause, Loop]


@pytest.mark.parametrize("kind", KINDS)
def test_except_exception_lets_a_signal_pass(kind):
    """A task that swallows its errors does not swallow its signals."""

    def swallowing():
        try:
            raise kind("why")
        except Exception:  # noqa: BLE001 - the claim is that this does not catch it
            return "swallowed"

    with pytest.raises(kind):
        swallowing()


@pytest.mark.parametrize("kind", [Succeed, Fail, Skip, Loop])
def test_a_signal_travels_with_its_message_and_result(kind):
    """Between processes a signal keeps what it carries."""
    there = pickle.loads(pickle.dumps(kind("why", result=[1])))
    assert (type(there), there.message, there.result) == (kind, "why", [1])
    assert str(there) == "why"


@pytest.mark.parametrize("signal", [Retry("why", delay=2), Pause("why", seconds=2)])
def test_a_signal_travels_with_its_time(signal):
    """The same for what says when it goes on."""
    there = pickle.loads(pickle.dumps(signal))
    assert (type(there), vars(there)) == (type(signal), vars(signal))


@pytest.mark.parametrize("kind", [*KINDS, Signal])
def test_a_signal_needs_no_words(kind):
    """The message is empty and the result None unless they are given."""
    signal = kind()
    assert (signal.message, signal.result) == ("", None)


def test_a_time_is_seconds_or_a_timedelta():
    """None: a retry is due when the task's rules say so, a pause when a person does."""
    assert Retry(delay=timedelta(minutes=1)).delay == Retry(delay=60).delay == 60.0
    assert Pause(seconds=timedelta(minutes=1)).seconds == Pause(seconds=60).seconds == 60.0
    assert Retry().delay is None
    assert Pause().seconds is None


@pytest.mark.parametrize("span", [float("inf"), float("nan"), 1e12, "soon"])
@pytest.mark.parametrize("make", [lambda s: Retry(delay=s), lambda s: Pause(seconds=s)])
def test_a_time_must_be_one(make, span):
    """What no clock can reach is refused where it is said."""
    with pytest.raises(ValueError, match=r"no span of time|could not convert"):
        make(span)

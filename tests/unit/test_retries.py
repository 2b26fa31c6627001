"""Whether another attempt follows, and after how long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daskflow import Fail
from daskflow.retries import RetryPolicy


@pytest.mark.parametrize(
    ("retries", "attempt", "wanted"),
    [(0, 1, False), (1, 1, True), (1, 2, False), (3, 3, True), (3, 4, False)],
)
def test_retries_are_attempts_after_the_first(retries, attempt, wanted):
    """N retries allow n + 1 attempts."""
    assert RetryPolicy(retries).wants(attempt, ValueError()) is wanted


@pytest.mark.parametrize(
    ("on", "error", "wanted"),
    [
        ((), KeyError(), True),
        ((LookupError,), KeyError(), True),
        ((LookupError,), ValueError(), False),
        ((ValueError, LookupError), IndexError(), True),
        ((Fail,), Fail("no"), True),
        ((ValueError,), Fail("no"), False),
    ],
)
def test_only_the_named_exceptions_are_retried(on, error, wanted):
    """`on` names exceptions by their classes, signals among them; nothing named means all."""
    assert RetryPolicy(1, on=on).wants(1, error) is wanted


def test_a_condition_has_the_last_word():
    """A condition decides where count and class agree, and is not asked where they do not."""
    asked = []

    def condition(error):
        asked.append(error.args[0])
        return [] if error.args[0] == "final" else "yes"

    policy = RetryPolicy(1, on=(ValueError,), condition=condition)
    assert policy.wants(1, ValueError("again")) is True
    assert policy.wants(1, ValueError("final")) is False
    assert policy.wants(1, KeyError("other class")) is False
    assert policy.wants(2, ValueError("no retries left")) is False
    assert asked == ["again", "final"]


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [
        (5, [5, 5, 5]),
        (timedelta(minutes=1), [60, 60, 60]),
        ([1, timedelta(seconds=10)], [1, 10, 10]),
        ((), [0, 0, 0]),
        (lambda attempt: 2**attempt, [2, 4, 8]),
        (lambda attempt: timedelta(hours=attempt), [3600, 7200, 10800]),
        (-1, [0, 0, 0]),
    ],
)
def test_the_delay_after_each_attempt(delay, seconds):
    """A number holds always, the last of a list repeats, a function is asked; never negative."""
    policy = RetryPolicy(3, delay)
    assert [policy.delay_after(attempt, 0.0) for attempt in (1, 2, 3)] == seconds


def test_jitter_adds_a_share_of_the_delay():
    """The roll says how much of the allowed share is added."""
    policy = RetryPolicy(1, 10, jitter=0.5)
    assert [policy.delay_after(1, roll) for roll in (0.0, 0.5, 0.9)] == [10.0, 12.5, 14.5]

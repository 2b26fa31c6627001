"""The one clock, and spans of time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from daskflow.timing import as_datetime, as_seconds, now, skip_to, stands_still, wait_until, watch


def test_an_instant_lies_between_two_looks_at_the_clock():
    """The engine's clock is the machine's, in seconds since the epoch."""
    assert time.time() <= now() <= time.time()


def test_people_see_utc():
    """An instant becomes an aware datetime."""
    assert as_datetime(86_400.5) == datetime(1970, 1, 2, 0, 0, 0, 500_000, UTC)
    assert as_datetime(0.0).tzinfo is UTC


@pytest.mark.parametrize(
    ("span", "seconds"), [(2, 2.0), (0.5, 0.5), (timedelta(minutes=1, milliseconds=5), 60.005)]
)
def test_spans_in_seconds(span, seconds):
    """A number counts seconds, a timedelta knows."""
    assert as_seconds(span) == seconds


def test_a_watch_ends_with_what_it_saw_or_with_its_time():
    """True at once; false when the seconds are over."""
    seen = iter([0, 0, 7])
    assert watch(lambda: next(seen), 15) == 7
    assert watch(lambda: 0, 0.01) == 0


def test_the_machines_clock_goes_by_itself():
    """An instant that is over is not waited for, and none is skipped to."""
    skip_to(now() + 3600)
    assert now() <= time.time()
    wait_until(now() - 3600)
    wait_until(now() + 0.01)
    assert not stands_still()

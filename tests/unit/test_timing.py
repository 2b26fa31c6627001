"""The one clock, and spans of time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from daskflow.timing import as_datetime, as_seconds, now


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

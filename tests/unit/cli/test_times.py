"""Times as they are typed and shown on the command line."""

from __future__ import annotations

import time

import pytest

from daskflow.cli.times import instant_of, person_time, span_of
from daskflow.errors import ParameterError


@pytest.fixture
def east(monkeypatch):
    """Let local time be two hours ahead."""
    monkeypatch.setenv("TZ", "<+02>-2")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [("5s", 5), ("2m", 120), ("2min", 120), ("1.5h", 5400), ("1 d", 86_400), ("2w", 1_209_600)],
)
def test_spans(typed, seconds):
    """A number and a unit."""
    assert span_of(typed) == seconds


@pytest.mark.parametrize("typed", ["", "5", "d", "5 years", "-5d", "2026-01-01"])
def test_what_is_no_span(typed):
    """None, so that it may be a date."""
    assert span_of(typed) is None


@pytest.mark.parametrize(
    ("typed", "is_utc", "instant"),
    [
        ("10s", False, 99_990.0),
        ("1970-01-02", True, 86_400.0),
        ("1970-01-02", False, 79_200.0),
        ("1970-01-02T00:00", False, 79_200.0),
        ("1970-01-02 00:00:01Z", False, 86_401.0),
        ("1970-01-02T01:00+01:00", False, 86_400.0),
    ],
)
def test_instants(east, typed, is_utc, instant):
    """So long ago, or a date where the person is, unless it says otherwise."""
    assert instant_of(typed, "--since", 100_000.0, is_utc=is_utc) == instant


def test_what_is_no_instant():
    """The error names the option, what was typed, and what to type."""
    with pytest.raises(
        ParameterError, match="--since 'tomorrow' is no time: say how long ago, 90d"
    ):
        instant_of("tomorrow", "--since", 0.0)


def test_times_for_people(east):
    """Where they are, with the offset; or in UTC; nothing is a dash."""
    assert person_time(0.0) == "1970-01-01 02:00:00+02:00"
    assert person_time(0.0, is_utc=True) == "1970-01-01 00:00:00Z"
    assert person_time(None) == "-"

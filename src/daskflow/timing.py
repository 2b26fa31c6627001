"""The clock. This is the only room that reads it; all others get time by argument.

Inside the engine an instant is a float: seconds since the epoch, UTC. People see aware
datetimes, made by `as_datetime`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_LONGEST = 1e11  # seconds, three thousand years


def now() -> float:
    """Return the current instant in seconds since the epoch."""
    return time.time()


def monotonic() -> float:
    """Return seconds since some instant, by a clock that nobody sets: for spans of time."""
    return time.monotonic()


def wait_until(instant: float) -> None:
    """Return at that instant, seconds since the epoch; at once where it is over.

    Holds the thread. Only for what has no driver to come back at that instant.
    """
    time.sleep(max(0.0, instant - now()))


def as_datetime(instant: float) -> datetime:
    """Return the aware UTC datetime of an instant given in seconds since the epoch."""
    return datetime.fromtimestamp(instant, UTC)


def as_seconds(span: float | timedelta) -> float:
    """Return a span of time in seconds, however it was given.

    Raises
    ------
    ValueError
        No calendar reaches that far, or it is no number.
    """
    seconds = span.total_seconds() if isinstance(span, timedelta) else float(span)
    if not abs(seconds) <= _LONGEST:
        msg = f"{span!r} is no span of time in seconds: give at most {_LONGEST:g}"
        raise ValueError(msg)
    return seconds

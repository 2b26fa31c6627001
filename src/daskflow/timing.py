"""The clock. This is the only room that reads it; all others get time by argument.

Inside the engine an instant is a float: seconds since the epoch, UTC. People see aware
datetimes, made by `as_datetime`. Tests may put a clock that stands still in the place of this
machine's, by `use_clock`; deadlines go by `monotonic`, which is always real.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol


class Clock(Protocol):
    """Tells the time, and knows how to wait for an instant."""

    stands_still: bool  # it moves only when it is moved

    def now(self) -> float:
        """Return the current instant in seconds since the epoch."""

    def wait_until(self, instant: float) -> None:
        """Return at that instant; at once where it is over."""

    def skip_to(self, instant: float) -> None:
        """Go on to an instant until which nothing is to be done, where the clock can."""


class SystemClock:
    """The clock of this machine."""

    stands_still = False

    now = staticmethod(time.time)  # the current instant in seconds since the epoch

    def wait_until(self, instant: float) -> None:
        """Hold the thread until that instant."""
        time.sleep(max(0.0, instant - time.time()))

    def skip_to(self, instant: float) -> None:
        """Do nothing: this clock goes by itself."""


_clock: Clock = SystemClock()  # of the whole process


@contextmanager
def use_clock(clock: Clock) -> Iterator[None]:
    """Let this process go by another clock meanwhile, in all of its threads."""
    global _clock  # noqa: PLW0603 - there is one clock, and this room is its owner
    before, _clock = _clock, clock
    try:
        yield
    finally:
        _clock = before


_LONGEST = 1e11  # seconds, three thousand years


def now() -> float:
    """Return the current instant in seconds since the epoch."""
    return _clock.now()


# Seconds since some instant, by a clock that nobody sets: for spans of time.
monotonic: Callable[[], float] = time.monotonic


def wait_until(instant: float) -> None:
    """Return at that instant, seconds since the epoch; at once where it is over.

    Holds the thread. Only for what has no driver to come back at that instant.
    """
    _clock.wait_until(instant)


def skip_to(instant: float) -> None:
    """Note that nothing is to be done until that instant: a clock that stands still goes there."""
    _clock.skip_to(instant)


def stands_still() -> bool:
    """Return whether the clock moves only when it is moved."""
    return _clock.stands_still


def watch(look: Callable[[], Any], seconds: float) -> Any:
    """Return what `look` returns as soon as that is true, or when so many real seconds are over.

    It is asked again and again. Only for what nobody tells of.
    """
    end = monotonic() + seconds
    while not (found := look()) and monotonic() < end:
        time.sleep(_LOOK_SECONDS)
    return found


_LOOK_SECONDS = 0.02  # between two looks


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

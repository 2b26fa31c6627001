"""Times on the command line: typed spans and dates, and instants for people. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from daskflow.errors import ParameterError
from daskflow.timing import as_datetime

_SPAN = re.compile(r"(\d+(?:\.\d+)?) ?(s|min|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def span_of(text: str) -> float | None:
    """Return a span of time in seconds; None where the text is none.

    Examples
    --------
    >>> span_of("90d"), span_of("30min"), span_of("1.5h"), span_of("soon")
    (7776000.0, 1800.0, 5400.0, None)
    """
    found = _SPAN.fullmatch(text.strip())
    return float(found[1]) * _SECONDS[found[2]] if found is not None else None


def instant_of(text: str, option: str, instant: float, *, is_utc: bool = False) -> float:
    """Return the instant that was typed: so long ago, or a date, with or without a time.

    Parameters
    ----------
    instant
        The present one.
    is_utc
        A date without an offset is meant in UTC; else where the person is.

    Raises
    ------
    ParameterError
        It is neither.

    Examples
    --------
    >>> instant_of("1h", "--since", 7200.0), instant_of("1970-01-02", "--since", 0.0, is_utc=True)
    (3600.0, 86400.0)
    """
    span = span_of(text)
    if span is not None:
        return instant - span
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        msg = (
            f"{option} {text!r} is no time: say how long ago, 90d, 12h, 30min, or 2026-01-31T12:00"
        )
        raise ParameterError(msg) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC) if is_utc else found.astimezone()
    return found.timestamp()


def person_time(instant: float | None, *, is_utc: bool = False) -> str:
    """Return an instant for people: where they are, with the offset; or in UTC.

    Examples
    --------
    >>> person_time(1363521600.5, is_utc=True), person_time(None)
    ('2013-03-17 12:00:00Z', '-')
    """
    if instant is None:
        return "-"
    moment = as_datetime(instant)
    if is_utc:
        return f"{moment:%Y-%m-%d %H:%M:%S}Z"
    return moment.astimezone().isoformat(sep=" ", timespec="seconds")

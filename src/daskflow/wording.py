"""How spans of time, numbers and messages are written for people. Pure."""

from __future__ import annotations

from daskflow.timing import as_datetime


def span_text(seconds: float) -> str:
    """Return a span of time for people.

    Examples
    --------
    >>> span_text(0.0123), span_text(4.56), span_text(125), span_text(7380)
    ('0.01 s', '4.6 s', '2 min 05 s', '2 h 03 min')
    """
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 59.95:  # noqa: PLR2004 - what would be shown as a minute is one
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def many(number: int, noun: str) -> str:
    """Return ``1 task`` or ``3 tasks``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def one_line(message: str, width: int = 300) -> str:
    """Return a message in one line, its end left out where it is very long."""
    text = " ".join(message.split())
    return text if len(text) <= width else f"{text[: width - 3]}..."


def moment_text(instant: float, beside: float | None = None) -> str:
    """Return an instant where this process is; without its day where that is another one's, too.

    Parameters
    ----------
    beside
        The other instant, which is known to whoever reads.
    """
    moment = as_datetime(instant).astimezone()
    is_same = beside is not None and as_datetime(beside).astimezone().date() == moment.date()
    return f"{moment:%H:%M:%S}" if is_same else f"{moment:%Y-%m-%d %H:%M:%S}"


def bytes_text(size: int) -> str:
    """Return a size for people.

    Examples
    --------
    >>> bytes_text(17), bytes_text(2048), bytes_text(5_400_000)
    ('17 bytes', '2.0 kB', '5.1 MB')
    """
    if size < _KILO:
        return f"{size} bytes"
    shown, unit = size / _KILO, "kB"
    for larger in ("MB", "GB", "TB"):
        if shown < _KILO:
            break
        shown, unit = shown / _KILO, larger
    return f"{shown:.1f} {unit}"


_KILO = 1024

"""What a value is, in a few words for people: noted beside a result, so that nobody reads it."""

from __future__ import annotations

from typing import Any

_MOST = 60  # characters


def told_of(value: Any) -> str:
    """Return the type of a value, and its shape or its length where it has one.

    Examples
    --------
    >>> told_of([1, 2, 3]), told_of(2.5), told_of("text"), told_of(None)
    ('list of 3', 'float', 'str of 4', 'None')
    """
    if value is None:
        return "None"
    kind = type(value).__name__[:_MOST]
    try:
        extent = _extent(value)
    except Exception:  # noqa: BLE001 - whatever a user's class does here, its result is as good
        return kind
    return f"{kind} of {extent}" if extent else kind


def _extent(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and all(type(side) is int for side in shape):
        return " x ".join(f"{side:,}" for side in shape)
    return f"{len(value):,}" if hasattr(value, "__len__") else ""

"""Places in the code at which a test may end the process: where dying is of consequence.

`reach` does nothing where nobody has armed the place, and only tests do. It stands where something
becomes durable, never where each task run passes.
"""

from __future__ import annotations

from collections.abc import Callable

POINTS = (
    "run.before_created",  # its row is not in the store yet
    "run.created",
    "run.leased",
    "journal.before_write",  # a batch was taken, nothing of it is written
    "journal.committed",  # it is durable, and the run does not know yet
    "result.written",  # its file is there under its name, and nobody was told
    "checkpoint.before",
    "checkpoint.after",
    "resume.leased",
    "resume.restored",  # what it does itself is not yet done
)
_armed: dict[str, Callable[[], None]] = {}


def arm(point: str, action: Callable[[], None]) -> None:
    """Have something done whenever a point is reached in this process."""
    _armed[POINTS[POINTS.index(point)]] = action


def reach(point: str) -> None:
    """Do what somebody has armed the point with."""
    if _armed and point in _armed:
        _armed[point]()

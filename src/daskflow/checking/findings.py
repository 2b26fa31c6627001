"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How much a finding matters."""

    ERROR = "error"  # a run will fail, or a part of it will never run
    NOTE = "note"  # worth knowing; the run is none the worse for it


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a flow that somebody should know before it runs.

    Examples
    --------
    >>> print(Finding(Level.NOTE, "load", "nobody uses its value"))
    note: load: nobody uses its value
    """

    level: Level
    where: str  # a node, a group of nodes, or the flow
    what: str

    def __str__(self) -> str:
        return f"{self.level.value}: {self.where}: {self.what}"


def error(where: str, what: str) -> Finding:
    """Return a finding that makes a check fail."""
    return Finding(Level.ERROR, where, what)


def note(where: str, what: str) -> Finding:
    """Return a finding that is only told."""
    return Finding(Level.NOTE, where, what)

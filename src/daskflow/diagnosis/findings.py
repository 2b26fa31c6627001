"""What was found where flows are to run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How much a finding matters."""

    OK = "ok"  # nothing need be done
    WARNING = "warning"  # flows run; something is slower, or less safe, than it could be
    PROBLEM = "problem"  # flows do not run, or lose something


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    what: str
    found: str
    cure: str = ""  # empty: there is nothing to mend


def ok(what: str, found: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(Level.OK, what, found)


def warning(what: str, found: str, cure: str) -> Finding:
    """Return that something could be better."""
    return Finding(Level.WARNING, what, found, cure)


def problem(what: str, found: str, cure: str) -> Finding:
    """Return that something has to be mended."""
    return Finding(Level.PROBLEM, what, found, cure)


def refusal(what: str, error: Exception) -> Finding:
    """Return what an error of ours tells: the thing, and behind a semicolon or a colon the cure."""
    found, _, cure = str(error).partition("; ")
    return problem(what, found, cure)

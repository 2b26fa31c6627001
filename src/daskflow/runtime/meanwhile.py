"""What is told of a block while it goes on.

A block reports when it ends; one long body in it would keep quiet about itself, and about all that
has ended before it. So the reporter of the process looks in, see `budgets`: what is told here early
is left out of the report at the end. The thread that walks never waits for the one that looks: it
counts what it has filled into its segments, and only what is counted is read.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

from daskflow.events import Begun, Meanwhile, Segment, Span, Tell
from daskflow.runtime.budgets import Budget, reporter
from daskflow.runtime.task_run import TaskRun


class Walk(Protocol):
    """What is seen of the walk through a block."""

    budget: Budget

    def begun(self) -> TaskRun | None:
        """Return the task run whose body runs."""

    def untold(self) -> tuple[Segment, ...]:
        """Return what has come to an end since this was asked last."""

    def behind(self, place: int) -> list[Span]:
        """Return the task runs from a place of the walk on."""


@dataclass(slots=True)
class Filling:
    """The segments of a strip, which the walk fills in turns, and how much of them was told."""

    segments: list[Segment]
    count: int = 0  # task runs that they tell of, in all of them
    told: int = 0  # those of them that were taken

    def take(self) -> list[Segment]:
        """Return what came since this was asked last."""
        told, self.told = self.told, self.count
        if len(self.segments) == 1:
            return [self.segments[0].between(told, self.told)]
        found = []
        for turn, segment in enumerate(self.segments):
            before, now = (-((turn - each) // len(self.segments)) for each in (told, self.told))
            if before < now:
                found.append(segment.between(before, now))
        return found


class Looks:
    """What the reporter sees of a block, and tells.

    That is, of a body that runs at two looks, that it runs, with what has ended before it; and when
    the block's time is over, that it is, and what it will not begin. It looks from where it is
    entered until it is left.
    """

    def __init__(self, walk: Walk, tell: Tell) -> None:
        self._walk = walk
        self._tell = tell
        self._lock = threading.Lock()
        self._is_over = False
        self._is_cut = False
        self._seen: TaskRun | None = None  # what ran when it looked last
        self._shown: TaskRun | None = None  # what was told to run

    def __enter__(self) -> None:
        reporter.watch(self)

    def __exit__(self, *_: object) -> None:
        reporter.forget(self)
        self.end()

    def look(self) -> None:
        """Tell what there is to tell, in the reporter's thread."""
        walk = self._walk
        rest: list[Span] = []
        if is_late := not self._is_cut and walk.budget.is_spent():
            self._is_cut = True
            rest = walk.behind(walk.budget.cut())
        run = walk.begun()
        is_long, self._seen = run is not None and run is self._seen, run
        if is_late or (is_long and run is not self._shown):
            self._say(rest, run if is_long else None, is_late=is_late)

    def _say(self, rest: list[Span], run: TaskRun | None, *, is_late: bool) -> None:
        begun = None
        if run is not None:
            begun = Begun(run.node.name, run.position, run.before.attempts, run.started)
        with self._lock:
            if not self._is_over:
                self._shown = run
                self._tell(Meanwhile(self._walk.untold(), rest, begun, is_late))

    def give_back(self, place: int) -> None:
        """Tell of what is from a place of the walk on that it will not be begun."""
        rest = self._walk.behind(place)
        with self._lock:
            if rest and not self._is_over:
                self._tell(Meanwhile(given_back=rest))

    def end(self) -> None:
        """Tell nothing any more: from now on the block itself does."""
        with self._lock:
            self._is_over = True

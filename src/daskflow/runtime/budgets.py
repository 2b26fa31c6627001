"""How much of a block may be begun, and who says so: its budget, and the reporter of the process.

A block ends when its time is over, or what it has gathered is much: what it did not begin, it does
not tell of, and so gives back. While one long body runs, a thread of the process, the reporter,
gives the rest back at once, so that it waits for that body no longer than a budget; and tells that
the body runs, and what has ended before it.

Both take turns without a lock. The walk says first what it is about to begin, then asks whether it
may; the reporter sets the stop first, then looks what was said to begin. Whatever is behind both is
nobody's.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from daskflow.timing import monotonic

_LOOK_SECONDS = 0.1  # between two looks of the reporter
_PATIENCE = 20  # looks at nothing, after which it sleeps until somebody wakes it
_log = logging.getLogger("daskflow")


class Limits(NamedTuple):
    """What ends a block early; the first task run of it is always begun."""

    seconds: float = 0.5
    kept_bytes: int = 64 << 20  # of values that are needed outside of the block
    inline_bytes: int = 1 << 20  # of small results, which ride with the report


DEFAULT_LIMITS = Limits()
UNLIMITED = Limits(math.inf, sys.maxsize, sys.maxsize)


@dataclass(slots=True)
class Budget:
    """What is left of a block's limits, in places of its walk: positions of its strips."""

    limits: Limits = DEFAULT_LIMITS
    began: float = field(default_factory=monotonic)
    at: int = -1  # place that was begun last
    stop: int = sys.maxsize  # place from which on nothing is begun
    kept: int = 0  # bytes
    inline: int = 0  # bytes

    def may_begin(self) -> bool:
        """Return whether the next place may be begun; from then on it counts as begun."""
        if self.at >= 0 and self.is_spent():
            return False
        self.at += 1
        return self.at < self.stop

    def is_spent(self) -> bool:
        """Return whether a limit is reached."""
        seconds, kept, inline = self.limits
        spent = monotonic() - self.began
        return spent > seconds or self.kept > kept or self.inline > inline

    def cut(self) -> int:
        """Let nothing more be begun, and return the first place that never will be."""
        self.stop = self.at + 1
        return max(self.stop, self.at + 1)


class Watched(Protocol):
    """A block that runs in this process."""

    def look(self) -> None:
        """Look whether there is something to be told while it goes on; does not wait."""


class Reporter:
    """Looks ten times a second at each block that runs in this process.

    A block that comes and goes between two looks costs an entry in a dict: no lock, no thread that
    wakes up.
    """

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew, as in a process that was forked."""
        self._watched: dict[int, Watched] = {}
        self._changed = threading.Condition()
        self._is_asleep = True
        self._thread: threading.Thread | None = None

    def watch(self, block: Watched) -> None:
        """Look at a block from now on."""
        self._watched[id(block)] = block
        if self._is_asleep:  # first said, then looked: it falls asleep the other way round
            self._wake()

    def forget(self, block: Watched) -> None:
        """Look at it no more; a look may be under way."""
        self._watched.pop(id(block), None)

    def _wake(self) -> None:
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="daskflow-reporter", daemon=True
                )
                self._thread.start()
                self._is_asleep = False
            self._changed.notify_all()

    def _work(self) -> None:
        idle = 0  # looks at nothing, one after the other
        while True:
            threading.Event().wait(_LOOK_SECONDS)
            self._look()
            idle = 0 if self._watched else idle + 1
            if idle > _PATIENCE:
                self._sleep()
                idle = 0

    def _look(self) -> None:
        """Look once at each; none is held by this thread afterwards, nor the values in it."""
        for block in list(self._watched.values()):
            try:
                block.look()
            except Exception:  # it goes on, and tells all when it ends
                _log.exception("what a block is at cannot be told")

    def _sleep(self) -> None:
        """Sleep until somebody has come, even who is gone by now: others are likely to come."""
        with self._changed:
            self._is_asleep = True
            if not self._watched:
                self._changed.wait()
            self._is_asleep = False


reporter = Reporter()  # of this process
os.register_at_fork(after_in_child=reporter.renew)

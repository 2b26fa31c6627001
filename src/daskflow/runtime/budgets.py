"""How much of a block may be begun, and who says so: its budget, and the reporter of the process.

A block ends when its time is over, or what it has gathered is much: what it did not begin, it does
not tell of, and so gives back. While one long body runs, a thread of the process, the reporter,
gives the rest back at once, so that it waits for that body no longer than a budget.

Both take turns without a lock. The walk says first what it is about to begin, then asks whether it
may; the reporter sets the stop first, then looks what was said to begin. Whatever is behind both is
nobody's.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from daskflow.timing import monotonic

_LOOK_SECONDS = 0.1  # between two looks of the reporter


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
        limits = self.limits
        return (
            monotonic() - self.began > limits.seconds
            or self.kept > limits.kept_bytes
            or self.inline > limits.inline_bytes
        )

    def cut(self) -> int:
        """Let nothing more be begun, and return the first place that never will be."""
        self.stop = self.at + 1
        return max(self.stop, self.at + 1)


class Reporter:
    """Looks at the blocks that run in this process, and cuts those that are over their time."""

    def __init__(self) -> None:
        self._watched: dict[int, tuple[Budget, Callable[[int], None]]] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def watch(self, budget: Budget, give_back: Callable[[int], None]) -> Callable[[], None]:
        """Watch a block; return what ends that.

        Parameters
        ----------
        give_back
            Is told, once and in the reporter's thread, the first place that was not begun.
        """
        with self._changed:
            self._watched[id(budget)] = budget, give_back
            if self._thread is None or not self._thread.is_alive():  # the latter: in a fork
                self._thread = threading.Thread(
                    target=self._work, name="daskflow-reporter", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()
        return lambda: self._forget(budget)

    def _forget(self, budget: Budget) -> None:
        with self._changed:
            self._watched.pop(id(budget), None)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._watched:
                    self._changed.wait()
                over = [each for each in self._watched.values() if each[0].is_spent()]
                for budget, _ in over:
                    del self._watched[id(budget)]
            for budget, give_back in over:
                give_back(budget.cut())
            threading.Event().wait(_LOOK_SECONDS)


reporter = Reporter()  # of this process

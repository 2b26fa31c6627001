"""Interrupts Python code that runs too long in its thread.

One watching thread for the whole process raises `DeadlineExceeded` in a thread whose time is over.
It arrives when that thread next runs Python code: a call into C that takes a minute is interrupted
after a minute. Code that swallows it meets it again every second.
"""

from __future__ import annotations

import ctypes
import heapq
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from daskflow.timing import monotonic

_AGAIN_SECONDS = 1.0


class DeadlineExceeded(BaseException):
    """The time of a call is over. No `Exception`, so that user code lets it pass."""


class _Watch:
    """One call that is watched; `lock` orders its end and its interruption."""

    def __init__(self, seconds: float) -> None:
        self.thread = threading.get_ident()
        self.seconds = seconds
        self.due = monotonic() + seconds
        self.lock = threading.Lock()
        self.is_over = False  # the call has ended
        self.is_late = False  # it was interrupted at least once

    def interrupt(self) -> bool:
        """Raise in the thread; return whether the call may need it once more."""
        with self.lock:
            if not self.is_over:
                self.is_late = True
                _raise_in(self.thread, DeadlineExceeded)
            return not self.is_over

    def end(self) -> None:
        """Note that the call has ended; nothing is raised in the thread after this."""
        with self.lock:
            self.is_over = True
            if self.is_late:
                _raise_in(self.thread, None)  # takes back what has not arrived


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    raised = ctypes.py_object(kind) if kind is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)


class _Watcher:
    """The watching thread, started when there is something to watch."""

    def __init__(self) -> None:
        self._watches: list[tuple[float, int, _Watch]] = []  # a heap
        self._changed = threading.Condition()
        self._numbers = count()
        self._thread: threading.Thread | None = None

    def add(self, watch: _Watch) -> None:
        with self._changed:
            heapq.heappush(self._watches, (watch.due, next(self._numbers), watch))
            if self._thread is None or not self._thread.is_alive():
                name = "daskflow-deadlines"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._watches or self._watches[0][0] > monotonic():
                    wait = self._watches[0][0] - monotonic() if self._watches else None
                    self._changed.wait(wait)
                _, _, watch = heapq.heappop(self._watches)
            if watch.interrupt():
                watch.due = monotonic() + _AGAIN_SECONDS
                self.add(watch)


_watcher = _Watcher()


@contextmanager
def deadline(seconds: float | None) -> Iterator[_Watch | None]:
    """Interrupt what this thread does meanwhile when it takes longer than so many seconds.

    Yields what tells by `is_late` whether the time was over; None: there is no limit.
    """
    if seconds is None:
        yield None
        return
    watch = _Watch(seconds)
    _watcher.add(watch)
    try:
        yield watch
    finally:
        watch.end()

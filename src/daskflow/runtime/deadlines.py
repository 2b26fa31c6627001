"""Interrupts Python code in its thread: what runs too long, and what is cancelled.

One watching thread for the whole process raises `DeadlineExceeded` in a thread whose time is over.
It arrives when that thread next runs Python code: a call into C that takes a minute is interrupted
after a minute. Code that swallows it meets it again every second. Who cancels has the same done at
once, with another exception, see `runtime.scopes`.

The exception may arrive between any two instructions, so also just when the call has ended. What
`within` does then holds whenever that is: no lock is taken in the watched thread that could be left
behind, and the next task of the thread is never interrupted for the one before it.
"""

from __future__ import annotations

import ctypes
import heapq
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from typing import TypeVar

from daskflow.timing import monotonic

T = TypeVar("T")

_AGAIN_SECONDS = 1.0
_MOMENT = 0.01  # seconds
_LONGEST_WAIT = 3600.0  # seconds: more than some platforms can wait is no reason to fail
_MANY = 1000  # watches: from so many on those that are over are looked for and dropped


class DeadlineExceeded(BaseException):
    """The time of a call is over. No `Exception`, so that user code lets it pass."""


class Watch:
    """One call that is watched.

    `running` is emptied, in one instruction, by the thread that makes the call, when it has ended.

    Parameters
    ----------
    seconds
        After which it is interrupted.
    hit
        Does that, called in the watching thread.
    """

    def __init__(self, seconds: float, hit: Callable[[], None]) -> None:
        self.hit = hit
        self.due = monotonic() + seconds
        self.running = [True]
        self.is_aiming = False  # it is being looked at, and may be interrupted
        self.is_put_off = False

    def begin(self) -> None:
        """Let the watching thread see to it from now on."""
        _watcher.begin()
        _watcher.add(self)

    def interrupt(self) -> bool:
        """Interrupt the call; return whether it may need that once more."""
        if _threads_begin() and not self.is_put_off:
            self.is_put_off = True
            self.due = monotonic() + _MOMENT
            return True
        self.is_aiming = True
        if self.running:
            self.hit()
        self.is_aiming = False
        self.due = monotonic() + _AGAIN_SECONDS
        return bool(self.running)

    def settle(self) -> None:
        """Wait until nothing more can arrive in the thread: in here at the latest it does."""
        patience = monotonic() + _AGAIN_SECONDS  # should the watching thread be gone
        while self.is_aiming and monotonic() < patience:
            pass  # it takes a few instructions
        for _ in range(2):
            _breathe()  # what is on its way arrives here


def _breathe() -> None:
    """Do nothing: an exception from another thread arrives where a function begins."""


def _threads_begin() -> bool:
    """Return whether a thread is about to begin.

    Until it does, Python 3.11 takes it for the one that started it: an exception for that one would
    end the new thread before it could tell that it has begun, which the other one waits for.
    """
    return bool(getattr(threading, "_limbo", None))


def raise_in(thread: int, kind: type[BaseException]) -> None:
    """Let an exception of this kind arrive in a thread.

    It is never taken back, though Python offers that: until the next such exception CPython 3.11
    would look for it at every turn, which is slow, and never ends under a debugger.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))


class Watcher:
    """The watching thread, started when there is something to watch."""

    def __init__(self) -> None:
        self.watches: list[tuple[float, int, Watch]] = []  # a heap; the watching thread's own
        self._news: SimpleQueue[Watch] = SimpleQueue()
        self._numbers = count()
        self._limit = _MANY
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, watch: Watch) -> None:
        """Watch a call from now on."""
        self._news.put(watch)

    def begin(self) -> None:
        """See to it that there is a thread that watches; no call of this one is watched yet."""
        if self._thread is None or not self._thread.is_alive():
            with self._starting:
                if self._thread is None or not self._thread.is_alive():
                    name = "daskflow-deadlines"
                    self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while True:
            self.look()

    def look(self) -> None:
        """Wait for the next call, or for the next time that is over, and do what is to be done."""
        wait = None
        if self.watches:
            wait = min(max(0.0, self.watches[0][0] - monotonic()), _LONGEST_WAIT)
        with suppress(Empty):
            self._take(self._news.get(timeout=wait))
        while self.watches and self.watches[0][0] <= monotonic():
            _, _, watch = heapq.heappop(self.watches)
            if watch.interrupt():
                self._take(watch)

    def _take(self, watch: Watch) -> None:
        heapq.heappush(self.watches, (watch.due, next(self._numbers), watch))
        if len(self.watches) > self._limit:
            self.watches = [entry for entry in self.watches if entry[2].running]
            heapq.heapify(self.watches)
            self._limit = 2 * len(self.watches) + _MANY


_watcher = Watcher()


def within(seconds: float, function: Callable[[], T]) -> T:
    """Return what a function returns; interrupt it when it takes longer than so many seconds.

    Raises
    ------
    DeadlineExceeded
        It was interrupted. Where it swallows that, who calls tells by the clock.
    """
    _watcher.begin()
    watch = Watch(seconds, partial(raise_in, threading.get_ident(), DeadlineExceeded))
    try:
        try:
            try:
                _watcher.add(watch)
                return function()
            finally:
                watch.running.clear()  # no interruption begins from here on
        finally:  # one that was on its way may arrive before this, another in it
            watch.settle()
    finally:  # and in this no third: they are a second apart
        watch.settle()

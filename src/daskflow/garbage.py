"""When Python's garbage collector is kept from looking around.

It is one for the whole process: it stays away while any thread wants that.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Away(threading.local):
    """How often the thread that looks here wants the collector away."""

    count = 0


class _Collector:
    """Keeps the collector away while any thread wants that."""

    def __init__(self) -> None:
        self.away = _Away()
        self._lock = threading.Lock()
        self._wishes = 0  # of all threads
        self._was_enabled = False

    def want(self, count: int) -> None:
        """Let this thread want it away so often, whatever it wanted before."""
        with self._lock:
            before, self._wishes = self._wishes, self._wishes + count - self.away.count
            self.away.count = count
            if not before and self._wishes:
                self._was_enabled = gc.isenabled()
                gc.disable()
            elif before and not self._wishes and self._was_enabled:
                gc.enable()


_collector = _Collector()  # of this process


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector from looking through all that is made meanwhile: it is in use.

    A graph, a plan, or what came back of one, is many objects at once. To look at them again and
    again takes as long as to make them.
    """
    count = _collector.away.count
    try:
        _collector.want(count + 1)
        yield
    finally:
        _collector.want(count)


class collected:  # noqa: N801 - as contextlib names its own; a generator costs each wait more
    """Let it look around meanwhile as far as this thread is concerned, which waits for others."""

    __slots__ = ("_count",)

    def __enter__(self) -> None:
        self._count = _collector.away.count
        if self._count:
            _collector.want(0)

    def __exit__(self, *_: object) -> None:
        if self._count:
            _collector.want(self._count)


def spare_collector(*, collect: bool = True) -> None:
    """Let Python's garbage collector not look again at what was loaded by now.

    It would for a fifth of a second at a time, in which nothing else moves. That is for a process
    of our own, once; another's is not ours to settle.

    Parameters
    ----------
    collect
        Look once more before. Not needed where nothing of a user's was there yet that could be
        garbage.
    """
    if collect:
        gc.collect()
    gc.freeze()

"""Ctrl-C while a run is driven: the driver's affair, never a task's failure."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from daskflow.runtime.scopes import scope_of_thread

_MOST = 2  # times that Ctrl-C is left to the driver; then it ends whatever this thread is at
_counters: list[Callable[[], int]] = []  # of the main thread's outermost driver, while it drives


@contextmanager
def interrupts() -> Iterator[Callable[[], int]]:
    """Take Ctrl-C in the main thread meanwhile, where nobody else does; tell how often it came.

    While a task's body runs in that thread it is interrupted, else the driver asks now and then. So
    do the drivers of runs that such a body starts there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
    elif _counters:
        yield _counters[0]
    elif signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: 0
    else:
        with _counting() as count:
            yield count


@contextmanager
def _counting() -> Iterator[Callable[[], int]]:
    came: list[bool] = []

    def interrupt(*_: Any) -> None:
        came.append(True)
        if len(came) > _MOST:
            raise KeyboardInterrupt
        scope = scope_of_thread()
        if scope is not None:
            scope.interrupt_here()

    _counters.append(lambda: len(came))
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield _counters[0]
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _counters.clear()

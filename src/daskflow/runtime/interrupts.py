"""Ctrl-C while a run is driven: the driver's affair, never a task's failure."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from daskflow import context
from daskflow.signals import RunInterrupted


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Take Ctrl-C in the main thread meanwhile, where nobody else does; tell whether it came.

    While a task's body runs in that thread it is interrupted, else the driver asks now and then.
    """
    came: list[bool] = []
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield lambda: False
        return

    def interrupt(*_: Any) -> None:
        came.append(True)
        if context.get() is not None:
            raise RunInterrupted

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield lambda: bool(came)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)

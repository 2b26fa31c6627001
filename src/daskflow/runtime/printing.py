"""What bodies print, where it is to be logged.

While such bodies run, something stands in the place of ``sys.stdout`` that asks at each write whose
body this is (`context.current`): of one that logs its prints it takes the text, all other text
goes where it went before. So bodies that run at the same time in one process are told apart.
A thread that a body starts is nobody's body, and just prints; one of `asyncio.to_thread` is.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from daskflow import context
from daskflow.logs import PrintedLines


class _Fork:
    """Stands in the place of ``sys.stdout``."""

    def __init__(self, before: Any) -> None:
        self.before = before

    def write(self, text: str) -> int:
        here = context.current.get()
        if here is not None and here.printed is not None and here.printed.write(text):
            return len(text)
        written: int = self.before.write(text)
        return written

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.before, name)


class _Switch:
    """Puts a fork in, and takes it out when the last body that needs it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bodies = 0

    def begin(self) -> None:
        with self._lock:
            self._bodies += 1
            if type(sys.stdout) is not _Fork and sys.stdout is not None:  # or somebody replaced it
                sys.stdout = _Fork(sys.stdout)

    def end(self) -> None:
        with self._lock:
            self._bodies -= 1
            if not self._bodies and type(sys.stdout) is _Fork:
                sys.stdout = sys.stdout.before


_switch = _Switch()


@contextmanager
def taking(printed: PrintedLines) -> Iterator[None]:
    """Let what the body of this thread prints meanwhile be taken."""
    _switch.begin()
    try:
        yield
    finally:
        _switch.end()
        printed.end()

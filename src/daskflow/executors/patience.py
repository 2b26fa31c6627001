"""Calls that are waited for so long and no longer, though they know of no deadline themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T], overdue: str = "no answer") -> T:
    """Return what a call returns, or raise what it raises, as soon as it does.

    It is made in a thread of its own, which is left behind where the seconds are over.

    Parameters
    ----------
    overdue
        What is told then.

    Raises
    ------
    TimeoutError
        The seconds are over.

    Examples
    --------
    >>> within(5.0, lambda: 6 * 7)
    42
    """
    answers: SimpleQueue[tuple[T | None, Exception | None]] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put((call(), None))
        except Exception as error:  # noqa: BLE001 - whoever waits for the answer is told
            answers.put((None, error))

    threading.Thread(target=ask, name="daskflow-ask", daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError(overdue) from None
    if error is not None:
        raise error
    return answer  # type: ignore[return-value]  # it is None only where the call returned that

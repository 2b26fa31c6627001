"""What user code may raise to end its task run in a state of its choice.

(And the one thing that passes through user code without ending its task run, `RunInterrupted`.)
Signals are `BaseException`s, so that an ``except Exception`` in user code lets them pass.
"""

from __future__ import annotations

from typing import Any


class Signal(BaseException):
    """The root of all signals."""

    def __init__(self, message: str = "", result: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.result = result

    def __reduce__(self) -> tuple[type[Signal], tuple[str, Any]]:
        return type(self), (self.message, self.result)


class Fail(Signal):
    """End this task run as Failed; it is retried like an exception.

    Parameters
    ----------
    message
        For people: why.
    result
        What a downstream task gets whose trigger lets the failure through.

    Examples
    --------
    >>> from daskflow import Fail, task
    >>> @task
    ... def check(total: int) -> int:
    ...     if total < 0:
    ...         raise Fail(f"negative total {total}")
    ...     return total
    >>> check(3)
    3
    """


class Skip(Signal):
    """End this task run as Skipped; what depends on it is skipped too, and gets None if it runs.

    Parameters
    ----------
    message
        For people: why.

    Examples
    --------
    >>> from daskflow import Skip, task
    >>> @task
    ... def newest(names: list[str]) -> str:
    ...     if not names:
    ...         raise Skip("nothing arrived")
    ...     return max(names)
    >>> newest(["a", "b"])
    'b'
    """


class RunInterrupted(BaseException):
    """The user pressed Ctrl-C: raised by the engine's own handler, caught by the driver alone.

    Not a `Signal`: user code has no reason to raise it, and no task run ends by it.
    """

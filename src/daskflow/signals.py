"""What user code may raise to end its task run in a state of its choice.

(And what the engine raises in a body when its run is cancelled, `RunInterrupted`.)
Signals are `BaseException`s, so that an ``except Exception`` in user code lets them pass.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from daskflow.timing import as_seconds


class Signal(BaseException):
    """The root of all signals."""

    def __init__(self, message: str = "", result: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.result = result

    def __reduce__(self) -> tuple[type[Signal], tuple[str, Any]]:
        return type(self), (self.message, self.result)


class Succeed(Signal):
    """End this task run as Success at once.

    Parameters
    ----------
    message
        For people: why.
    result
        Its value.

    Examples
    --------
    >>> from daskflow import Succeed, task
    >>> @task
    ... def newest(names: list[str], cached: str) -> str:
    ...     if cached in names:
    ...         raise Succeed("nothing new", result=cached)
    ...     return max(names)
    >>> newest(["a", "b"], "c")
    'b'
    """


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


class Retry(Signal):
    """Run this task run again later, however many `retries` it has.

    Not more often than the setting ``engine.max_signalled_retries`` allows (100). Nothing is held
    meanwhile. It costs none of the retries.

    Parameters
    ----------
    message
        For people: why.
    delay
        Seconds from now, or a `timedelta`; None: what ``retry_delay_seconds`` says.

    Examples
    --------
    >>> from daskflow import Retry, task
    >>> @task
    ... def fetch(is_ready: bool) -> str:
    ...     if not is_ready:
    ...         raise Retry("the file is not complete yet", delay=60)
    ...     return "page"
    >>> fetch(True)
    'page'
    """

    def __init__(self, message: str = "", delay: float | timedelta | None = None) -> None:
        super().__init__(message)
        self.delay = None if delay is None else as_seconds(delay)

    def __reduce__(self) -> tuple[type[Signal], tuple[str, Any]]:
        return type(self), (self.message, self.delay)


class Pause(Signal):
    """Let this task run wait until a person approves it, or for some seconds.

    Then its function is called again, with ``context.resumed`` true. Nothing is held meanwhile. It
    costs none of the retries.

    Parameters
    ----------
    message
        For people: what they are to look at.
    seconds
        After which it goes on by itself, or a `timedelta`; None: only when it is approved.

    Examples
    --------
    >>> from daskflow import Pause, context, task
    >>> @task
    ... def publish(report: str) -> str:
    ...     if not context.resumed:
    ...         raise Pause("read the report first")
    ...     return f"published {report}"
    """

    def __init__(self, message: str = "", seconds: float | timedelta | None = None) -> None:
        super().__init__(message)
        self.seconds = None if seconds is None else as_seconds(seconds)

    def __reduce__(self) -> tuple[type[Signal], tuple[str, Any]]:
        return type(self), (self.message, self.seconds)


class Loop(Signal):
    """End one iteration of this task run; its function is called again.

    In the next iteration ``context.loop_count`` tells how many have ended, and
    ``context.loop_result`` is what the last one passed on. Retries and timeout are for each
    iteration.

    Parameters
    ----------
    message
        For people.
    result
        What the next iteration begins with.

    Examples
    --------
    >>> from daskflow import LocalExecutor, Loop, context, flow, task
    >>> @task
    ... def count_to_three() -> int:
    ...     number = (context.loop_result or 0) + 1
    ...     if number < 3:
    ...         raise Loop(result=number)
    ...     return number
    >>> @flow(executor=LocalExecutor())
    ... def counted():
    ...     return count_to_three()
    >>> counted()
    3
    """


class RunInterrupted(BaseException):
    """The run is cancelled, or the user pressed Ctrl-C: raised by the engine, in a body that runs.

    That task run is Cancelled. Elsewhere it goes up to the driver. Not a `Signal`: user code has
    no reason to raise it.
    """

"""One call of a task's function, and the ways in which it can end.

1. It returned: Success.
2. It raised a signal (`Fail`, `Skip`, `Retry`, ...): the state that the signal names.
3. It raised any other exception, `SystemExit` and `KeyboardInterrupt` and what else derives from
   `BaseException` included: Failed. Nothing of the user's can end a worker that way.
4. Its time was over: TimedOut, whatever it returned or raised by then. In a thread only Python code
   can be interrupted, so the call may have gone on for longer; the message tells how long.
5. The run was cancelled, and the engine interrupted the call by `RunInterrupted`: Cancelled.

A coroutine function is called in an event loop of its own, in a thread of its own where this one
has a loop that runs. An exception that cannot be pickled and unpickled is replaced by a
`PortableError` once the retry rules have seen it, so that downstream tasks and the user meet the
same one on every executor.
"""

from __future__ import annotations

import asyncio
import pickle
import threading
import traceback
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from types import CoroutineType
from typing import Any, NamedTuple

from daskflow.errors import PortableError, TaskTimeoutError
from daskflow.graph import new
from daskflow.hooks import ask_handlers
from daskflow.pickling import dumps
from daskflow.runtime.deadlines import DeadlineExceeded, within
from daskflow.runtime.scopes import CancelScope, scope_of_thread
from daskflow.signals import Fail, Loop, RunInterrupted, Signal, Succeed
from daskflow.states import Cancelled, Failed, State, Success, TimedOut
from daskflow.timing import monotonic
from daskflow.triggers import state_of_signal


class Ending(NamedTuple):
    """How a call ended."""

    state: State
    value: Any = None  # what it returned, or passes on
    error: BaseException | None = None  # what it raised, if that made it fail
    trace: str = ""  # its traceback as text
    signal: Signal | None = None  # that it raised


SUCCESS = Success()
INTERRUPTED = Ending(Cancelled("cancelled while it ran"))
_CALLERS = {__name__, within.__module__, ask_handlers.__module__, "daskflow.runtime.steps"}
_LONGEST_SUMMARY = 2_000  # characters: it is shown in lists
_LONGEST_TRACE = 50_000  # the same, for who looks at one
_LARGEST = 1 << 20  # bytes of an exception: it rides with the state, and is kept with it
_GRACE = 0.5  # seconds that an event loop has to cancel a coroutine before it is interrupted


def call(
    function: Callable[..., Any],
    args: list[Any],
    kwargs: dict[str, Any],
    timeout: float | None = None,
) -> Ending:
    """Call a task's function; never raise.

    Parameters
    ----------
    timeout
        Seconds it may take; None: as long as it likes.
    """
    began = 0.0 if timeout is None else monotonic()
    try:
        if timeout is None:
            value = function(*args, **kwargs)
        else:
            value = within(timeout, partial(function, *args, **kwargs))
        if isinstance(value, CoroutineType):
            value = run_coroutine(value, timeout)
        ending = new(Ending, (SUCCESS, value, None, "", None))
    except RunInterrupted:
        return INTERRUPTED
    except BaseException as error:
        ending = end_of_exception(error)
    if timeout is None or (took := monotonic() - began) < timeout:
        return ending
    return _timed_out(timeout, took, ending.trace)


def _timed_out(timeout: float, took: float, trace: str) -> Ending:
    is_late = took - timeout > max(0.5, 0.1 * timeout)
    more = (
        f"; it ended after {took:.1f} s, for in a thread only Python code can be interrupted"
        if is_late
        else ""
    )
    told = TaskTimeoutError(f"ran longer than {timeout:g} s{more}")
    return Ending(TimedOut(str(told), exception=told), error=told, trace=trace)


def run_coroutine(coroutine: Coroutine[Any, Any, Any], timeout: float | None = None) -> Any:
    """Run a coroutine to its end in an event loop of its own.

    Its loop cancels it when it takes longer than so many seconds; where it does not let its loop
    do that, it is interrupted like any other code, a little later.

    Raises
    ------
    DeadlineExceeded
        It took longer.
    RunInterrupted
        The run was cancelled meanwhile.
    """
    scope = scope_of_thread()

    def run() -> Any:
        return asyncio.run(_in_time(coroutine, timeout, scope))

    limited = run if timeout is None else partial(within, timeout + _GRACE, run)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return limited()
    return _in_another_thread(limited)


def _in_another_thread(function: Callable[[], Any]) -> Any:
    """Return what a function returns in a thread of its own, in the context of this one."""
    answer: Future[Any] = Future()
    here = copy_context()

    def run() -> None:
        try:
            answer.set_result(here.run(function))
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=run, name="daskflow-coroutine", daemon=True).start()
    return answer.result()


async def _in_time(
    coroutine: Coroutine[Any, Any, Any], seconds: float | None, scope: CancelScope | None
) -> Any:
    """Await a coroutine; its loop cancels it when its time is over, or when its scope says so."""
    loop, me = asyncio.get_running_loop(), asyncio.current_task()
    if scope is not None and me is not None:
        scope.stop_coroutine = partial(loop.call_soon_threadsafe, me.cancel)
    try:
        async with asyncio.timeout(seconds) as limit:
            return await coroutine
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise DeadlineExceeded from error
    except asyncio.CancelledError as error:
        if scope is None or not scope.is_cancelled:
            raise
        raise RunInterrupted from error
    finally:
        if scope is not None:
            scope.stop_coroutine = None


def end_of_exception(error: BaseException) -> Ending:
    """Return how a call ended that raised this."""
    error = tamed(error)
    if isinstance(error, Fail):
        return Ending(state_of_signal(error), error.result, error, trace_of(error))
    if isinstance(error, Signal):
        value = error.result if isinstance(error, Succeed | Loop) else None
        return Ending(state_of_signal(error), value, signal=error)
    return Ending(Failed(summary_of(error), exception=error), None, error, trace_of(error))


def tamed(error: BaseException) -> BaseException:
    """Return an exception, or a `PortableError` in place of one that cannot even be looked at."""
    try:
        isinstance(error, Signal), error.__traceback__, error.__cause__, error.__context__
    except BaseException as other:
        kind = type(error).__qualname__
        return PortableError(f"{kind}, which raises {type(other).__qualname__} when it is shown")
    return error


def summary_of(error: BaseException) -> str:
    """Return an exception in one line; one whose ``str`` is broken as well."""
    try:
        told = traceback.TracebackException(type(error), error, None)
        told.__notes__ = None  # they come behind the line that is meant
        return shortened(list(told.format_exception_only())[-1].strip(), _LONGEST_SUMMARY)
    except Exception:
        return f"{type(error).__qualname__} (its message cannot be shown)"


def words_of(error: BaseException) -> str:
    """Return the message of an exception, with its kind where that would surprise."""
    try:
        return str(error) if isinstance(error, Exception) else summary_of(error)
    except Exception:
        return summary_of(error)


def trace_of(error: BaseException) -> str:
    """Return the traceback as text, without the frames of those who called the user's code."""
    error = tamed(error)
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get("__name__") in _CALLERS:
        frames = frames.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, frames))
    except Exception:
        text = "".join(traceback.format_tb(frames)) + summary_of(error)
    return shortened(text, _LONGEST_TRACE)


def shortened(text: str, limit: int) -> str:
    """Return a text, without its middle where it has more characters than are worth keeping.

    Examples
    --------
    >>> shortened("abcdefghij", 6)
    'abc ... (10 characters) ... hij'
    """
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]} ... ({len(text):,} characters) ... {text[-half:]}"


def make_portable(error: BaseException, trace: str = "") -> tuple[BaseException, bytes]:
    """Return an exception and its bytes; a `PortableError` in place of one that cannot travel."""
    data = b""
    try:
        data = dumps(error)
        travels = len(data) <= _LARGEST and isinstance(pickle.loads(data), type(error))
    except RunInterrupted:
        raise
    except BaseException:  # hostile ones raise what they like when they are unpickled
        travels = False
    if travels:
        return error, data
    stand_in = PortableError(f"{summary_of(error)}\n\n{trace}")
    return stand_in, dumps(stand_in)

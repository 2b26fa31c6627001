"""One call of a task's function, and the ways in which it can end.

1. It returned: Success.
2. It raised a signal (`Fail`, `Skip`): the state that the signal names.
3. It raised any other exception, `SystemExit` and `KeyboardInterrupt` and what else derives from
   `BaseException` included: Failed. Nothing of the user's can end a worker that way.
4. The user interrupted the run (the engine's own handler of Ctrl-C raises `RunInterrupted`): this
   is not an end of the call, it goes up to the driver.

An exception that cannot be pickled and unpickled is replaced by a `PortableError` once the retry
rules have seen it, so that downstream tasks and the user meet the same one on every executor.
"""

from __future__ import annotations

import io
import pickle
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

from daskflow.errors import PortableError
from daskflow.pickling import OwnPickler, dumps
from daskflow.signals import Fail, RunInterrupted, Signal
from daskflow.states import Failed, State, Success
from daskflow.triggers import state_of_signal


class Ending(NamedTuple):
    """How a call ended."""

    state: State
    value: Any = None  # what it returned
    error: BaseException | None = None  # what it raised, if that made it fail
    trace: str = ""  # its traceback as text


SUCCESS = Success()


def call(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Ending:
    """Call a task's function; never raise but for `RunInterrupted`."""
    try:
        return Ending(SUCCESS, function(*args, **kwargs))
    except RunInterrupted:
        raise
    except BaseException as error:
        return end_of_exception(error)


def end_of_exception(error: BaseException) -> Ending:
    """Return how a call ended that raised this."""
    if isinstance(error, Signal) and not isinstance(error, Fail):
        return Ending(state_of_signal(error))
    state = Failed(summary_of(error), exception=error)
    result = error.result if isinstance(error, Fail) else None
    return Ending(state, result, error, trace_of(error))


def summary_of(error: BaseException) -> str:
    """Return an exception in one line; one whose ``str`` is broken as well."""
    try:
        return traceback.format_exception_only(error)[-1].strip()
    except Exception:
        return f"{type(error).__qualname__} (its message cannot be shown)"


def trace_of(error: BaseException) -> str:
    """Return the traceback as text, without the frame of this room."""
    frames = error.__traceback__.tb_next if error.__traceback__ else None
    try:
        return "".join(traceback.format_exception(type(error), error, frames))
    except Exception:
        return "".join(traceback.format_tb(frames)) + summary_of(error)


class _ExceptionPickler(OwnPickler):
    """Pickles exceptions the way they ask for.

    Libraries (Dask among them) install better ways for some exceptions in some processes. Whether
    one can travel must not depend on that.
    """

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, BaseException):
            return obj.__reduce_ex__(5)
        return super().reducer_override(obj)


def make_portable(error: BaseException, trace: str = "") -> tuple[BaseException, bytes]:
    """Return an exception and its bytes; a `PortableError` in place of one that cannot travel."""
    buffer = io.BytesIO()
    try:
        _ExceptionPickler(buffer).dump(error)
        travels = isinstance(pickle.loads(buffer.getvalue()), type(error))
    except RunInterrupted:
        raise
    except BaseException:  # hostile ones raise what they like when they are unpickled
        travels = False
    if travels:
        return error, buffer.getvalue()
    stand_in = PortableError(f"{summary_of(error)}\n\n{trace}")
    return stand_in, dumps(stand_in)

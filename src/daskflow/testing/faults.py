"""Planned faults: which call with which input fails, is skipped or returns something else.

Calls are counted in a file, one line each, appended in one piece. So the number of a call is exact
in whichever thread or process it happens, and a call that should not have been is seen.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import update_wrapper
from inspect import signature
from pathlib import Path
from typing import Any

from daskflow.definition.tasks import Task


class _Ok:
    """The function itself is called."""

    def __reduce__(self) -> str:
        return "OK"

    def __repr__(self) -> str:
        return "OK"


OK = _Ok()  # in a plan: this call goes through to the function


class FaultPlan:
    """Says for each call of a task how it ends, and counts the calls.

    Parameters
    ----------
    path
        A file that is not there yet, for the count; on a cluster all workers must see it.
    plan
        For an input what becomes of the first call with it, the second, and so on: an exception or
        a signal (or their class) is raised, `OK` calls the function, anything else is what the call
        returns. Behind the end of the list, and for any other input, the function is called. The
        input of a function with several arguments is their tuple.

    Examples
    --------
    >>> import tempfile
    >>> from daskflow import LocalExecutor, Skip, flow, task
    >>> from daskflow.testing import OK, FaultPlan, with_fakes
    >>> @task(retries=2)
    ... def load(day: int) -> int:
    ...     return 10 * day
    >>> @flow(executor=LocalExecutor())
    ... def week(days: list[int]):
    ...     return load.map(days)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plan = FaultPlan(f"{folder}/calls", {2: [OSError("no"), OSError, OK], 3: [Skip("-")]})
    ...     with with_fakes({load: plan.around(load)}):
    ...         print(week([1, 2, 3]))
    ...     plan.calls(2), plan.calls()
    [10, 20, None]
    (3, 5)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        plan: Mapping[Any, Sequence[Any]] | None = None,
    ) -> None:
        self.path = str(Path(path).absolute())
        self.plan = {_text(key): list(outcomes) for key, outcomes in (plan or {}).items()}

    def around(self, function: Task[..., Any] | Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that goes by the plan; see `daskflow.testing.with_fakes`."""
        return _Planned(self, function.fn if isinstance(function, Task) else function)

    def calls(self, *given: Any) -> int:
        """Return how many calls there were: all of them, or those with one input."""
        if not given:
            return sum(self.counts().values())
        return self.counts()[_text(given[0] if len(given) == 1 else given)]

    def counts(self) -> Counter[str]:
        """Return how many calls there were with each input, by its ``repr``."""
        return Counter(self._lines())

    def outcome(self, given: Any) -> Any:
        """Count a call, and return what is planned for it."""
        text = _text(given)
        number = self._note(text)
        planned = self.plan.get(text, ())
        return planned[number - 1] if number <= len(planned) else OK

    def _note(self, text: str) -> int:
        """Append a line, and return which one of its kind it is, from 1."""
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, f"{text}\n".encode())
            end = os.lseek(file, 0, os.SEEK_CUR)  # of this very line, whoever writes meanwhile
            return Counter(os.pread(file, end, 0).decode().splitlines())[text]
        finally:
            os.close(file)

    def _lines(self) -> Iterator[str]:
        file = Path(self.path)
        yield from file.read_text(encoding="utf-8").splitlines() if file.exists() else ()


class _Planned:
    """A function under a plan; it looks like the function."""

    def __init__(self, plan: FaultPlan, function: Callable[..., Any]) -> None:
        self.plan, self.function = plan, function
        update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = _given(self.function, args, kwargs)
        outcome = self.plan.outcome(given[0] if len(given) == 1 else given)
        if isinstance(outcome, _Ok):
            return self.function(*args, **kwargs)
        is_class = isinstance(outcome, type) and issubclass(outcome, BaseException)
        if is_class or isinstance(outcome, BaseException):
            raise outcome
        return outcome


def _given(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, ...]:
    """Return all arguments in the order of the function, where it tells that."""
    try:
        bound = signature(function).bind(*args, **kwargs)
    except ValueError:  # a builtin that does not tell
        return (*args, *kwargs.values())
    return (*bound.args, *bound.kwargs.values())


def _text(given: Any) -> str:
    """Return an input in one line."""
    return " ".join(repr(given).splitlines())

"""Branches of a flow that run only where a value, known when it runs, is the expected one.

A case is a node of its own: it compares, and is skipped where there is no match. From it a gate
leads to each node in it, or to the index space of what is mapped there, so that no width is looked
for in vain and an empty map is not taken for a result. Gates are waited for like other upstream
task runs, but are no business of the body: neither triggers nor `context.upstream` see them. So
what is in a case that did not match is skipped whatever it says of skips.
"""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from daskflow import context
from daskflow.definition.placeholders import Node, Placeholder
from daskflow.definition.tasks import Task
from daskflow.definition.tracing import Trace, current_trace
from daskflow.errors import DefinitionError
from daskflow.signals import Skip
from daskflow.states import Skipped

T = TypeVar("T")


@contextmanager
def case(x: Any, value: Any) -> Iterator[None]:
    r"""Let what is called inside run only where a value is the expected one.

    Elsewhere it is skipped, ``skip_on_upstream_skip=False`` or not. Values match by ``==``, but
    True and False only with booleans. Where that raises, or gives no truth value as with arrays,
    the case fails, and what is inside does not start. Cases may be nested, and mapped.

    Parameters
    ----------
    x
        What a task returned, or a parameter.
    value
        What it has to be.

    Raises
    ------
    DefinitionError
        It is not inside a flow.

    Examples
    --------
    >>> from daskflow import LocalExecutor, case, flow, merge, task
    >>> @task
    ... def read(path: str) -> str:
    ...     return f"read {path}"
    >>> @task
    ... def fetch(url: str) -> str:
    ...     return f"fetched {url}"
    >>> @flow(executor=LocalExecutor())
    ... def load(kind: str, name: str):
    ...     with case(kind, "file"):
    ...         text = read(name)
    ...     with case(kind, "url"):
    ...         page = fetch(name)
    ...     return merge(text, page)
    >>> load("url", "example.org")
    'fetched example.org'
    >>> str(load.run("url", "example.org")[read].state)
    'Skipped("because of case: the value was \'url\', this branch is for \'file\'")'
    """
    trace = _tracing("case(x, value)", "if x == value:")
    with trace.inside(trace.name_of(_CASE(x, value))):
        yield


def switch(x: Any, branches: Mapping[Any, Any]) -> Any:
    """Run the branch of the value that a task returned, and return what stands for its result.

    Parameters
    ----------
    x
        What a task returned, or a parameter.
    branches
        By the values that match. Tasks, flows and functions without arguments are called, each in
        its own case. What was called before is put into the case now, it alone: what it depends
        on runs in any case. Anything else is the result itself.

    Raises
    ------
    DefinitionError
        It is not inside a flow, or has no branches.
    CycleError
        The value depends on one of the branches.

    Examples
    --------
    >>> from daskflow import LocalExecutor, flow, switch, task
    >>> @task
    ... def buy() -> str:
    ...     return "bought"
    >>> @task
    ... def sell() -> str:
    ...     return "sold"
    >>> @flow(executor=LocalExecutor())
    ... def trade(order: str):
    ...     return switch(order, {"buy": buy, "sell": sell, "wait": "nothing done"})
    >>> trade("sell"), trade("wait"), trade("?")
    ('sold', 'nothing done', None)
    """
    trace = _tracing("switch(x, {...})", "{...}[x]")
    made = [_branch(trace, _CASE(x, value), one) for value, one in branches.items()]
    return merge(*made)


def ifelse(condition: Any, a: Any, b: Any = None) -> Any:
    """Run one branch where a value is true, the other where it is not; return the result's handle.

    Parameters
    ----------
    condition
        What a task returned, or a parameter. Its truth decides, as in ``if``.
    a, b
        Branches as those of `switch`; without `b` it is skipped where the condition does not hold.

    Raises
    ------
    DefinitionError
        It is not inside a flow.
    CycleError
        The condition depends on one of the branches.

    Examples
    --------
    >>> from daskflow import LocalExecutor, flow, ifelse, task
    >>> @task
    ... def largest(xs: list[int]) -> int:
    ...     return max(xs)
    >>> @flow(executor=LocalExecutor())
    ... def top(xs: list[int]):
    ...     return ifelse(xs, largest(xs), "nothing there")
    >>> top([1, 2]), top([])
    (2, 'nothing there')
    """
    trace = _tracing("ifelse(condition, a, b)", "a if condition else b")
    made = [_branch(trace, _IFELSE(condition, True), a)]  # noqa: FBT003 - what is expected
    if b is not None:
        made.append(_branch(trace, _IFELSE(condition, False), b))  # noqa: FBT003 - the same
    return merge(*made)


def merge(*branches: T) -> T:
    """Return what stands for the first branch, in this order, that was not skipped.

    Its value may be None. A mapped branch was skipped when all its children were; constants and
    parameters never are. If all were skipped it is skipped too; if any failed it does not start.

    Raises
    ------
    DefinitionError
        It is not inside a flow, or has no branches.

    Examples
    --------
    >>> from daskflow import LocalExecutor, Skip, flow, merge, task
    >>> @task
    ... def from_cache() -> int:
    ...     raise Skip("nothing there")
    >>> @task
    ... def from_disk() -> int:
    ...     return 0
    >>> @flow(executor=LocalExecutor())
    ... def number():
    ...     return merge(from_cache(), from_disk(), 5)
    >>> number()
    0
    """
    _tracing("merge(...)", "take the value that is there")
    if not branches:
        msg = "merge() has no branches: give it what the tasks in your cases returned"
        raise DefinitionError(msg)
    return cast(T, _MERGE(*branches))


def _tracing(call: str, elsewhere: str) -> Trace:
    trace = current_trace.get()
    if trace is None:
        msg = f"{call} works inside a flow; elsewhere write it in Python: {elsewhere}"
        raise DefinitionError(msg)
    return trace


def _branch(trace: Trace, case: Node, branch: Any) -> Any:
    """Put a branch into a case, and return the node whose state tells whether it was skipped."""
    before = len(trace.graph)
    with trace.inside(trace.name_of(case)):
        if isinstance(branch, Node):
            is_told = _close_in(trace, branch, case)
        else:
            is_called = callable(branch) and not isinstance(branch, Placeholder)
            branch = branch() if is_called else branch
            is_told = isinstance(branch, Node) and (
                trace.name_of(branch) in trace.recorded_since(before)
            )
        return branch if is_told else _VALUE(branch)


def _close_in(trace: Trace, node: Node, case: Node) -> bool:
    """Put a node into a case; return whether it is skipped as a whole where there is no match.

    One from around these lanes cannot depend on what happens in one of them. One in lanes within
    may have no task run at all, that could be skipped.
    """
    if not trace.is_inside(node):
        return False
    trace.close_in(node, case)
    return not trace.is_within(node)


def _matches(x: Any, value: Any) -> bool:
    """Return True where two values match; else raise Skip."""
    if not _are_equal(x, value):
        msg = f"the value was {_shown(x)}, this branch is for {_shown(value)}"
        raise Skip(msg)
    return True


def _are_equal(x: Any, value: Any) -> bool:
    if _is_boolean(x) != _is_boolean(value):
        return False
    told = f"case {_shown(value)}: {_shown(x)} cannot be compared with it"
    try:
        found = x == value
    except Exception as error:
        msg = f"{told}: {error!r}"
        raise TypeError(msg) from error
    if not _is_boolean(found):
        msg = f"{told}: that gives a {type(found).__name__}, which is no truth value"
        raise TypeError(msg)
    return bool(found)


def _is_boolean(value: Any) -> bool:
    numpy = sys.modules.get("numpy")  # where it was never imported there are none of its booleans
    return isinstance(value, bool) or (numpy is not None and isinstance(value, numpy.bool_))


def _holds(x: Any, value: bool) -> bool:  # noqa: FBT001 - an argument of the node
    """Return True where the truth of a value is the expected one; else raise Skip."""
    try:
        found = bool(x)
    except Exception as error:
        msg = f"ifelse: {_shown(x)} is neither true nor false: {error!r}"
        raise TypeError(msg) from error
    if found != value:
        msg = f"{_shown(x)} is {'true' if found else 'false'}"
        raise Skip(msg)
    return True


def _first(*branches: Any) -> Any:
    """Return the first branch that was not skipped; the states tell which were."""
    is_skipped: dict[str | None, bool] = {}
    for run in context.upstream:
        key = run.edge.key
        is_skipped[key] = is_skipped.get(key, True) and isinstance(run.state, Skipped)
    for number, value in enumerate(branches):
        if not is_skipped.get(f"args[{number}]", False):
            return value
    msg = "all branches were skipped"
    raise Skip(msg)


def _same(x: Any) -> Any:
    return x


def _shown(value: Any) -> str:
    """Return a value for a message, shortened."""
    try:
        return reprlib.repr(value)
    except Exception:  # noqa: BLE001 - the user's own repr, or a class of the name of a builtin
        return f"a {type(value).__name__}"


_CASE: Task[..., Any] = Task(_matches, name="case")
_IFELSE: Task[..., Any] = Task(_holds, name="ifelse")
_MERGE: Task[..., Any] = Task(_first, name="merge", skip_on_upstream_skip=False)
_VALUE: Task[..., Any] = Task(_same, name="branch")

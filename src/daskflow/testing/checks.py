"""What became of a run, against what was expected, with a difference that can be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from daskflow.runs import FlowRun
from daskflow.runtime.views import MappedTaskRun, TaskRun

Expected = str | Sequence[Any]  # the name of a state, or of a mapped task what its children are in


def assert_states(
    run: FlowRun, expected: Mapping[Any, Expected], *, flow: str | None = None
) -> None:
    """Raise `AssertionError` where task runs are not in the states that are expected.

    Parameters
    ----------
    expected
        The name of a state by the name of a node or by its task; for a mapped one ``"Mapped"``, or
        a list for its children. Nodes that are not in it may be in any state.
    flow
        The name of the state of the flow run; None: any.

    Raises
    ------
    AssertionError
        It has a line for each difference.

    Examples
    --------
    >>> from daskflow import LocalExecutor, flow, task
    >>> from daskflow.testing import assert_states
    >>> @task
    ... def inverse(x: int) -> float:
    ...     return 1 / x
    >>> total = task(sum, name="total")
    >>> @flow(executor=LocalExecutor())
    ... def inverses(xs: list[int]):
    ...     return total(inverse.map(xs))
    >>> run = inverses.run([1, 0])
    >>> assert_states(run, {inverse: ["Success", "Failed"], "total": "TriggerFailed"})
    >>> assert_states(run, {inverse: ["Success", "Success"]}, flow="Success")
    Traceback (most recent call last):
    AssertionError: flow run ... is not as expected:
      flow run: Failed('1 of 1 reference task runs failed: total'), expected Success
      inverse[1]: Failed('ZeroDivisionError: division by zero'), expected Success
    """
    found = []
    if flow is not None and type(run.state).__name__ != flow:
        found.append(f"flow run: {run.state}, expected {flow}")
    for key, wanted in expected.items():
        found += _differences(run[key], wanted)
    if found:
        told = "\n  ".join([f"flow run {run.name!r} is not as expected:", *found])
        raise AssertionError(told)


def _differences(found: TaskRun | MappedTaskRun, wanted: Expected) -> Iterator[str]:
    if isinstance(wanted, str):
        if type(found.state).__name__ != wanted:
            yield f"{found.name}: {found.state}, expected {wanted}"
    elif not isinstance(found, MappedTaskRun):
        yield f"{found.name}: {found.state}, expected {len(wanted)} children"
    elif len(found) != len(wanted):
        more = "" if len(found) else f", it is {found.state}"
        yield f"{found.name}: {len(found)} children, expected {len(wanted)}{more}"
    else:
        for child, each in zip(found, wanted, strict=True):
            yield from _differences(child, each)


def calls(run: FlowRun) -> dict[str, int]:
    """Return how often the body of each task run was started, as the run tells.

    Those that were never started are not in it.

    Examples
    --------
    >>> from daskflow import LocalExecutor, flow, task
    >>> from daskflow.testing import calls
    >>> @task(retries=1)
    ... def inverse(x: int) -> float:
    ...     return 1 / x
    >>> @flow(executor=LocalExecutor())
    ... def inverses(xs: list[int]):
    ...     inverse.map(xs)
    >>> calls(inverses.run([1, 0]))
    {'inverse[0]': 1, 'inverse[1]': 2}
    """
    return {found.name: found.attempt for found in run.task_runs if found.attempt}

"""What a map may do to the values of many task runs: take one level out, or leave some aside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, cast

from daskflow.definition.mapping import element_getter, measure
from daskflow.definition.placeholders import Derived, holds_placeholder
from daskflow.definition.tasks import Task
from daskflow.definition.tracing import current_trace
from daskflow.errors import DefinitionError

T = TypeVar("T")


def flatten(values: Iterable[Iterable[T]]) -> list[T]:
    """Take one level out of a list of lists.

    Of mapped results each element becomes a task run of its own, without waiting for a list to be
    made of all; a failed or skipped child gives one that is failed or skipped. Texts and bytes are
    elements themselves. Outside of flows it does the same to values.

    Raises
    ------
    DefinitionError
        An element cannot be mapped over.

    Examples
    --------
    >>> from daskflow import LocalExecutor, flatten, flow, task
    >>> @task
    ... def up_to(n: int) -> list[int]:
    ...     return list(range(n))
    >>> @flow(executor=LocalExecutor())
    ... def numbers():
    ...     return flatten(up_to.map([1, 0, 3]))
    >>> numbers()
    [0, 0, 1, 2]
    """
    trace = current_trace.get()
    if trace is None or not holds_placeholder(values):
        return _flat(values)
    lanes = trace.lanes_of(values)
    if lanes is not None and not lanes.is_picky:
        return cast(list[T], trace.add_flat(_FLATTEN_LANES, lanes))
    return Task(_flat, name="flatten")(values)


def successful(values: Iterable[T]) -> list[T]:
    """Pass on only the results of the children that succeeded and were not skipped.

    Around an argument of a task, of which the trigger still sees all children. Outside of flows it
    leaves out exceptions and None, which is what stands for such children in a list.

    Raises
    ------
    DefinitionError
        It is not around the result of a mapped task.

    Examples
    --------
    >>> from daskflow import LocalExecutor, Skip, flow, successful, task
    >>> @task
    ... def load(day: int) -> int:
    ...     if day == 2:
    ...         raise Skip("a holiday")
    ...     return 10 * day
    >>> @flow(executor=LocalExecutor())
    ... def week():
    ...     return task(sum)(successful(load.map([1, 2, 3])))
    >>> week()
    40
    """
    trace = current_trace.get()
    if trace is None:
        return [one for one in values if one is not None and not isinstance(one, BaseException)]
    lanes = trace.lanes_of(values)
    if lanes is None:
        msg = f"successful() belongs around the result of a mapped task, not around {values!r}"
        raise DefinitionError(msg)
    label = f"the successful results of task {lanes.name!r}"
    picked = Derived(lanes.name, lanes._replace(is_picky=True), label, trace.space)
    return cast(list[T], picked)


def _flat(values: Any) -> list[Any]:
    flat: list[Any] = []
    for value in _elements(values):
        if isinstance(value, str | bytes | bytearray):
            flat.append(value)
        else:
            flat.extend(_elements(value))
    return flat


def _elements(value: Any) -> Iterator[Any]:
    places = range(measure(value))
    return map(element_getter(value), places)


def _same(x: Any) -> Any:
    return x


_FLATTEN_LANES = Task(_same, name="flatten")

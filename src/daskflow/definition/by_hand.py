"""What a flow lets its user do by hand: make its graph, and change it.

The methods of `Flow` that need no function. Where a node is wanted, it may be what a call returned,
the node's name, or a task that has one node in the flow.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Self

from daskflow.definition.editing import EditableTrace
from daskflow.definition.grafting import take_in
from daskflow.definition.nodes import check_name
from daskflow.definition.tasks import Task
from daskflow.definition.tracing import enter, leave
from daskflow.errors import DefinitionError


class ByHand(ABC):
    """A flow whose graph can be made and changed by hand, whether it has a function or not."""

    options: Any

    @property
    @abstractmethod
    def trace(self) -> EditableTrace:
        """The flow's graph in the making."""

    @abstractmethod
    def definition(self, **static: Any) -> Any:
        """Return what a run would be made from."""

    def __enter__(self) -> Self:
        enter(self.trace)
        return self

    def __exit__(self, *_: object) -> None:
        leave()

    def add_task(
        self, task: Task[..., Any], /, *args: Any, name: str | None = None, **kwargs: Any
    ) -> Any:
        """Add a node to the flow and return what stands for its value.

        Arguments may be missing, to be fed by edges later. A flow by hand can also be entered, and
        tasks just be called: ``with flow: double(1)``.

        Parameters
        ----------
        name
            The node's; by default the task's, with a number from the second one on.

        Raises
        ------
        DefinitionError
            The arguments do not fit the task, or the name is taken.

        Examples
        --------
        >>> from daskflow import Flow, LocalExecutor, task
        >>> @task
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> f = Flow("four", executor=LocalExecutor())
        >>> f.set_returned(f.add_task(double, f.add_task(double, 1), name="last"))
        >>> f.run()["last"].result()
        4
        """
        _check_task(task)
        waited, arguments = task.bind(args, kwargs, is_partial=True)
        name = check_name(name, "a node") if name is not None else task.node_name
        return self.trace.add_call(task, arguments, waited, name=name)

    def add_edge(
        self, upstream: Any, downstream: Any, key: str | None = None, *, mapped: bool = False
    ) -> None:
        """Let one node depend on another.

        Parameters
        ----------
        upstream
            A node, or a `Parameter` where there is a key.
        key
            The argument of the downstream node that gets the upstream's value; without it the
            upstream is only waited for.
        mapped
            Whether the downstream node is called once for each element.

        Raises
        ------
        CycleError
            The nodes would wait for each other; the message names the circle.
        DefinitionError
            There is no such node or argument, or the argument has a value already.

        Examples
        --------
        >>> from daskflow import Flow, LocalExecutor, task
        >>> @task
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> f = Flow("doubles", executor=LocalExecutor())
        >>> doubled = f.add_task(double)
        >>> f.add_edge(f.add_task(task(list), [1, 2, 3]), doubled, key="x", mapped=True)
        >>> f.run()[double].result()
        [2, 4, 6]
        """
        self.trace.add_edge(upstream, downstream, key, mapped=mapped)

    def chain(self, *nodes: Any) -> None:
        """Let each node wait for the one before it.

        Examples
        --------
        >>> from daskflow import Flow, task
        >>> with Flow("night") as f:
        ...     for name in ("load", "clean", "report"):
        ...         task(print, name=name)()
        ...     f.chain("load", "clean", "report")
        <the result of task 'load'>
        <the result of task 'clean'>
        <the result of task 'report'>
        >>> f.graph().order()
        ['load', 'clean', 'report']
        """
        names = [self.trace.find(node) for node in nodes]
        for upstream, downstream in pairwise(names):
            self.trace.add_edge(upstream, downstream)

    def set_reference_tasks(self, nodes: Iterable[Any]) -> None:
        """Choose the nodes that decide how a run ended; by default those that nothing depends on.

        Examples
        --------
        >>> from daskflow import Flow, LocalExecutor, all_finished, task
        >>> @task
        ... def load() -> None:
        ...     raise ValueError
        >>> with Flow("night", executor=LocalExecutor()) as f:
        ...     loaded = load()
        ...     closed = task(print, trigger=all_finished)("closed", wait_for=[loaded])
        >>> f.set_reference_tasks([loaded])
        >>> str(f.run().state)
        closed
        "Failed('1 of 1 reference task runs failed: load')"
        """
        names = tuple(self.trace.find(node) for node in nodes)
        if not names:
            msg = f"flow {self.trace.flow!r}: some node has to decide how a run ended"
            raise DefinitionError(msg)
        self.options = {**self.options, "reference_tasks": names}

    def set_returned(self, value: Any) -> None:
        """Choose what runs return: a node, a parameter, or lists, tuples, dicts of them.

        Examples
        --------
        >>> from daskflow import Flow, LocalExecutor, task
        >>> with Flow("both", executor=LocalExecutor()) as f:
        ...     f.set_returned({"sum": task(sum)([1, 2]), "max": task(max)(1, 2)})
        >>> f()
        {'sum': 3, 'max': 2}
        """
        self.trace.give_back(value)

    def replace(self, node: Any, task: Task[..., Any]) -> Any:
        """Put another task in the place of a node's, which keeps its name and its arguments.

        Raises
        ------
        DefinitionError
            The arguments do not fit the other task.

        Examples
        --------
        >>> from daskflow import LocalExecutor, flow, task
        >>> @flow(executor=LocalExecutor())
        ... def largest(numbers: list[int]):
        ...     return task(sorted)(task(max, name="pick")(numbers, [0]))
        >>> largest.replace("pick", task(min))
        <the result of task 'pick'>
        >>> largest([1, 2])
        [0]
        """
        _check_task(task)
        return self.trace.replace(node, task)

    def update(self, other: ByHand) -> None:
        """Take in all nodes and edges of another flow; parameters of one name become one.

        Raises
        ------
        DefinitionError
            The flows have nodes of one name, or parameters of one name that differ.

        Examples
        --------
        >>> from daskflow import Flow, LocalExecutor, task
        >>> with Flow("load") as load:
        ...     loaded = task(list, name="load")([1, 2])
        >>> with Flow("all", executor=LocalExecutor()) as f:
        ...     total = task(sum, name="add_up")
        ...     f.update(load)
        ...     f.add_edge("load", f.add_task(total), key="iterable")
        >>> f.run()[total].result()
        3
        """
        take_in(self.trace, other.trace)

    def validate(self, **static: Any) -> None:
        """Raise what is wrong with the flow, all of it; done before every run as well.

        Parameters
        ----------
        static
            Values of its `Static` parameters, if it has any.

        Raises
        ------
        DefinitionError
            Arguments are missing, or a reference task is unknown.

        Examples
        --------
        >>> from daskflow import Flow, task
        >>> @task
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> f = Flow("f")
        >>> node = f.add_task(double)
        >>> f.validate()
        Traceback (most recent call last):
        daskflow.errors.DefinitionError: flow 'f': node 'double': nothing feeds its argument 'x'...
        """
        self.definition(**static)


def _check_task(task: Any) -> None:
    if not isinstance(task, Task):
        msg = f"a node is made of a task, not of {task!r}: decorate the function with @task"
        raise DefinitionError(msg)

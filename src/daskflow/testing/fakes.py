"""Functions in the place of those of tasks: the flow, its states and its rules stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import update_wrapper
from typing import Any

from daskflow.definition.definitions import FlowDefinition, revised
from daskflow.definition.nodes import NodeSpec
from daskflow.definition.tasks import Task
from daskflow.errors import DefinitionError


@contextmanager
def with_fakes(fakes: Mapping[Task[..., Any] | str, Callable[..., Any]]) -> Iterator[None]:
    """Run flows with other functions in the place of those of some tasks.

    Name, trigger, retries, mapping and all else of a task stay as they are. It works for every
    flow that is run in this process meanwhile: one that was traced before, parts of others too.

    Parameters
    ----------
    fakes
        By the task, whatever its options; or by a name: of the task, or of a node of it.

    Raises
    ------
    DefinitionError
        A fake cannot be called as its task is; or at the end: no flow that ran has such a task.

    Examples
    --------
    >>> from daskflow import LocalExecutor, flow, task
    >>> from daskflow.testing import with_fakes
    >>> @task
    ... def fetch(url: str) -> str:
    ...     raise OSError("no network")
    >>> @flow(executor=LocalExecutor())
    ... def length(url: str):
    ...     return task(len)(fetch(url))
    >>> with with_fakes({fetch: lambda url: "page"}):
    ...     length("example.org")
    4
    """
    cast = _Cast(fakes)
    with revised(cast.revise):
        yield
    if cast.idle:
        names = ", ".join(key if isinstance(key, str) else key.name for key in cast.idle)
        msg = f"with_fakes names {names}, but no flow that ran meanwhile has such a task"
        raise DefinitionError(msg)


class _Cast:
    """Fakes, and which of them have not been used."""

    def __init__(self, fakes: Mapping[Task[..., Any] | str, Callable[..., Any]]) -> None:
        self.fakes = dict(fakes)
        self.idle = list(self.fakes)

    def revise(self, definition: FlowDefinition) -> FlowDefinition:
        """Return a definition with the fakes in it."""
        found = [(node, self._key_of(node)) for node in definition.graph.nodes.values()]
        faked = [(node, key) for node, key in found if key is not None]
        if not faked:
            return definition
        graph = definition.graph.copy()
        for node, key in faked:
            self.idle = [other for other in self.idle if other is not key]
            graph.replace_node(node.name, node._replace(task=_faked(node, self.fakes[key])))
        return replace(definition, graph=graph)

    def _key_of(self, node: NodeSpec) -> Task[..., Any] | str | None:
        for key in self.fakes:
            if isinstance(key, str):
                if key in {node.name, node.task.name}:
                    return key
            elif key.origin is node.task.origin:
                return key
        return None


def _faked(node: NodeSpec, fake: Callable[..., Any]) -> Task[..., Any]:
    """Return a node's task with another function, which can be called as the node calls it."""
    made = copy(node.task)
    for name in ("binding", "outputs"):  # made anew of the function
        made.__dict__.pop(name, None)
    made.fn = fake.fn if isinstance(fake, Task) else fake
    update_wrapper(made, made.fn, updated=())
    try:
        made.binding.refitted(node)
    except DefinitionError as error:
        msg = f"the fake of task {node.task.name!r} cannot be called as that is: {error}"
        raise DefinitionError(msg) from None
    return made

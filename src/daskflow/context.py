"""What a task can read about the task run it is in: ``from daskflow import context``.

``context.attempt`` and the other fields of `TaskRunContext` can be read from the module itself
while a task's body runs; elsewhere they raise. `get` returns None there instead.

Examples
--------
>>> from daskflow import context, task
>>> @task
... def greet() -> str:
...     return f"attempt {context.attempt}"
>>> context.get() is None
True
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple

from daskflow.graph import Edge
from daskflow.states import State


class UpstreamRun(NamedTuple):
    """A task run that this one depends on, by an argument or by ``wait_for``."""

    name: str  # for people: clean[3]
    edge: Edge  # its `key` is the argument that it feeds, None: it is only waited for
    state: State  # with its message and attempt
    started: datetime | None  # when its body was started last; None: never
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class RunContext:
    """What all task runs of a flow run have in common."""

    flow_name: str
    run_id: str
    run_name: str  # for people
    parameters: Mapping[str, Any]  # those that are small enough to be sent to every worker
    scheduled_for: datetime  # when the run was to start; without a schedule, when it was made
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TaskRunContext:
    """Names and numbers of the task run whose body is being called."""

    run: RunContext
    task_name: str
    node: str  # the task's name in this flow: clean, clean-2
    map_index: tuple[int, ...]  # () where it is not mapped
    attempt: int  # from 1; of this iteration, where the task loops
    task_tags: frozenset[str] = frozenset()
    loop_count: int = 0  # iterations that have ended
    loop_result: Any = None  # what the last of them passed on
    resumed: bool = False  # whether it was paused, and was approved or its time was over
    upstream: Sequence[UpstreamRun] = ()  # all that it depends on, data or not

    @property
    def task_run_name(self) -> str:
        """The name of this task run for people: ``clean[3]``."""
        return run_label(self.node, self.map_index)

    @property
    def task_run_id(self) -> str:
        """A name of this task run among all that there ever were."""
        return f"{self.run.run_id}/{self.task_run_name}"

    @property
    def tags(self) -> frozenset[str]:
        """The tags of the flow run and of the task."""
        return self.run.tags | self.task_tags

    @property
    def flow_name(self) -> str:
        """The name of the flow."""
        return self.run.flow_name

    @property
    def run_id(self) -> str:
        """The id of the flow run."""
        return self.run.run_id

    @property
    def run_name(self) -> str:
        """The name of the flow run, for people."""
        return self.run.run_name

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters of the flow run, as far as they are small."""
        return self.run.parameters

    @property
    def scheduled_for(self) -> datetime:
        """When the flow run was to start."""
        return self.run.scheduled_for


def run_label(node: str, index: tuple[int, ...]) -> str:
    """Return the name of a task run for people: ``clean``, ``clean[3]``, ``clean[3, 1]``."""
    return f"{node}[{', '.join(map(str, index))}]" if index else node


current: ContextVar[TaskRunContext | None] = ContextVar("daskflow_task_run", default=None)

_FIELDS = frozenset(field.name for field in fields(TaskRunContext)) | frozenset(
    name for name, value in vars(TaskRunContext).items() if isinstance(value, property)
)


def get() -> TaskRunContext | None:
    """Return the context of the running task; None outside of one."""
    return current.get()


def __getattr__(name: str) -> Any:
    if name not in _FIELDS:
        msg = f"module 'daskflow.context' has no attribute {name!r}"
        raise AttributeError(msg)
    here = current.get()
    if here is None:
        msg = f"context.{name} can be read only while a task runs"
        raise RuntimeError(msg)
    return getattr(here, name)

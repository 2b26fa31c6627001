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

from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class TaskRunContext:
    """Names and numbers of the task run whose body is being called."""

    flow_name: str
    run_id: str  # of the flow run
    run_name: str  # of the flow run, for people
    task_name: str
    node: str  # the task's name in this flow: clean, clean-2
    map_index: tuple[int, ...]  # () where it is not mapped
    attempt: int  # from 1
    tags: frozenset[str]

    @property
    def task_run_name(self) -> str:
        """The name of this task run for people: ``clean[3]``."""
        return run_label(self.node, self.map_index)


def run_label(node: str, index: tuple[int, ...]) -> str:
    """Return the name of a task run for people: ``clean``, ``clean[3]``, ``clean[3, 1]``."""
    return f"{node}[{', '.join(map(str, index))}]" if index else node


current: ContextVar[TaskRunContext | None] = ContextVar("daskflow_task_run", default=None)

_FIELDS = frozenset(field.name for field in fields(TaskRunContext)) | {"task_run_name"}


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

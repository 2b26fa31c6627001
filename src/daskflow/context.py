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

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from daskflow.graph import Edge
from daskflow.logs import PrintedLines, Recorder, RunLogger
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
    parents: tuple[str, ...] = ()  # ids of the task runs that called it, outermost first
    log_level: int | None = None  # lowest that is let through; None: as `logging` is configured
    store: str = ""  # URL of the store that keeps the run; empty: it is not to be had from here


class TaskRunContext(NamedTuple):
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
    find_upstream: Callable[[], Sequence[UpstreamRun]] = tuple  # what `upstream` looks at
    printed: PrintedLines | None = None  # takes what it prints; None: that is just printed
    open_recorder: Callable[[], Recorder | None] = lambda: None  # takes what it logs

    @property
    def upstream(self) -> Sequence[UpstreamRun]:
        """All that it depends on, data or not."""
        return self.find_upstream()

    @property
    def task_run_name(self) -> str:
        """The name of this task run for people: ``clean[3]``."""
        return run_label(self.node, self.map_index)

    @property
    def task_run_id(self) -> str:
        """A name of this task run among all that there ever were."""
        return f"{self.run.run_id}/{self.task_run_name}"

    @property
    def logger(self) -> RunLogger:
        """A logger whose records tell of this task run; see `get_run_logger`."""
        names = {
            "flow_name": self.run.flow_name,
            "run_id": self.run.run_id,
            "run_name": self.run.run_name,
            "task_run": self.task_run_name,
            "task_run_id": self.task_run_id,
            "attempt": self.attempt,
            "worker": self.worker,
        }
        return RunLogger(names, self.run.log_level, self.open_recorder)

    @property
    def worker(self) -> str:
        """The address of the Dask worker, or the name of the thread in a process without one."""
        return place.get() or threading.current_thread().name

    @property
    def parent_run_id(self) -> str | None:
        """The id of the flow run whose task called this flow; None: no task did."""
        return self.run.parents[-1].partition("/")[0] if self.run.parents else None

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


def split_label(label: str) -> tuple[str, tuple[int, ...]] | None:
    """Return the node and the map index that `run_label` made a name of; None: it has no index."""
    found = _LABEL.fullmatch(label)
    return (found[1], tuple(map(int, found[2].split(",")))) if found is not None else None


_LABEL = re.compile(r"(.+)\[(\d+(?:, ?\d+)*)\]")

current: ContextVar[TaskRunContext | None] = ContextVar("daskflow_task_run", default=None)
place: ContextVar[str] = ContextVar("daskflow_place", default="")  # the worker's address

_FIELDS = frozenset(TaskRunContext._fields) | frozenset(
    name for name, value in vars(TaskRunContext).items() if isinstance(value, property)
)


class at_place:  # noqa: N801 - as contextlib names its own; a generator costs each block more
    """Let `TaskRunContext.worker` tell meanwhile of this address; empty: as it is.

    A Dask worker may begin a block in the context of another task's body: that is forgotten.
    """

    __slots__ = ("_before", "_token", "_worker")

    def __init__(self, worker: str) -> None:
        self._worker = worker

    def __enter__(self) -> None:
        if self._worker:
            self._before, self._token = current.set(None), place.set(self._worker)

    def __exit__(self, *_: object) -> None:
        if self._worker:
            place.reset(self._token)
            current.reset(self._before)


def get() -> TaskRunContext | None:
    """Return the context of the running task; None outside of one."""
    return current.get()


def get_run_logger() -> RunLogger:
    """Return a logger for the running task: its records tell of which task run they are.

    They are kept with the run from INFO on (`FlowRun.logs`, ``daskflow logs RUN``), and shown while
    the task runs, by who drives it: on stderr, ``12:03:04 INFO clean[3] attempt 2 | text``, or as
    your own configuration of `logging` says for the logger ``daskflow.task_runs``. Each has as
    attributes ``daskflow_flow_name``, ``daskflow_run_id``, ``daskflow_run_name``,
    ``daskflow_task_run``, ``daskflow_task_run_id``, ``daskflow_attempt`` and ``daskflow_worker``.

    Outside of a task run, as where a task is called as its function, they have none of these.

    Examples
    --------
    >>> from daskflow import get_run_logger, task
    >>> @task
    ... def clean(rows: list[int]) -> list[int]:
    ...     get_run_logger().info("%d rows", len(rows))
    ...     return sorted(rows)
    >>> clean([2, 1])
    [1, 2]
    """
    here = current.get()
    return RunLogger() if here is None else here.logger


def __getattr__(name: str) -> Any:
    if name not in _FIELDS:
        msg = f"module 'daskflow.context' has no attribute {name!r}"
        raise AttributeError(msg)
    here = current.get()
    if here is None:
        msg = f"context.{name} can be read only while a task runs"
        raise RuntimeError(msg)
    return getattr(here, name)

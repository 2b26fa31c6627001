"""Views of a run's task runs: objects that are made when somebody looks, and read the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, overload

from daskflow.context import run_label
from daskflow.errors import TaskRunError
from daskflow.runtime.values import Values
from daskflow.states import State
from daskflow.timing import as_datetime


def raisable(error: BaseException, name: str) -> Exception:
    """Return what to raise for a failed task run: what its body raised, if that is an `Exception`.

    A `Fail`, or the `SystemExit` of a ``sys.exit()`` in a task, would go through the caller's
    ``except Exception``, or end the caller.
    """
    if isinstance(error, Exception):
        return error
    told = TaskRunError(f"{name}: {type(error).__name__}: {error}")
    told.__cause__ = error
    return told


@dataclass(frozen=True)
class TaskRun:
    """One task run, as a view of its flow run's record.

    Examples
    --------
    >>> from daskflow import LocalExecutor, flow, task
    >>> @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> @flow(executor=LocalExecutor())
    ... def doubled():
    ...     return double.map([1, 2, 3])
    >>> run = doubled.run()
    >>> run[double][1]
    <TaskRun double[1]: Success, attempt 1>
    """

    values: Values = field(repr=False, compare=False)
    node: str  # the task's name in this flow
    index: tuple[int, ...]  # the map index; () where it is not mapped
    position: int = 0  # in its node's columns; -1: a mapped task that ended without children

    @property
    def name(self) -> str:
        """For people: ``clean[3]``."""
        return run_label(self.node, self.index)

    @property
    def state(self) -> State:
        """The state it is in."""
        if self.position < 0:
            return self.values.record.node_state(self.node)
        return self.values.record.state(self.node, self.position)

    @property
    def attempt(self) -> int:
        """How often its body was started."""
        attempts: int = self._entry("attempts", 0)
        return attempts

    @property
    def started(self) -> datetime | None:
        """When the body of the last attempt was started; None: never."""
        instant = self._entry("started", 0.0)
        return as_datetime(instant) if instant else None

    @property
    def ended(self) -> datetime | None:
        """When the body of the last attempt ended; None: it was never started."""
        instant = self._entry("ended", 0.0)
        return as_datetime(instant) if instant else None

    @property
    def worker(self) -> str:
        """Who ran it; empty where nobody did."""
        return self.values.record.workers.get(self._entry("blocks", 0), "")

    @property
    def traceback(self) -> str:
        """The traceback of the exception that ended its last attempt; empty where none did."""
        note = self.values.record.nodes[self.node].notes.get(self.position)
        return note.trace if note is not None else ""

    def result(self) -> Any:
        """Return its value: None if it was skipped; raise the exception if it failed.

        Raises
        ------
        ResultGoneError
            It has none yet, or it was not kept.
        """
        if self.state.is_failed():
            raise raisable(self.values.exception(self.node, self.position), self.name)
        if self.position < 0:
            return self.values.whole(self.node)
        return self.values.one(self.node, self.position)

    def _entry(self, column: str, default: Any) -> Any:
        if self.position < 0:
            return default
        return getattr(self.values.record.nodes[self.node], column)[self.position]

    def __repr__(self) -> str:
        return f"<TaskRun {self.name}: {self.state}, attempt {self.attempt}>"


@dataclass(frozen=True)
class MappedTaskRun(Sequence[TaskRun]):
    """A mapped task of a run: its own state, and its children by map index.

    Examples
    --------
    >>> from daskflow import LocalExecutor, flow, task
    >>> @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> @flow(executor=LocalExecutor())
    ... def doubled():
    ...     return double.map([1, 2, 3])
    >>> children = doubled.run()[double]
    >>> len(children), children[2].result(), [str(child.state) for child in children[:2]]
    (3, 6, ['Success', 'Success'])
    """

    values: Values = field(repr=False, compare=False)
    node: str

    @property
    def name(self) -> str:
        """The task's name in this flow."""
        return self.node

    @property
    def state(self) -> State:
        """Mapped, with the children's states, once they exist."""
        return self.values.record.node_state(self.node)

    def result(self) -> list[Any]:
        """Return the children's values in order, None for a skipped one.

        Raises
        ------
        Exception
            What the first failed child raised.
        """
        for _, position in self.values.record.failed([self.node]):
            name = run_label(self.node, () if position < 0 else (position,))
            raise raisable(self.values.exception(self.node, position), name)
        found: list[Any] = self.values.whole(self.node)
        return found

    def __len__(self) -> int:
        return self.values.record.nodes[self.node].width or 0

    @overload
    def __getitem__(self, index: int | tuple[int, ...]) -> TaskRun: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TaskRun]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        position = index[0] if isinstance(index, tuple) and len(index) == 1 else index
        if not isinstance(position, int) or not -len(self) <= position < len(self):
            msg = f"{self.node} has {len(self)} children; there is no [{index}]"
            raise IndexError(msg)
        position %= len(self)
        return TaskRun(self.values, self.node, (position,), position)

    def __repr__(self) -> str:
        return f"<MappedTaskRun {self.node}: {len(self)} children>"


class TaskRuns(Sequence[TaskRun]):
    """All task runs of a flow run, node by node; made one by one as they are looked at."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._record = values.record

    def __len__(self) -> int:
        return sum(len(self._positions(name)) for name in self._record.nodes)

    @overload
    def __getitem__(self, index: int) -> TaskRun: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TaskRun]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        rest = index + len(self) if index < 0 else index
        for name in self._record.nodes:
            positions = self._positions(name)
            if 0 <= rest < len(positions):
                return self._make(name, positions[rest])
            rest -= len(positions)
        msg = f"there are {len(self)} task runs; there is no [{index}]"
        raise IndexError(msg)

    def __iter__(self) -> Iterator[TaskRun]:
        for name in self._record.nodes:
            for position in self._positions(name):
                yield self._make(name, position)

    def _positions(self, name: str) -> range:
        """Return the positions of a node; -1 stands for a mapped task without children."""
        record = self._record.nodes[name]
        return range(-1, 0) if record.decided is not None else range(record.width or 0)

    def _make(self, name: str, position: int) -> TaskRun:
        index = self._record.index(name, position) if position >= 0 else ()
        return TaskRun(self._values, name, index, position)

    def __repr__(self) -> str:
        return f"<{len(self)} task runs>"


@dataclass(frozen=True)
class NodeProgress:
    """How far one node of a run is."""

    node: str
    total: int | None  # None: not known yet how many task runs it will have
    counts: Mapping[str, int]  # task runs by the name of their state

"""Views of a run's task runs: objects that are made when somebody looks, and read the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, overload

from daskflow.context import run_label
from daskflow.errors import TaskRunError
from daskflow.events import Note
from daskflow.runtime.record import RunRecord
from daskflow.runtime.values import Values
from daskflow.states import KINDS, State
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

    @property
    def position(self) -> int | None:
        """Its place in its node's columns; None: a mapped task that ended without children."""
        space = self.values.record.nodes[self.node].space
        return space.find(self.index) if len(self.index) == space.level else None

    @property
    def name(self) -> str:
        """For people: ``clean[3]``."""
        return run_label(self.node, self.index)

    @property
    def state(self) -> State:
        """The state it is in."""
        return self.values.record.node_state(self.node, self.index)

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
        note = self._note()
        if note is not None and note.worker:
            return note.worker
        return self.values.record.workers.get(self._entry("blocks", 0), "")

    @property
    def traceback(self) -> str:
        """The traceback of the exception that ended its last attempt; empty where none did."""
        note = self._note()
        return note.trace if note is not None else ""

    def result(self) -> Any:
        """Return its value: None if it was skipped; raise the exception if it failed.

        Raises
        ------
        ResultGoneError
            It has none yet, or it was not kept.
        """
        if self.state.is_failed():
            raise raisable(self.values.exception(self.node, self.index), self.name)
        return self.values.at(self.node, self.index)

    def _note(self) -> Note | None:
        place = self.position
        notes = self.values.record.nodes[self.node].notes
        return notes.get(place) if place is not None else None

    def _entry(self, column: str, default: Any) -> Any:
        place = self.position
        record = self.values.record.nodes[self.node]
        if place is None or place >= len(record.codes):  # the driver is making room for it
            return default
        return getattr(record, column)[place]

    def __repr__(self) -> str:
        return f"<TaskRun {self.name}: {self.state}, attempt {self.attempt}>"


@dataclass(frozen=True)
class MappedTaskRun(Sequence[TaskRun]):
    """A mapped task of a run: its own state, and its children by map index.

    Of a map in a mapped sub-flow ``run[task][i, j]`` is a task run and ``run[task][i]`` a
    `MappedTaskRun` itself, though it is typed as what it is everywhere else.

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
    lane: tuple[int, ...] = ()  # the map index of the lane it is in

    @property
    def name(self) -> str:
        """For people: the task's name in this flow, and its lane."""
        return run_label(self.node, self.lane)

    @property
    def state(self) -> State:
        """Mapped, with the children's states, once they exist."""
        return self.values.record.node_state(self.node, self.lane)

    def result(self) -> list[Any]:
        """Return the children's values in order, None for a skipped one.

        Raises
        ------
        Exception
            What the first failed child raised.
        """
        for _, index in self.values.record.failed([self.node]):
            if index[: len(self.lane)] == self.lane:
                error = self.values.exception(self.node, index)
                raise raisable(error, run_label(self.node, index))
        found: list[Any] = self.values.at(self.node, self.lane)
        return found

    def __len__(self) -> int:
        return self.values.record.width(self.node, self.lane)

    @overload
    def __getitem__(self, index: int | tuple[int, ...]) -> TaskRun: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TaskRun]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        first, *rest = index if isinstance(index, tuple) and index else (index,)
        if not isinstance(first, int) or not -len(self) <= first < len(self):
            msg = f"{self.name} has {len(self)} children; there is no [{first}]"
            raise IndexError(msg)
        found = view_of(self.values, self.node, (*self.lane, first % len(self)))
        if not rest:
            return found
        if not isinstance(found, MappedTaskRun):
            msg = f"{found.name} has no children; there is no [{rest[0]}]"
            raise IndexError(msg)
        return found[tuple(rest)]

    def __repr__(self) -> str:
        return f"<MappedTaskRun {self.name}: {len(self)} children>"


def view_of(values: Values, node: str, index: tuple[int, ...] = ()) -> TaskRun | MappedTaskRun:
    """Return the task run at a map index, or the mapped one that has children below it."""
    if values.record.nodes[node].space.level > len(index):
        return MappedTaskRun(values, node, index)
    return TaskRun(values, node, index)


class TaskRuns(Sequence[TaskRun]):
    """All task runs of a flow run, node by node; made one by one as they are looked at."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._record = values.record

    def __len__(self) -> int:
        return sum(
            len(list(self._record.decided(name))) + len(record.codes)
            for name, record in self._record.nodes.items()
        )

    @overload
    def __getitem__(self, index: int) -> TaskRun: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TaskRun]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        rest = index + len(self) if index < 0 else index
        for name, record in self._record.nodes.items():
            ended = [found for found, _ in self._record.decided(name)]
            if 0 <= rest < len(ended):
                return TaskRun(self._values, name, ended[rest])
            rest -= len(ended)
            if 0 <= rest < len(record.codes):
                return TaskRun(self._values, name, record.space.index_of(rest))
            rest -= len(record.codes)
        msg = f"there are {len(self)} task runs; there is no [{index}]"
        raise IndexError(msg)

    def __iter__(self) -> Iterator[TaskRun]:
        for name, record in self._record.nodes.items():
            for index, _ in self._record.decided(name):
                yield TaskRun(self._values, name, index)
            for position in range(len(record.codes)):
                yield TaskRun(self._values, name, record.space.index_of(position))

    def __repr__(self) -> str:
        return f"<{len(self)} task runs>"


@dataclass(frozen=True)
class NodeProgress:
    """How far one node of a run is."""

    node: str
    total: int | None  # None: not known yet how many task runs it will have
    counts: Mapping[str, int]  # task runs by the name of their state


def progress_of(record: RunRecord) -> list[NodeProgress]:
    """Return how far each node of a run is, in the order of the flow."""
    return [
        NodeProgress(
            name,
            record.total(name),
            {KINDS[code].__name__: count for code, count in counts.items() if count},
        )
        for name, counts in record.counted().items()
    ]

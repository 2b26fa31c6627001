"""Frozen records of what happened.

`Segment` is how a block tells of its task runs: columns over a contiguous range of positions,
so that a thousand children cost one record. It is what rides on Dask's task-finished message
(without values) and what a consumer gets as input (with values).
"""

from __future__ import annotations

import pickle
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from daskflow.errors import PortableError
from daskflow.sealing import seal
from daskflow.states import Paused, State


class Length(NamedTuple):
    """What is known of a value that something maps over."""

    elements: int | None  # None: it cannot be mapped over
    why: str = ""  # it cannot
    is_large: bool = False  # too large to be sent whole to all who need a part of it
    is_text: bool = False  # to `flatten` it is one element


class Before(NamedTuple):
    """What the bodies of a task run that were called so far have left for the next one."""

    attempts: int = 0  # bodies started in this iteration
    free: int = 0  # those of them that cost no retry: they ended by `Retry` or `Pause`
    signalled: int = 0  # those of them that ended by `Retry`
    loops: int = 0  # iterations that ended
    is_resumed: bool = False  # it was paused, and may go on
    held: int = 0  # times that its result, which it brings along, could not be written
    lost: int = 0  # those of the bodies that vanished with their worker, and cost no retry either

    @property
    def ended(self) -> int:
        """Bodies that came back in this iteration, however they ended."""
        return self.attempts - self.lost

    @property
    def carries(self) -> bool:
        """Whether it goes on with a value that its block has."""
        return bool(self.loops or self.held)


NOTHING_BEFORE = Before()
FIRST_CALL = Before(1)


class StoredResult(NamedTuple):
    """Where a durable result lies, and how it is read: all that a history keeps of it."""

    url: str  # of its file
    codec: str  # name of the serializer
    checksum: str  # of the file's bytes
    size: int  # bytes of the file
    told: str = ""  # what it is, for people: its type and its shape


class Note(NamedTuple):
    """What is worth saying of a task run beyond its state's kind; most have none."""

    message: str = ""
    due: float | None = None  # Retrying, Paused: the instant at which it goes on by itself
    failure: bytes | BaseException | None = None  # the exception; pickled where it traveled
    trace: str = ""  # its traceback as text
    reason: str = ""  # Crashed: how
    length: Length | None = None  # where something maps over the value
    before: Before | None = None  # where it will go on, or had iterations
    stored: StoredResult | None = None  # where the value lies, where that is durable
    digests: Mapping[str, str] | None = None  # of what its cache key was made of, by what that was
    worker: str = ""  # Crashed because that was lost

    def exception(self) -> BaseException | None:
        """Return the exception that ended an attempt; None where none did."""
        if not isinstance(self.failure, bytes):
            return self.failure
        try:
            error: BaseException = pickle.loads(self.failure)
        except Exception as reason:  # noqa: BLE001 - its class is known only where it was raised
            return PortableError(
                f"{self.message} (cannot be unpickled here: {reason})\n{self.trace}"
            )
        return error


@dataclass(slots=True)
class Segment:
    """The task runs of a node at the positions from `start` on.

    An unmapped task run is a segment of one. Filled by the shim, left alone afterwards.
    """

    node: str
    start: int  # position in the node's index space; 0 for an unmapped task run
    codes: bytearray = field(default_factory=bytearray)  # kind of state
    attempts: array[int] = field(default_factory=lambda: array("H"))  # from 1; 0: no body started
    started: array[float] = field(default_factory=lambda: array("d"))  # instants; 0.0: never
    ended: array[float] = field(default_factory=lambda: array("d"))
    smalls: list[bytes | None] = field(default_factory=list)  # pickled small results
    notes: dict[int, Note] = field(default_factory=dict)  # by offset from start
    # by offset; what a consumer gets, or where it is not finished, its own next iteration
    values: dict[int, Any] | None = field(default_factory=dict)
    is_kept: bool = False  # it is from the driver: small results stand for their values

    @property
    def stop(self) -> int:
        """The position behind the last one."""
        return self.start + len(self.codes)

    def parts(self) -> Iterator[Segment]:
        """Return it node by node: of one node it is one already."""
        yield self

    def part(self, _: str) -> Segment:
        """Return what it tells of a node that it tells of."""
        return self

    def nodes(self) -> Collection[str]:
        """Return the nodes that it tells of."""
        return (self.node,)

    def offset_of(self, node: str, position: int) -> int | None:
        """Return where it tells of a task run; None: nowhere."""
        offset = position - self.start
        return offset if node == self.node and 0 <= offset < len(self.codes) else None

    def without_values(self) -> Segment:
        """Return the same report without the values."""
        return Segment(
            self.node,
            self.start,
            self.codes,
            self.attempts,
            self.started,
            self.ended,
            self.smalls,
            self.notes,
            None,
        )

    def between(self, start: int, stop: int) -> Segment:
        """Return what it tells from one offset up to another, without the values.

        Another thread may be filling it behind these.
        """
        here, places = slice(start, stop), range(start, stop) if self.notes else ()
        notes = {at - start: self.notes[at] for at in places if at in self.notes}
        return Segment(
            self.node,
            self.start + start,
            self.codes[here],
            self.attempts[here],
            self.started[here],
            self.ended[here],
            self.smalls[here],
            notes,
            None,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as primitives; the small results stay behind where the values come along."""
        smalls = self.smalls if self.values is None or self.is_kept else []
        columns = (self.attempts.tobytes(), self.started.tobytes(), self.ended.tobytes())
        notes = {offset: tuple(note) for offset, note in self.notes.items()}
        return _segment_of, (
            self.node,
            self.start,
            bytes(self.codes),
            *columns,
            smalls,
            notes,
            self.values and {offset: seal(value) for offset, value in self.values.items()},
            self.is_kept,
        )


@dataclass(slots=True)
class Stretch(Segment):
    """The task runs of many nodes that are not mapped, one of each, as a block walked them.

    It has columns like any segment, and no node of its own: what stands at an offset is of the node
    that `places` has there. So a chain of a thousand nodes costs one record too.
    """

    node: str = ""
    start: int = 0
    places: dict[str, int] = field(default_factory=dict)  # offset by node, in the columns' order

    def parts(self) -> Iterator[Segment]:
        """Return it node by node."""
        return map(self.part, self.places)

    def nodes(self) -> Collection[str]:
        """Return the nodes that it tells of."""
        return self.places.keys()

    def part(self, node: str) -> Segment:
        """Return what it tells of a node."""
        at = self.places[node]
        here = slice(at, at + 1)
        values = self.values
        return Segment(
            node,
            0,
            self.codes[here],
            self.attempts[here],
            self.started[here],
            self.ended[here],
            self.smalls[here],
            {0: self.notes[at]} if at in self.notes else {},
            {0: values[at]} if values and at in values else None if values is None else {},
        )

    def offset_of(self, node: str, position: int) -> int | None:
        """Return where it tells of a task run; None: nowhere."""
        return self.places.get(node)

    def without_values(self) -> Segment:
        """Return the same report without the values."""
        return replace(self, values=None)

    def between(self, start: int, stop: int) -> Segment:
        """Return what it tells from one offset up to another, without the values."""
        part = Segment.between(self, start, stop)
        nodes = list(self.places)[start:stop]
        columns = {name: getattr(part, name) for name in Segment.__slots__}
        columns |= {"start": 0, "places": dict(zip(nodes, range(len(nodes)), strict=True))}
        return Stretch(**columns)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as primitives."""
        _, columns = Segment.__reduce__(self)
        return _stretch_of, (list(self.places), columns)


def _stretch_of(nodes: list[str], columns: tuple[Any, ...]) -> Stretch:
    told = _segment_of(*columns)
    places = dict(zip(nodes, range(len(nodes)), strict=True))
    return Stretch(places=places, **{name: getattr(told, name) for name in Segment.__slots__})


def left_behind(segment: Segment, offset: int) -> Before:
    """Return what a task run that is not finished has left for its next body.

    Whoever calls that has waited for whatever it waits for, so a pause is over then.
    """
    note = segment.notes.get(offset)
    before = note.before if note is not None else None
    before = before or Before(segment.attempts[offset])
    is_paused = segment.codes[offset] == Paused.code
    return before._replace(is_resumed=True) if is_paused else before


def _segment_of(  # noqa: PLR0913, PLR0917 - a column each
    node: str,
    start: int,
    codes: bytes,
    attempts: bytes,
    started: bytes,
    ended: bytes,
    smalls: list[bytes | None],
    notes: dict[int, tuple[Any, ...]],
    values: dict[int, Any] | None,
    is_kept: bool = False,  # noqa: FBT001, FBT002 - pickle hands it over by place
) -> Segment:
    return Segment(
        node,
        start,
        bytearray(codes),
        array("H", attempts),
        array("d", started),
        array("d", ended),
        smalls,
        {offset: Note(*note) for offset, note in notes.items()},
        values,
        is_kept,
    )


Span = tuple[str, int, int]  # task runs of a node, from one position up to another


class Begun(NamedTuple):
    """A task run whose body runs."""

    node: str
    position: int
    attempt: int  # from 1
    started: float  # instant


class Meanwhile(NamedTuple):
    """What a block tells of itself while it goes on."""

    segments: tuple[Segment, ...] = ()  # what has ended, and was not told of
    given_back: Sequence[Span] = ()  # what it will not begin any more
    begun: Begun | None = None  # what takes long
    is_late: bool = False  # whether its time is over, and so nothing is to wait behind it


Tell = Callable[[Meanwhile], None]


# In place of the place in a block's walk, counted from 1, that was at work when it was lost:
UNKNOWN = -3  # nobody knows whether anything of it was begun
NOT_BEGUN = -2
ENDED = -1  # all that would run of it had run, and was not told of
AT_BEGIN = 0  # it was being unpacked


class Fate(NamedTuple):
    """How a block was lost, as far as that is known."""

    worker: str = ""  # address of the one that is gone
    story: str = "nobody knows how"  # for people: who it was, and what became of it
    reason: str = "worker lost"  # of what is Crashed for it
    place: int = UNKNOWN  # in the block's walk
    beside: int = 1  # other blocks, of any run, that were at work there, or may have been
    kin: int = 1  # those of them that are of the same run
    is_expected: bool = False  # the worker left in order


@dataclass(frozen=True, slots=True)
class Report:
    """What the driver is told of one block, by whoever saw it end.

    Of what it has not begun a block tells nothing; that may be told before it ends, and so may what
    has ended in it while something else in it takes long.
    """

    run_id: str
    block: int  # number of the block in its run
    worker: str  # address or name of who ran it
    segments: tuple[Segment, ...] = ()  # empty: nothing came back, see error
    error: str = ""  # why nothing came back
    is_origin: bool = True  # False: it did not run because a block before it did not come back
    fate: Fate | None = None  # it was taken from its worker, and is hollow now: its values are gone
    is_early: bool = False  # it goes on, and will tell the rest when it ends
    given_back: Sequence[Span] = ()  # early: what it will not begin any more
    begun: Begun | None = None  # early: what it is at, which takes long


@dataclass(frozen=True, slots=True)
class Complaint:
    """A block that nobody can run, as things are: it waits until the executor has who can."""

    run_id: str
    block: int
    message: str  # what it asks for, and what there is instead


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A flow run or a task run came into a new state.

    For task runs only what was not happy is told one by one (the rest is in `FlowRun.task_runs`).
    A `Pending` with a message is no change: that task waits for a worker that is not there.
    """

    at: float  # instant, seconds since the epoch
    name: str  # of the flow run, or node[index] of the task run
    state: State

"""What is known of all task runs of a flow run, in columns: how it is kept, and how it is read.

A child of a mapped task is an entry in each column, some forty bytes, and becomes an object only
when somebody looks at it. Who changes what is here is `runtime.record`, and behind a resume
`runtime.restoring`.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

from daskflow.context import run_label
from daskflow.definition.nodes import ROOT, FlowGraph
from daskflow.events import Length, Note, Segment, StateChanged, Stretch
from daskflow.graph import Edge
from daskflow.lowering.known import OWNED, Column, Key, Known, open_spaces
from daskflow.lowering.links import Link, link_of
from daskflow.lowering.needs import passed_on
from daskflow.lowering.spaces import Below, Space
from daskflow.runtime.verdict import Outcome
from daskflow.states import (
    FAILED,
    FINISHED,
    KINDS,
    Crashed,
    Mapped,
    Pending,
    Running,
    Scheduled,
    State,
    Success,
    make_state,
)
from daskflow.timing import as_datetime

_NO_BLOCK, _NO_ATTEMPT, _NEVER = array("l", [0]), array("H", [0]), array("d", [0.0])
_NONE: dict[Any, Any] = {}  # nothing is ever put into it
_OWNED = re.compile(re.escape(bytes([OWNED])) + b"+", re.DOTALL)


@dataclass(slots=True)
class NodeRecord(Column):
    """One node's column with all that people may ask."""

    started: array[float] = field(default_factory=lambda: array("d"))  # of the last attempt
    ended: array[float] = field(default_factory=lambda: array("d"))
    smalls: list[bytes | None] = field(default_factory=list)
    notes: dict[int, Note] = field(default_factory=dict)
    # task runs by the code of their state; of a node that is not mapped its code tells, see `tally`
    counts: dict[int, int] = field(default_factory=partial(defaultdict, int))

    @classmethod
    def of_one(cls, space: Space) -> NodeRecord:
        """Return the record of a node that is not mapped."""
        # copies of columns of one zero are the cheapest way to them: there may be very many nodes
        columns = bytearray(1), _NO_BLOCK[:], _NO_ATTEMPT[:]
        rest: tuple[Any, ...] = {}, {}, _NONE, {}, set(), _NEVER[:], _NEVER[:], [None], {}, _NONE
        return cls(space, *columns, *rest)

    def grow(self) -> int:
        """Make room for all positions of the space; return how many came."""
        more = self.space.size - len(self.codes)
        self.started.extend([0.0] * more)
        self.ended.extend([0.0] * more)
        self.smalls.extend([None] * more)
        self.counts[Pending.code] += more
        return Column.grow(self)

    def own(self, number: int, start: int, stop: int) -> None:
        """Note that a block has these task runs."""
        if start + 1 == stop:
            self.codes[start], self.blocks[start] = OWNED, number
        else:
            self.codes[start:stop] = bytes([OWNED]) * (stop - start)
            self.blocks[start:stop] = array("l", [number]) * (stop - start)

    def shift(self, old: int, new: int, count: int = 1) -> None:
        """Note that so many task runs came from one kind of state into another, by their codes."""
        if self.space.level:
            self.counts[old] -= count
            self.counts[new] += count

    def recount(self, old: bytes | bytearray, new: bytes | bytearray) -> None:
        """Note that the codes of a range of task runs became others."""
        for code in {*old, *new} if self.space.level else ():
            self.counts[code] += new.count(code) - old.count(code)

    def tally(self) -> dict[int, int]:
        """Return how many task runs there are of each kind of state that was ever counted."""
        if self.space.level:
            return dict(self.counts)
        code = self.codes[0]
        return {Pending.code if code == OWNED else code: 1}


def is_news(before: int, after: int) -> bool:
    """Return whether a history tells of a change from one state to another, by their codes."""
    return after != Success.code or before != Pending.code


def running_on(worker: str, started: float, attempt: int) -> Running:
    """Return the state of a task run whose body runs, since an instant, on a worker."""
    return Running(f"{_ON}{worker}" if worker else "", as_datetime(started), attempt)


def worker_of(running: Running) -> str:
    """Return the worker that such a state names; empty: none.

    Examples
    --------
    >>> worker_of(running_on("tcp://127.0.0.1:40001", 0.0, 1))
    'tcp://127.0.0.1:40001'
    """
    return running.message.removeprefix(_ON)


_ON = "on "


class Columns:
    """All task runs of a flow run, node by node."""

    def __init__(self, graph: FlowGraph) -> None:
        self.graph = graph
        self.spaces = open_spaces(graph)
        self.nodes: dict[str, NodeRecord] = {
            name: NodeRecord(self.spaces[node.space])
            if node.space
            else NodeRecord.of_one(self.spaces[ROOT])
            for name, node in graph.nodes.items()
        }
        self.known = Known(self.nodes, self.spaces)
        self.keys: dict[int, Key] = {}  # of blocks by number
        self.workers: dict[int, str] = {}  # who ran a block
        # what is in blocks up to this number is kept of the run that this one repeats
        self.heritage = 0
        self.lengths: dict[str, dict[int, Length]] = {}  # of values that something maps over
        self.events: list[StateChanged] = []  # what was not to be expected
        self.running: dict[tuple[str, int], Running] = {}  # bodies that take long

    def parent_index(self, space: str, parent: int) -> tuple[int, ...]:
        """Return the map index of a place in the space around another one."""
        return self.spaces[self.graph.spaces[space].parent].index_of(parent)

    def given(self, name: str, positions: range) -> Segment:
        """Return what consumers get of finished task runs whose blocks are not on the executor.

        That is so behind a resume: values are those that were kept.
        """
        record = self.nodes[name]
        start, stop = positions.start, positions.stop
        notes = {p - start: record.notes[p] for p in positions if p in record.notes}
        values: dict[int, Any] = {
            offset: note.stored for offset, note in notes.items() if note.stored is not None
        }
        codes = record.codes[start:stop]
        failed = (
            (o for o, code in enumerate(codes) if code in FAILED) if FAILED & set(codes) else ()
        )
        values |= {offset: self._stand_in(name, start + offset) for offset in failed}
        return Segment(
            name,
            start,
            codes,
            record.attempts[start:stop],
            record.started[start:stop],
            record.ended[start:stop],
            record.smalls[start:stop],
            notes,
            values,
            is_kept=True,
        )

    def _stand_in(self, name: str, position: int) -> Any:
        state = self.state(name, position)
        return passed_on(state, run_label(name, self.index(name, position)))

    def index(self, name: str, position: int) -> tuple[int, ...]:
        """Return the map index of the task run at a position."""
        return self.nodes[name].space.index_of(position)

    def node_state(self, name: str, index: tuple[int, ...] = ()) -> State:
        """Return the state of a node, or of what is below a map index: Mapped with its children."""
        chain = self.nodes[name].space.chain()
        above = chain[len(index)].find(index)
        if above is None:
            return chain[len(index)].missing(index) or Pending()
        if len(chain) == len(index) + 1:
            return self.state(name, above)
        lanes = chain[len(index) + 1]
        if above in lanes.decided:
            return lanes.decided[above]
        if above not in lanes.children:
            return Pending()
        width = lanes.children[above][1]
        return Mapped(children=tuple(self.node_state(name, (*index, i)) for i in range(width)))

    def state(self, name: str, position: int) -> State:
        """Return the state of one task run."""
        record = self.nodes[name]
        if position in record.states:
            return record.states[position]
        if (running := self.running.get((name, position))) is not None:
            return running
        if position >= len(record.codes):  # for who reads while the driver makes room
            return Pending()
        code = record.codes[position]
        if code == OWNED:
            return Pending(attempt=record.attempts[position])
        fields: dict[str, Any] = {"attempt": record.attempts[position]}
        if record.ended[position]:
            fields["timestamp"] = as_datetime(record.ended[position])
        note = record.notes.get(position)
        kind = KINDS[code]
        if note is not None:
            fields["message"] = note.message
            if kind is Crashed:
                fields["reason"] = note.reason
            if code in FAILED:
                fields["exception"] = note.exception()
            if issubclass(kind, Scheduled) and note.due is not None:
                fields["scheduled_for"] = as_datetime(note.due)
        return make_state(code, **fields)

    def counted(self) -> dict[str, Counter[int]]:
        """Return how many task runs of each node are in which state, by its code.

        Of those that run only those are known that take long; others are Pending until they end.
        """
        found = {name: Counter(node.tally()) for name, node in list(self.nodes.items())}
        for name, code in self.seen_running():
            found[name][code] -= 1
            found[name][Running.code] += 1
        return found

    def seen_running(self) -> Iterator[tuple[str, int]]:
        """Return the node of each task run that is known to run, and as what it is counted."""
        for name, position in list(self.running):  # the driver may be at work
            code = self.nodes[name].codes[position]
            if code not in FINISHED:
                yield name, Pending.code if code == OWNED else code

    def width(self, name: str, index: tuple[int, ...] = ()) -> int:
        """Return how many children there are below a map index."""
        chain = self.nodes[name].space.chain()
        above = chain[len(index)].find(index)
        return 0 if above is None else chain[len(index) + 1].children.get(above, (0, 0))[1]

    def decided(self, name: str) -> Iterator[tuple[tuple[int, ...], State]]:
        """Return the map indexes at which a node has no task runs, and the states that tell why."""
        chain = self.nodes[name].space.chain()
        for around, space in pairwise(chain):
            for parent, state in space.decided.items():
                yield around.index_of(parent), state

    def total(self, name: str) -> int | None:
        """Return how many task runs a node has; None where it is not known yet.

        Mapped nodes that ended without children count as one.
        """
        space = self.nodes[name].space
        ended = sum(len(each.decided) for each in space.chain())
        return space.size + ended if space.is_complete() else None

    def outcome(self, name: str) -> Outcome:
        """Return how the task runs of a node ended, for the verdict."""
        record = self.nodes[name]
        codes = bytes([state.code for _, state in self.decided(name)]) + bytes(record.codes)
        return Outcome(codes, [run_label(*found) for found in self.failed([name])])

    def failed(self, names: Iterable[str]) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Return node and map index of what failed of these nodes, in order."""
        for name in names:
            record = self.nodes[name]
            found = [index for index, state in self.decided(name) if state.is_failed()]
            positions = (place for place, code in enumerate(record.codes) if code in FAILED)
            found.extend(map(record.space.index_of, positions))
            yield from ((name, index) for index in sorted(found))

    def is_complete(self, name: str) -> bool:
        """Return whether all task runs of a node are known, and finished."""
        record = self.nodes[name]
        if not record.space.level:
            return record.codes[0] in FINISHED
        done = sum(map(record.counts.__getitem__, FINISHED))
        return record.space.is_complete() and done == self.total(name)

    def upstream_is_finished(self, name: str, position: int) -> bool:
        """Return whether all that a task run waits for is finished, as far as the record knows."""
        for edge in self.graph.upstream(name):
            link = link_of(self.graph, edge, self.spaces)
            if link.is_whole:
                if not self.is_complete(edge.upstream):
                    return False
                continue
            codes = self.nodes[edge.upstream].codes
            below = self._below(link, position)
            if not below.is_complete or any(codes[p] not in FINISHED for p in below.positions()):
                return False
        return True

    def below(self, edge: Edge, position: int) -> Below:
        """Return the upstream task runs on one way, of the task run at a position."""
        return self._below(link_of(self.graph, edge, self.spaces), position)

    def _below(self, link: Link, position: int) -> Below:
        mine, theirs = self.nodes[link.edge.downstream].space, self.nodes[link.edge.upstream].space
        return link.below(position, mine, theirs)

    def inherited(self) -> int:
        """Return how many task runs are kept of the run that this one repeats."""
        nodes = self.nodes.values() if self.heritage else ()
        return sum(
            0 < block <= self.heritage and code in FINISHED
            for node in nodes
            for block, code in zip(node.blocks, node.codes, strict=True)
        )

    def owned_ranges(
        self, name: str, block: int, start: int, stop: int
    ) -> Iterator[tuple[int, int]]:
        """Return the ranges of a node that a block has taken and not told of, within bounds."""
        record = self.nodes[name]
        for match in _OWNED.finditer(record.codes, start, stop):
            a, b = match.span()
            if record.blocks[a:b].count(block) == b - a:
                yield a, b
            else:
                yield from ((p, p + 1) for p in range(a, b) if record.blocks[p] == block)

    def take_stretch(self, stretch: Stretch) -> None:
        """Let the columns of nodes that are not mapped be what a stretch says."""
        for name in stretch.places if self.running else ():
            self.running.pop((name, 0), None)
        codes, attempts, smalls = stretch.codes, stretch.attempts, stretch.smalls
        started, ended = stretch.started, stretch.ended
        for name, at in stretch.places.items():
            record = self.nodes[name]
            record.codes[0] = codes[at]
            record.attempts[0] = attempts[at]
            record.started[0] = started[at]
            record.ended[0] = ended[at]
            record.smalls[0] = smalls[at] if smalls else None
            if record.notes:  # those of an earlier attempt are over
                record.notes.clear()
            if at in stretch.notes:
                record.notes[0] = stretch.notes[at]

    def take(self, segment: Segment) -> NodeRecord:
        """Let the columns of a node be what a segment says."""
        record = self.nodes[segment.node]
        start, stop = segment.start, segment.stop
        for position in range(start, stop) if self.running else ():
            self.running.pop((segment.node, position), None)
        record.codes[start:stop] = segment.codes
        record.attempts[start:stop] = segment.attempts
        record.started[start:stop] = segment.started
        record.ended[start:stop] = segment.ended
        record.smalls[start:stop] = segment.smalls or [None] * len(segment.codes)
        if record.notes:  # those of an earlier attempt are over
            for position in range(start, stop):
                record.notes.pop(position, None)
        for offset, note in segment.notes.items():
            record.notes[start + offset] = note
        return record

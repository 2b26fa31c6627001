"""The record of one flow run: every task run's state, in columns. The driver's thread owns it.

Other threads may read. A child of a mapped task is an entry in each column, some forty bytes, and
becomes an object only when somebody looks at it.
"""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from daskflow.context import run_label
from daskflow.events import Note, Report, Segment, StateChanged
from daskflow.graph import Graph
from daskflow.lowering.known import OWNED, Column, Key
from daskflow.lowering.plan import Plan
from daskflow.nodes import NodeSpec
from daskflow.runtime.holding import Holding
from daskflow.states import (
    DRIVER_MOVES,
    FAILED,
    FINISHED,
    KINDS,
    SHIM_MOVES,
    Cancelled,
    Crashed,
    Mapped,
    Pending,
    Retrying,
    Running,
    Scheduled,
    State,
    Success,
    check_move,
    make_state,
)
from daskflow.timing import as_datetime, now

_MOST_STRIKES = 3  # times a task run may be given back though all before it is finished


@dataclass(slots=True)
class NodeRecord(Column):
    """One node's column with all that people may ask."""

    started: array[float] = field(default_factory=lambda: array("d"))  # of the last attempt
    ended: array[float] = field(default_factory=lambda: array("d"))
    smalls: list[bytes | None] = field(default_factory=list)
    notes: dict[int, Note] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)  # task runs by the code of their state

    def widen(self, width: int) -> None:
        """Make room for the children."""
        Column.widen(self, width)
        self.started = array("d", bytes(8 * width))
        self.ended = array("d", bytes(8 * width))
        self.smalls = [None] * width
        self.counts = Counter({Pending.code: width})


class RunRecord:
    """All task runs of a flow run."""

    def __init__(self, graph: Graph[NodeSpec], kept: frozenset[str]) -> None:
        self.graph = graph
        self.nodes: dict[str, NodeRecord] = {}
        self.keys: dict[int, Key] = {}  # of blocks by number
        self.workers: dict[int, str] = {}  # who ran a block
        self.lengths: dict[str, int | str] = {}  # of values that something maps over
        self.events: list[StateChanged] = []
        self.holding = Holding(graph, kept)
        self.in_flight: set[int] = set()  # blocks that have not reported
        self.open = 0  # task runs that are in no block and wait for no instant
        self.undecided: set[str] = set()  # mapped nodes without children yet
        self._due: list[tuple[float, str, int]] = []  # heap of retries
        self._awaited: dict[str, bool] | None = (
            None  # what open task runs wait for; None: not known
        )
        self._strikes: Counter[tuple[str, int]] = Counter()  # times given back without a reason
        for name, node in graph.nodes.items():
            record = self.nodes[name] = NodeRecord()
            if node.is_mapped:
                self.undecided.add(name)
            else:
                record.widen(1)
                self.open += 1

    def take_plan(self, plan: Plan) -> None:
        """Note what a plan decided and which task runs its blocks own."""
        self._awaited = None
        for name, width in plan.widths.items():
            self.nodes[name].widen(width)
            self.undecided.discard(name)
            self.open += width
            if not width:
                self.holding.fully_lowered(name)
        for name, state in plan.decided.items():
            self.decide(name, state)
        touched: set[str] = set()
        for block in plan.blocks:
            self.keys[block.number] = block.key
            self.in_flight.add(block.number)
            self.holding.add(block)
            for strip in block.strips:
                touched.update(strip.nodes)
                for name in strip.nodes:
                    self._own(self.nodes[name], block.number, strip.start, strip.stop)
        for name in touched:
            record = self.nodes[name]
            if record.blocks.count(0) == len(record.states):  # those that ended here have none
                self.holding.fully_lowered(name)

    def decide(self, name: str, state: State) -> None:
        """Note that a mapped node ended without children."""
        check_move(Pending.code, state.code, name, DRIVER_MOVES)
        record = self.nodes[name]
        record.decided = replace(state, timestamp=as_datetime(now()))
        record.counts = Counter({state.code: 1})
        self.undecided.discard(name)
        self.holding.fully_lowered(name)
        self._tell(name, (), record.decided)

    def _own(self, record: NodeRecord, number: int, start: int, stop: int) -> None:
        length = stop - start
        record.codes[start:stop] = bytes([OWNED]) * length
        record.blocks[start:stop] = array("l", [number]) * length
        self.open -= length

    def fold(self, report: Report) -> None:
        """Take in what became of a block; what it does not own any more is dropped."""
        if report.block not in self.in_flight:
            return
        self.in_flight.discard(report.block)
        self.workers[report.block] = report.worker
        for segment in report.segments:
            self._fold_segment(report.block, segment)
        if report.error:
            self._fold_error(report)

    def _fold_segment(self, block: int, segment: Segment) -> None:
        record = self.nodes[segment.node]
        start, stop = segment.start, segment.stop
        record.codes[start:stop] = segment.codes
        record.attempts[start:stop] = segment.attempts
        record.started[start:stop] = segment.started
        record.ended[start:stop] = segment.ended
        record.smalls[start:stop] = segment.smalls
        if record.notes:  # those of an earlier attempt are over
            for position in range(start, stop):
                record.notes.pop(position, None)
        for offset, note in segment.notes.items():
            record.notes[start + offset] = note
        kinds = set(segment.codes)
        for code in kinds:
            count = segment.codes.count(code)
            record.counts[code] += count
            record.counts[Pending.code] -= count
        finished = sum(segment.codes.count(code) for code in kinds & FINISHED)
        runs = ((segment.node, position) for position in range(start, stop))
        self.holding.finished(block, finished, runs)
        if kinds != {Success.code}:
            self._fold_unhappy(block, segment)
        first = record.notes.get(0)
        is_measured = record.codes[0] != Crashed.code  # whose reason is of another kind
        if first is not None and is_measured and (first.length is not None or first.reason):
            self.lengths[segment.node] = first.reason if first.length is None else first.length

    def _fold_unhappy(self, block: int, segment: Segment) -> None:
        """Go one by one through a segment with more than successes in it."""
        record = self.nodes[segment.node]
        for offset, code in enumerate(segment.codes):
            if code == Success.code:
                continue
            position = segment.start + offset
            run = (segment.node, position)
            before = Running.code if segment.started[offset] else Pending.code
            check_move(before, code, run_label(*run[:1], self.index(*run)), SHIM_MOVES)
            if code == Pending.code:
                self._take_back(segment.node, position)
            elif code == Retrying.code:
                due = record.notes[position].due or 0.0
                heapq.heappush(self._due, (due, *run))
            if code not in FINISHED:
                self.holding.gave_back(block, [run])
            if code != Pending.code:
                self._tell(segment.node, self.index(*run), self.state(*run))

    def _take_back(self, name: str, position: int) -> None:
        """Open a task run again that a block gave back because an upstream was not finished.

        The record knows better now and then: the upstream was finished by another block meanwhile.
        Where it happens again and again, a value was lost and came back different: that task run
        crashes, or the run would never end.
        """
        self.nodes[name].notes.pop(position, None)
        self.open += 1
        self._awaited = None
        if self._upstream_is_finished(name, position):
            self._strikes[name, position] += 1
            if self._strikes[name, position] > _MOST_STRIKES:
                self.open -= 1
                message = "its inputs were lost, and were not finished when they were made again"
                self.crash(name, position, message, "input lost")

    def _upstream_is_finished(self, name: str, position: int) -> bool:
        return all(
            self.nodes[edge.upstream].codes[position] in FINISHED
            if edge.mapped and self.graph.nodes[edge.upstream].is_mapped
            else self._is_complete(edge.upstream)
            for edge in self.graph.upstream(name)
        )

    def _fold_error(self, report: Report) -> None:
        """Let the task runs of a block that did not come back crash, or wait if it never began."""
        for name, record in self.nodes.items():
            for position in self._owned_by(record, report.block):
                if report.is_origin:
                    self.crash(name, position, report.error)
                else:
                    record.codes[position] = Pending.code
                    self.open += 1
                    self._awaited = None
                    self.holding.gave_back(report.block, [(name, position)])

    @staticmethod
    def _owned_by(record: NodeRecord, block: int) -> list[int]:
        if block not in record.blocks:
            return []
        return [
            position
            for position, (owner, code) in enumerate(zip(record.blocks, record.codes, strict=True))
            if owner == block and code == OWNED
        ]

    def crash(self, name: str, position: int, error: str, reason: str = "block lost") -> None:
        """Note that the world failed a task run that no block can tell of any more."""
        attempt = self.nodes[name].attempts[position]
        state = Crashed(error, as_datetime(now()), attempt, reason=reason)
        self._end(name, position, state)

    def cancel_unfinished(self, message: str) -> None:
        """Note that every task run that is not finished was cancelled."""
        for name in sorted(self.undecided):
            self.decide(name, Cancelled(message))
        for name, record in self.nodes.items():
            for position, code in enumerate(record.codes):
                if code not in FINISHED:
                    self._end(name, position, Cancelled(message, as_datetime(now())))
        self.in_flight.clear()
        self._due.clear()
        self.open = 0

    def _end(self, name: str, position: int, state: State) -> None:
        record = self.nodes[name]
        block = record.blocks[position]
        old = record.codes[position]
        old = Pending.code if old == OWNED else old
        check_move(old, state.code, run_label(name, self.index(name, position)), DRIVER_MOVES)
        record.codes[position] = state.code
        record.states[position] = state
        record.notes[position] = Note(state.message)
        record.blocks[position] = 0
        record.counts[old] -= 1
        record.counts[state.code] += 1
        self.holding.finished(block, 1, [(name, position)])
        self._tell(name, self.index(name, position), state)

    def is_awaited(self, report: Report) -> bool:
        """Return whether a report may let a task run start that could not be lowered so far.

        That is so when it finishes what one of them waits for, or when the block gave back, or
        lost, what is not waiting for anything else.
        """
        if report.error:
            return True
        if self._awaited is None:
            self._awaited = self._find_awaited()
        awaited = self._awaited
        return any(
            (segment.node in awaited and (awaited[segment.node] or self._is_complete(segment.node)))
            or Pending.code in segment.codes
            for segment in report.segments
        )

    def _find_awaited(self) -> dict[str, bool]:
        """Return the nodes that task runs wait for which are in no block; True: lane by lane."""
        waiting = set(self.undecided)
        if self.open:
            waiting.update(name for name, record in self.nodes.items() if 0 in record.codes)
        found: dict[str, bool] = {}
        for name in waiting:
            for edge in self.graph.upstream(name):
                is_lane = edge.mapped and self.graph.nodes[edge.upstream].is_mapped
                found[edge.upstream] = found.get(edge.upstream, False) or is_lane
        return found

    def _is_complete(self, name: str) -> bool:
        record = self.nodes[name]
        done = sum(record.counts[code] for code in FINISHED)
        return record.decided is not None or done == record.width

    def next_due(self) -> float | None:
        """Return the instant of the next retry."""
        return self._due[0][0] if self._due else None

    def wake(self, instant: float) -> None:
        """Open the task runs whose retry is due at this instant."""
        self._awaited = None
        while self._due and self._due[0][0] <= instant:
            _, name, position = heapq.heappop(self._due)
            record = self.nodes[name]
            record.codes[position] = Pending.code
            record.counts[Retrying.code] -= 1
            record.counts[Pending.code] += 1
            self.open += 1

    def index(self, name: str, position: int) -> tuple[int, ...]:
        """Return the map index of the task run at a position."""
        return (position,) if self.graph.nodes[name].is_mapped else ()

    def node_state(self, name: str) -> State:
        """Return the state of a node: of a mapped one Mapped with its children."""
        record = self.nodes[name]
        if record.decided is not None:
            return record.decided
        if not self.graph.nodes[name].is_mapped:
            return self.state(name, 0)
        if record.width is None:
            return Pending()
        return Mapped(children=tuple(self.state(name, i) for i in range(record.width)))

    def state(self, name: str, position: int) -> State:
        """Return the state of one task run."""
        record = self.nodes[name]
        if position in record.states:
            return record.states[position]
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

    def positions(self, name: str) -> range:
        """Return the positions of a node's task runs that exist."""
        return range(self.nodes[name].width or 0)

    def failed(self, names: Iterable[str]) -> Iterator[tuple[str, int]]:
        """Return the failed task runs of these nodes, in order; position -1: the node itself."""
        for name in names:
            record = self.nodes[name]
            if record.decided is not None:
                if record.decided.is_failed():
                    yield name, -1
                continue
            for position, code in enumerate(record.codes):
                if code != OWNED and KINDS[code]().is_failed():
                    yield name, position

    def _tell(self, name: str, index: tuple[int, ...], state: State) -> None:
        self.events.append(StateChanged(now(), run_label(name, index), state))

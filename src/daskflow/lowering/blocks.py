"""Which task runs are due, how they are cut into blocks, and what each block needs.

Columns of 0 and 1 are combined as large integers, so a lane of a million children is a handful of
operations and the ranges in it are found by a regular expression, never one by one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import compress, pairwise
from typing import Any

from daskflow.context import run_label
from daskflow.errors import CrashedError, TriggerFailedError
from daskflow.events import PARENT, Note, Segment
from daskflow.graph import Edge, Graph
from daskflow.lowering.known import AtHand, Column, Key
from daskflow.lowering.order import is_lane, regions
from daskflow.lowering.plan import Block, Slice, Strip, block_key
from daskflow.mapping import take
from daskflow.nodes import LiteralRef, NodeSpec, literals_in
from daskflow.states import FAILED, State, TriggerFailed, mask_of

_ONES = re.compile(rb"\x01+")
_OPPOSITE = mask_of([0])


def both(left: bytes, right: bytes) -> bytes:
    """Return a column of 1 where both columns have 1."""
    if len(left) == 1:
        return bytes([left[0] & right[0]])
    joined = int.from_bytes(left, "big") & int.from_bytes(right, "big")
    return joined.to_bytes(len(left), "big")


def either(left: bytes, right: bytes) -> bytes:
    """Return a column of 1 where one of the columns has 1."""
    if len(left) == 1:
        return bytes([left[0] | right[0]])
    joined = int.from_bytes(left, "big") | int.from_bytes(right, "big")
    return joined.to_bytes(len(left), "big")


def ranges(column: bytes) -> Iterator[tuple[int, int]]:
    """Return the ranges of a column of 0 and 1 in which it is 1."""
    return (match.span() for match in _ONES.finditer(column))


def find_due(
    graph: Graph[NodeSpec], order: list[str], known: Mapping[str, Column]
) -> dict[str, bytes]:
    """Return for each node that has any the column of its task runs that can be lowered now.

    A task run is due when it is open and each of its upstreams is finished or due itself.
    """
    due: dict[str, bytes] = {}
    for name in order:
        column = known[name]
        if not column.width or 0 not in column.codes:
            continue
        mine = column.open()
        for edge in graph.upstream(name):
            mine = _narrow(mine, graph, edge, known[edge.upstream], due)
            if mine is None:
                break
        else:
            if 1 in mine:
                due[name] = mine
    return due


def _narrow(
    mine: bytes, graph: Graph[NodeSpec], edge: Edge, upstream: Column, due: Mapping[str, bytes]
) -> Any:
    """Return what one edge leaves of a column of open task runs; None where it leaves none."""
    if upstream.decided is not None:
        return mine
    if upstream.width is None:
        return None
    theirs = upstream.finished()
    if edge.upstream in due:
        theirs = either(theirs, due[edge.upstream])
    if is_lane(graph, edge):
        return both(mine, theirs)
    return None if 0 in theirs else mine


@dataclass
class Cutter:
    """Cuts what is due into blocks and finds what each block needs."""

    graph: Graph[NodeSpec]
    run_id: str
    known: Mapping[str, Column]
    at_hand: AtHand
    due: Mapping[str, bytes]
    stage: Mapping[str, int]
    threads: int  # worker threads on the cluster
    block_size: int | None
    number: int  # of the next block
    placed: dict[str, list[tuple[int, int, Key]]] = field(default_factory=dict)

    def cut(self) -> Iterator[Block]:
        """Return the blocks, each behind those it needs."""
        for nodes in self._regions():
            for strips in self._batches(nodes):
                yield self._block(strips)

    def _regions(self) -> list[list[str]]:
        """Return groups of nodes in an order in which groups need only earlier ones."""
        if self.block_size == 1:
            return [[name] for name in self.due]
        found = regions(self.graph, self.stage, self.due)
        return sorted(found, key=lambda nodes: self.stage[nodes[0]])

    def _batches(self, nodes: list[str]) -> Iterator[list[Strip]]:
        """Return the strips of each block of a region."""
        size = self._size(nodes)
        batch: list[Strip] = []
        room = size
        for strip in self._strips(nodes):
            start = strip.start
            while start < strip.stop:
                stop = min(strip.stop, start + room)
                batch.append(strip._replace(start=start, stop=stop))
                room -= stop - start
                start = stop
                if not room:
                    yield batch
                    batch, room = [], size
        if batch:
            yield batch

    def _size(self, nodes: list[str]) -> int:
        """Return how many positions of a region make a block."""
        if self.block_size is not None:
            return self.block_size
        longest = max(self.due[name].count(1) for name in nodes)
        return -(-longest // (4 * self.threads))

    def _strips(self, nodes: list[str]) -> Iterator[Strip]:
        """Return the stretches of a region in which the same nodes are due."""
        if len(nodes) == 1:
            for start, stop in ranges(self.due[nodes[0]]):
                yield Strip((nodes[0],), (), start, stop)
            return
        bounds = sorted({bound for n in nodes for span in ranges(self.due[n]) for bound in span})
        for start, stop in pairwise(bounds):
            here = tuple(name for name in nodes if self.due[name][start])
            if here:
                yield Strip(here, (), start, stop)

    def _block(self, strips: list[Strip]) -> Block:
        first = strips[0].nodes[0]
        key = block_key(self.graph.nodes[first].task.name, self.run_id, self.number)
        needs = _Needs(self, strips)
        needs.collect()
        block = Block(
            self.number,
            key,
            tuple(strips),
            tuple(needs.inputs),
            tuple(needs.literals),
            needs.attempts,
            tuple(needs.given.values()),
            tuple(needs.slices.values()),
        )
        for strip in strips:
            for name in strip.nodes:
                self.placed.setdefault(name, []).append((strip.start, strip.stop, key))
        self.number += 1
        return block


class _Needs:
    """What the strips of one block need from elsewhere."""

    def __init__(self, cutter: Cutter, strips: list[Strip]) -> None:
        self.cutter = cutter
        self.strips = strips
        self.inputs: dict[Key, None] = {}
        self.literals: dict[str, None] = {}
        self.given: dict[tuple[str, int], Segment] = {}
        self.slices: dict[tuple[str, int, int], Slice] = {}
        self.attempts: dict[tuple[str, int], int] = {}
        self._whole: set[str] = set()

    def collect(self) -> None:
        """Go through every argument and every edge of the task runs."""
        for strip in self.strips:
            for name in strip.nodes:
                for argument in self.cutter.graph.nodes[name].arguments:
                    for literal in literals_in(argument.form):
                        self._add_literal(literal, argument, strip)
                for edge in self.cutter.graph.upstream(name):
                    self._add_edge(edge, strip)
                self._add_attempts(name, strip)

    def _add_edge(self, edge: Edge, strip: Strip) -> None:
        if is_lane(self.cutter.graph, edge):
            if edge.upstream not in strip.nodes:
                self._add_range(edge.upstream, strip.start, strip.stop)
        elif edge.upstream not in self._whole:
            self._whole.add(edge.upstream)
            self._add_whole(edge.upstream)

    def _add_attempts(self, name: str, strip: Strip) -> None:
        attempts = self.cutter.known[name].attempts[strip.start : strip.stop]
        if any(attempts):
            for position, attempt in enumerate(attempts, strip.start):
                if attempt:
                    self.attempts[name, position] = attempt

    def _add_literal(self, literal: str, argument: Any, strip: Strip) -> None:
        if literal not in self.cutter.at_hand.large:
            return
        if argument.is_mapped and isinstance(argument.form, LiteralRef):
            place = (literal, strip.start, strip.stop)
            if place not in self.slices:
                values = take(self.cutter.at_hand.literals[literal], strip.start, strip.stop)
                self.slices[place] = Slice(literal, strip.start, values)
        else:
            self.literals[literal] = None

    def _add_whole(self, name: str) -> None:
        column = self.cutter.known[name]
        if column.decided is not None:
            self.given[name, PARENT] = given_segment(name, PARENT, column.decided, name)
        else:
            self._add_range(name, 0, column.width or 0)

    def _add_range(self, name: str, start: int, stop: int) -> None:
        """Add the blocks that have, or will have, these task runs of an upstream node."""
        placed = self.cutter.placed.get(name, ())
        at = bisect_right(placed, start, key=lambda entry: entry[1])
        while at < len(placed) and placed[at][0] < stop:
            self.inputs[placed[at][2]] = None
            at += 1
        column = self.cutter.known[name]
        numbers: Iterable[int] = column.blocks[start:stop]
        due = self.cutter.due.get(name, b"")[start:stop]
        if due:  # what runs again is not asked for where it ran before
            if 0 not in due:
                return
            numbers = compress(numbers, due.translate(_OPPOSITE))
        for number in dict.fromkeys(numbers):
            if number:
                self.inputs[self.cutter.at_hand.keys[number]] = None
        if column.states:
            for position in range(start, stop):
                state = column.states.get(position)
                if state is not None:
                    is_mapped = self.cutter.graph.nodes[name].is_mapped
                    who = run_label(name, (position,) if is_mapped else ())
                    self.given[name, position] = given_segment(name, position, state, who)


def given_segment(node: str, position: int, state: State, who: str) -> Segment:
    """Return what a consumer gets of an upstream task run that no block tells of."""
    segment = Segment(node, (), position)
    segment.codes.append(state.code)
    segment.attempts.append(state.attempt)
    segment.started.append(0.0)
    segment.ended.append(0.0)
    segment.notes[0] = Note(state.message)
    segment.values = {0: stand_in(state, who) if state.code in FAILED else None}
    return segment


def stand_in(state: State, who: str) -> BaseException:
    """Return what stands for the value of a task run that failed; `who` names it."""
    exception: BaseException | None = getattr(state, "exception", None)
    if isinstance(state, TriggerFailed):
        error = TriggerFailedError(f"{who}: {state.message}")
        error.__cause__ = exception
        return error
    return CrashedError(f"{who}: {state.message}") if exception is None else exception

"""Which task runs are due, and how they are cut into blocks.

Columns of 0 and 1 are combined as large integers, so a lane of a million children is a handful of
operations and the ranges in it are found by a regular expression, never one by one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from daskflow.definition.nodes import ROOT, FlowGraph
from daskflow.demands import Demand
from daskflow.lowering.known import Column
from daskflow.lowering.links import Link
from daskflow.lowering.needs import Needs, Pass
from daskflow.lowering.order import Links, breadth, regions
from daskflow.lowering.plan import Block, Strip, block_key
from daskflow.lowering.spaces import Space
from daskflow.states import FINISHED, Pending

_ONES = re.compile(rb"\x01+")
_PENDING, _OPEN = bytes([Pending.code]), b"\1"  # the column of one task run, and what it is


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
    graph: FlowGraph, links: Links, order: list[str], columns: Mapping[str, Column]
) -> dict[str, bytes]:
    """Return for each node that has any the column of its task runs that can be lowered now.

    Asked of nodes with open task runs, in topological order. A task run is due when it is open and
    each of its upstreams is finished or due itself.
    """
    due: dict[str, bytes] = {}
    for name in order:
        column = columns[name]
        mine = _OPEN if column.codes == _PENDING and not column.held else column.open()
        if 1 not in mine:  # all of it is held
            continue
        if column.space.level:
            ways = links[name]
        elif (mapped := _maps_before(graph, name, columns, due)) is None:
            continue
        else:
            ways = [one for one in links[name] if one.edge.upstream in mapped] if mapped else []
        for link in ways:
            upstream = columns[link.edge.upstream]
            theirs = upstream.finished()
            if link.edge.upstream in due:
                theirs = either(theirs, due[link.edge.upstream])
            mine = _narrow(mine, link, column.space, upstream.space, theirs)
            if 1 not in mine:
                break
        else:
            due[name] = mine
    return due


def _maps_before(
    graph: FlowGraph, name: str, columns: Mapping[str, Column], due: Mapping[str, bytes]
) -> list[str] | None:
    """Return the mapped nodes that one needs which is not; None: another holds it up already."""
    mapped = []
    for edge in graph.into(name):
        upstream = columns[edge.upstream]
        if upstream.space.level:
            mapped.append(edge.upstream)
        elif upstream.codes[0] not in FINISHED and edge.upstream not in due:
            return None
    return mapped


def find_named(columns: Mapping[str, Column], runs: Iterable[tuple[str, int]]) -> dict[str, bytes]:
    """Return the columns of task runs that are named, as `find_due` does."""
    found: dict[str, bytearray] = {}
    for name, position in runs:
        found.setdefault(name, bytearray(len(columns[name].codes)))[position] = 1
    return {name: bytes(column) for name, column in found.items()}


def _narrow(mine: bytes, link: Link, space: Space, their_space: Space, theirs: bytes) -> bytes:
    """Return what one link leaves of a column of open task runs.

    Parameters
    ----------
    theirs
        The upstream's column of what is finished or due.
    """
    if link.is_same:
        return both(mine, theirs)
    if link.is_whole:
        return mine if 0 not in theirs and their_space.is_complete() else bytes(len(mine))
    left = bytearray(mine)
    for start, stop in ranges(mine):
        for position in range(start, stop):
            below = link.below(position, space, their_space)
            is_ready = below.is_complete and all(0 not in theirs[a:b] for a, b in below.ranges)
            left[position] = is_ready
    return bytes(left)


# Seconds that the shim takes for a node that is not mapped, at most (20e-6 were measured): what a
# stretch gives back is lowered again, which costs more than a few blocks that are too short.
_OF_A_NODE = 100e-6


# Seconds that a worker waits for its next task where the scheduler holds that back until one before
# it has ended: two of Dask's batched sends, and what both sides do beside.
_ROUND_TRIP = 0.01


@dataclass(frozen=True, slots=True)
class Target:
    """For which run, and for how large a cluster, a plan is made."""

    run_id: str
    threads: int = 1  # worker threads on the cluster
    block_size: int | None = None  # task runs in a block; None: by the width
    first_block: int = 1  # number of the first block
    room: int = sys.maxsize  # blocks that may be made now; the rest waits for a later pass
    may_give_back: bool = False  # whether blocks may end before all of them was begun
    block_seconds: float = 0.5  # how long a block may take
    paces: Mapping[str, float] = field(default_factory=dict)  # seconds of a task run, by task
    light: frozenset[str] = frozenset()  # tasks whose pace is known, and whose values are small
    # task runs that are to run now, and on which worker; none: all that can
    homes: Mapping[tuple[str, int], str] = field(default_factory=dict)


@dataclass
class Cutter:
    """Cuts what is due into blocks and finds what each block needs."""

    now: Pass
    stage: Mapping[str, int]
    target: Target
    number: int = 0  # of the next block
    is_short: bool = False  # whether there was room for all blocks; else True
    shut: set[str] = field(default_factory=set)  # nodes that wait for a later pass

    def __post_init__(self) -> None:
        specs = self.now.graph.nodes
        is_mapped = (specs[name].space != ROOT for name in self.now.due)
        self._is_any_mapped = len(self.now.graph.spaces) > 1 and any(is_mapped)

    def cut(self) -> Iterator[Block]:
        """Return the blocks, each behind those it needs, as far as there is room."""
        self.number = self.target.first_block
        end = self.number + self.target.room
        for nodes in self._regions():
            if self._is_shut(nodes):
                self.shut.update(nodes)
                continue
            for strips in self._batches(nodes):
                if self.number >= end:
                    self.is_short = True
                    return
                yield self._block(strips)

    def _is_shut(self, nodes: list[str]) -> bool:
        """Return whether a region is to wait until what it takes is finished.

        That is so where it takes all of something mapped that is put into blocks in this pass: one
        of those may give something back, and then the values of all would have come for nothing.
        """
        if not self._is_any_mapped:  # so there is nothing to be gathered
            return False
        return any(
            link.edge.upstream in self.shut or self._is_gathered(link)
            for name in nodes
            for link in self.now.links[name]
        )

    def _is_gathered(self, link: Link) -> bool:
        upstream = link.edge.upstream
        return (
            self.target.may_give_back
            and link.is_whole
            and upstream in self.now.due
            and self.now.graph.depth(upstream) > 0
            and self._size([upstream]) > 1
        )

    def _regions(self) -> list[list[str]]:
        """Return groups of nodes in an order in which groups need only earlier ones."""
        if self.target.block_size == 1:
            return [[name] for name in self.now.due]
        found = regions(self.now.graph, self.now.links, self.stage, self.now.due)
        return sorted(found, key=lambda nodes: self.stage[nodes[0]])

    def _batches(self, nodes: list[str]) -> Iterator[list[Strip]]:
        """Return the strips of each block of a region."""
        if self._is_single(nodes):
            yield from ([Strip(stretch, 0, 1)] for stretch in self._stretches(nodes))
            return
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

    def _stretches(self, nodes: list[str]) -> Iterator[tuple[str, ...]]:
        """Cut nodes that are not mapped into stretches."""
        size = self._size(nodes)
        for begin in range(0, len(nodes), size):
            yield tuple(nodes[begin : begin + size])

    def _size(self, nodes: list[str]) -> int:
        """Return how many positions of a region, or nodes that are not mapped, make a block.

        Of the latter there are no more blocks than can run at a time: others would only wait.
        """
        if self.target.block_size is not None:
            return self.target.block_size
        specs, known = self.now.graph.nodes, self.target.paces
        paces = [known.get(specs[n].task.name, 0.0) for n in nodes] if known else []
        many = 4 * self.target.threads
        if self._is_single(nodes):
            longest, seconds = len(nodes), sum(paces) / len(nodes) + _OF_A_NODE
            many = min(many, breadth(self.now.graph, nodes))
        else:
            longest, seconds = max(self.now.due[n].count(1) for n in nodes), sum(paces)
        size = -(-longest // many)
        return max(1, min(size, int(self.target.block_seconds / seconds))) if seconds else size

    def _is_single(self, nodes: list[str]) -> bool:
        """Return whether the nodes of a region are not mapped."""
        return self.now.graph.nodes[nodes[0]].space == ROOT

    def _strips(self, nodes: list[str]) -> Iterator[Strip]:
        """Return the stretches of a region in which the same nodes are due."""
        if len(nodes) == 1:
            for start, stop in ranges(self.now.due[nodes[0]]):
                yield Strip((nodes[0],), start, stop)
            return
        bounds = sorted(
            {bound for n in nodes for span in ranges(self.now.due[n]) for bound in span}
        )
        for start, stop in pairwise(bounds):
            here = tuple(name for name in nodes if self.now.due[name][start])
            if here:
                yield Strip(here, start, stop)

    def _block(self, strips: list[Strip]) -> Block:
        task = self.now.graph.nodes[strips[0].nodes[0]].task
        needs = Needs(self.now, strips)
        needs.collect()
        group = self.number // self.target.threads if self._is_sent_at_once(strips, needs) else None
        key = block_key(task.name, self.target.run_id, self.number, group)
        block = Block(
            self.number,
            key,
            tuple(strips),
            tuple(needs.inputs),
            tuple(needs.literals),
            needs.before,
            tuple({id(segment): segment for segment in needs.given.values()}.values()),
            tuple(needs.slices.values()),
            needs.spaces.parts(),
            tuple(needs.portions),
            self._demand(strips[0], task.rules.demand),
        )
        for strip in strips:
            for name in strip.nodes:
                self.now.placed.setdefault(name, []).append((strip.start, strip.stop, key))
        self.number += 1
        return block

    def _is_sent_at_once(self, strips: list[Strip], needs: Needs) -> bool:
        """Return whether Dask is to send a block at once, though workers have enough to do.

        That it holds back what needs nothing keeps values from piling up; the window does that too,
        and where they are small they may. And a worker is not to wait for longer than it works.
        """
        if not self.target.light or needs.inputs or needs.literals or needs.portions:
            return False
        seconds = 0.0
        for strip in strips:
            tasks = [self.now.graph.nodes[name].task.name for name in strip.nodes]
            if not self.target.light.issuperset(tasks):
                return False
            seconds += (strip.stop - strip.start) * sum(map(self.target.paces.__getitem__, tasks))
        return seconds < _ROUND_TRIP

    def _demand(self, strip: Strip, demand: Demand) -> Demand:
        """Return what a block demands; where it is sent home, to be there, if that is still there.

        Else it would wait for a worker that never comes back.
        """
        home = self.target.homes.get((strip.nodes[0], strip.start))
        return demand._replace(workers=(home,), is_wish=True) if home else demand

"""Which task runs one depends on, in a run that was read. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from daskflow.context import run_label
from daskflow.definition.nodes import NodeRef, node_refs
from daskflow.lowering.links import link_of
from daskflow.lowering.spaces import Below, Space
from daskflow.runtime.record import RunRecord
from daskflow.states import KINDS, Pending, State

Index = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A task run, or all that are below a map index."""

    node: str
    index: Index

    def __str__(self) -> str:
        return run_label(self.node, self.index)


def position_of(record: RunRecord, place: Place) -> int | None:
    """Return the position of a task run; None: it is none, or is not there yet."""
    space = record.nodes[place.node].space
    if len(place.index) < space.level:
        return None
    position = space.find(place.index)
    return position if position is not None and position < space.size else None


def state_of(record: RunRecord, place: Place) -> State:
    """Return the state of what is at a place, or will be."""
    space = record.nodes[place.node].space
    if len(place.index) == space.level and position_of(record, place) is None:
        return space.missing(place.index) or Pending()
    return record.node_state(place.node, place.index)


def upstream_of(record: RunRecord, place: Place) -> Iterator[tuple[Place, State]]:
    """Return what a task run waits for, in the order of its arguments.

    Where its node has no task runs there yet: what its index space takes its width from.
    """
    position = position_of(record, place)
    if position is None:
        yield from _before_opening(record, place)
        return
    mine = record.nodes[place.node].space
    for edge in record.graph.upstream(place.node):
        theirs = record.nodes[edge.upstream].space
        link = link_of(record.graph, edge, record.spaces)
        yield from _below(record, edge.upstream, link.below(position, mine, theirs))
        picked = link.pick(position, mine, theirs)
        if not link.below(position, mine, theirs).is_complete:
            place_above = Place(edge.upstream, picked)
            yield place_above, state_of(record, place_above)


def _before_opening(record: RunRecord, place: Place) -> Iterator[tuple[Place, State]]:
    """Return what is asked before the first index space opens that is not there yet."""
    spec = record.graph.spaces[_closed(record, place)]
    givers = (ref for giver in spec.givers for ref in node_refs(giver.form))
    for ref in (*givers, *spec.gates):
        picked = _picked(ref, place.index)
        theirs = record.nodes[ref.name].space
        if len(picked) <= theirs.level:
            yield from _below(record, ref.name, theirs.below(picked))


def _closed(record: RunRecord, place: Place) -> str:
    """Return the outermost index space around a node that has no places for an index."""
    names = record.graph.around(record.graph.nodes[place.node].space)
    for depth, name in enumerate(names):
        around: Space | None = record.spaces[name].parent
        above = around.find(place.index[:depth]) if around is not None else None
        if above is None or above not in record.spaces[name].children:
            return name
    return names[-1]


def _picked(ref: NodeRef, index: Index) -> Index:
    return tuple(index[level] for level in ref.levels if level < len(index))


def _below(record: RunRecord, node: str, below: Below) -> Iterator[tuple[Place, State]]:
    space = record.nodes[node].space
    for index, state in below.decided.items():
        yield Place(node, index), state
    for start, stop in below.ranges:
        codes = record.nodes[node].codes
        for position in range(start, min(stop, len(codes))):
            yield Place(node, space.index_of(position)), KINDS[codes[position]]()

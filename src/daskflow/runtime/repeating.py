"""Which task runs of a run that was are repeated in a new one, and the history the new one gets.

What is repeated is found lane by lane, in the order of the flow: a task run whose state is not
kept, all that was asked for, and whatever hangs on one of them. An index space is kept with its
positions as long as nothing that gave its width, or let it open, is repeated; else all in it comes
into being anew. A resource that was cleaned up is set up again where something in its ``with`` is
repeated. What is left is written down as the beginning of the new run's history.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import groupby, pairwise

from daskflow.definition.nodes import ROOT, Giver, NodeRef, SpaceSpec
from daskflow.entries import Entry, SegmentTold, SpaceEnded, SpaceOpened, TaskRunMoved
from daskflow.events import Note, Segment, StoredResult
from daskflow.graph import Edge
from daskflow.lowering.links import link_of
from daskflow.lowering.spaces import Index, Space
from daskflow.runtime.columns import NodeRecord
from daskflow.runtime.record import RunRecord
from daskflow.states import CANCELLED, FINISHED, SUCCESSFUL, Success, mask_of
from daskflow.triggers import AfterSetup

KEEP_GOOD = frozenset(SUCCESSFUL)  # what a rerun of what failed does not repeat
KEEP_ENDED = frozenset(FINISHED - {CANCELLED})

Wanted = Mapping[str, Iterable[int]]  # positions, by node


@dataclass
class Repeats:
    """What is repeated of a run."""

    again: dict[str, bytearray] = field(default_factory=dict)  # by node: 1 where it runs again
    # by space, places of the space around it below which nothing is kept
    anew: dict[str, set[int]] = field(default_factory=dict)


def find_repeats(record: RunRecord, kept: frozenset[int], wanted: Wanted) -> Repeats:
    """Return what is repeated of a run.

    Parameters
    ----------
    kept
        Codes of the states that are kept, of task runs on which nothing tells otherwise.
    wanted
        What is repeated whatever its state.
    """
    asked = {name: set(places) for name, places in wanted.items()}
    while True:
        search = _Search(record, kept, asked)
        more = list(_setups(record, search.found))
        if all(place in asked.get(name, ()) for name, place in more):
            return search.found
        for name, place in more:
            asked.setdefault(name, set()).add(place)


def _setups(record: RunRecord, found: Repeats) -> Iterator[tuple[str, int]]:
    """Return the setups of resources that were cleaned up, and are used again."""
    for name, node in record.graph.nodes.items():
        trigger = node.task.rules.trigger
        if not isinstance(trigger, AfterSetup):
            continue
        edges = record.graph.upstream(name)
        setup = next(edge for edge in edges if edge.key == trigger.key)
        inside = [edge for edge in edges if edge.key is None]
        for position, attempts in enumerate(record.nodes[name].attempts):
            if attempts and any(_is_repeated(record, found, edge, position) for edge in inside):
                places = record.below(setup, position).positions()
                yield from ((setup.upstream, place) for place in places)


def _is_repeated(record: RunRecord, found: Repeats, edge: Edge, position: int) -> bool:
    again = found.again[edge.upstream]
    return any(again[place] for place in record.below(edge, position).positions())


class _Search:
    """One walk through a flow, in which each node comes behind all that it hangs on."""

    def __init__(self, record: RunRecord, kept: frozenset[int], wanted: Wanted) -> None:
        self.record, self.graph = record, record.graph
        self.found = Repeats()
        self._kept = kept
        self._wanted = wanted
        self._not_kept = mask_of(set(range(256)) - kept)
        self._lost: dict[str, bytearray] = {ROOT: bytearray(1)}  # positions that there are no more
        before = {name: dict.fromkeys(self.graph.before(name)) for name in self.graph.nodes}
        for name in TopologicalSorter(before).static_order():
            for space in self.graph.around(self.graph.nodes[name].space):
                if space not in self._lost:
                    self._visit_space(self.graph.spaces[space])
            self._visit(name)

    def _visit_space(self, spec: SpaceSpec) -> None:
        space = self.record.spaces[spec.name]
        around = self._lost[spec.parent]
        is_wanted = spec.name in self._wanted
        decided = {p for p, s in space.decided.items() if is_wanted or s.code not in self._kept}
        anew = {
            parent
            for parent in (*space.children, *space.decided)
            if around[parent] or parent in decided or self._is_asked_anew(spec, parent)
        }
        lost = bytearray(space.size)
        for parent in anew & space.children.keys():
            start, width = space.children[parent]
            lost[start : start + width] = b"\1" * width
        self.found.anew[spec.name] = anew
        self._lost[spec.name] = lost

    def _is_asked_anew(self, spec: SpaceSpec, parent: int) -> bool:
        """Return whether something is repeated that a space below one place depends on."""
        index = self.record.spaces[spec.parent].index_of(parent)
        gates = (Giver("", gate) for gate in spec.gates)
        return any(self._gives_anew(one, index, is_width=False) for one in gates) or any(
            self._gives_anew(one, index, is_width=True) for one in spec.givers
        )

    def _gives_anew(self, giver: Giver, index: Index, *, is_width: bool) -> bool:
        """Return whether what a space takes its width from is repeated, or comes anew."""
        form = giver.form
        if not isinstance(form, NodeRef):
            return False
        picked = tuple(index[level] for level in form.levels)
        chain = self.record.nodes[form.name].space.chain()
        names = [ROOT, *self.graph.around(self.graph.nodes[form.name].space)]
        depth = len(picked)
        above = chain[depth].find(picked)
        if above is None:
            return True
        if not is_width or form.is_flat or len(chain) - 1 == depth:  # it depends on values
            return self._is_touched(form.name, chain[-1], picked)
        return above in self.found.anew[names[depth + 1]]

    def _is_touched(self, name: str, space: Space, picked: Index) -> bool:
        """Return whether a task run below a map index is repeated, or not there any more."""
        below = space.below(picked)
        again = self.found.again[name]
        return (
            not below.is_complete
            or any(1 in again[start:stop] for start, stop in below.ranges)
            or any(self._ended_anew(name, index) for index in below.decided)
        )

    def _ended_anew(self, name: str, index: Index) -> bool:
        """Return whether a mapped node that ended without children there is asked again."""
        around = self.graph.around(self.graph.nodes[name].space)
        if len(index) >= len(around):
            return False
        space = self.record.spaces[around[len(index)]]
        place = space.parent.find(index) if space.parent is not None else None
        return place in self.found.anew[around[len(index)]]

    def _visit(self, name: str) -> None:
        column = self.record.nodes[name]
        again = bytearray(column.codes.translate(self._not_kept))
        _add(again, self._lost[self.graph.nodes[name].space])
        for position in self._wanted.get(name, ()):
            again[position] = 1
        self.found.again[name] = again
        for edge in self.graph.upstream(name) if again else ():
            self._follow(edge, column, again)

    def _follow(self, edge: Edge, column: NodeRecord, again: bytearray) -> None:
        """Note what is repeated because the upstream of one edge is."""
        link = link_of(self.graph, edge, self.record.spaces)
        theirs = self.record.nodes[edge.upstream].space
        if link.is_same:
            _add(again, self.found.again[edge.upstream])
        elif link.is_whole:
            if self._is_touched(edge.upstream, theirs, ()):
                again[:] = b"\1" * len(again)
        else:
            for position, is_again in enumerate(again):
                if not is_again:
                    picked = link.pick(position, column.space, theirs)
                    again[position] = self._is_touched(edge.upstream, theirs, picked)


def _add(marks: bytearray, more: bytes | bytearray) -> None:
    """Set the marks that are set in a column of the same length."""
    if 1 in more:
        both = int.from_bytes(marks, "big") | int.from_bytes(more, "big")
        marks[:] = both.to_bytes(len(marks), "big")


# ------------------------------------------------------------------------- the new run's history


Places = list[tuple[int, int, int]]  # kept ranges: position before, position now, how many


def spaces_kept(record: RunRecord, found: Repeats) -> tuple[list[Entry], dict[str, Places]]:
    """Return the entries that open the index spaces again, and what became of their positions."""
    entries: list[Entry] = []
    places: dict[str, Places] = {ROOT: [(0, 0, 1)]}
    for name, spec in record.graph.spaces.items():
        if name == ROOT:
            continue
        space, anew = record.spaces[name], found.anew.get(name, set())
        mine = places[name] = []
        size = 0
        for parent, (start, width) in space.children.items():
            now = _now(places[spec.parent], parent)
            if now is None or parent in anew:
                continue
            entries.append(SpaceOpened(name, now, width, _parts_of(space, parent)))
            mine.append((start, size, width))
            size += width
        for parent, state in space.decided.items():
            now = _now(places[spec.parent], parent)
            if now is not None and parent not in anew:
                entries.append(SpaceEnded(name, now, state))
    return entries, places


def _now(places: Places, position: int) -> int | None:
    """Return what became of a position; None: it is not kept."""
    for before, now, width in places:
        if before <= position < before + width:
            return now + position - before
    return None


def _parts_of(space: Space, parent: int) -> tuple[int, ...]:
    ends = [0, *space.flat.get(parent, ())]
    return tuple(end - start for start, end in pairwise(ends))


def stored_results(record: RunRecord, found: Repeats) -> dict[tuple[str, int], StoredResult]:
    """Return where the durable results of the task runs lie that are kept."""
    return {
        (name, position): note.stored
        for name, node in record.nodes.items()
        for position, note in node.notes.items()
        if note.stored is not None and not found.again[name][position]
    }


@dataclass(frozen=True)
class Heir:
    """Tells what a new run keeps of one before it."""

    record: RunRecord  # of the one before
    found: Repeats
    places: Mapping[str, Places]
    stored: Mapping[tuple[str, int], StoredResult]  # where durable results lie now
    block_of: Callable[[str], int]  # number under which what a worker ran is noted

    def entries(self, instant: float) -> Iterator[Entry]:
        """Return the entries that tell of the task runs that are kept."""
        for name, node in self.record.nodes.items():
            again = self.found.again[name]
            for before, now, width in self.places[self.record.graph.nodes[name].space]:
                kept = [p for p in range(before, before + width) if not again[p]]
                yield from self._told(name, node, kept, now - before, instant)

    def _told(
        self, name: str, node: NodeRecord, kept: list[int], shift: int, instant: float
    ) -> Iterator[Entry]:
        told = [place for place in kept if place not in node.states]
        runs = groupby(enumerate(told), lambda one: (one[1] - one[0], node.blocks[one[1]]))
        for (_, block), found in runs:
            places = [place for _, place in found]
            worker = self.record.workers.get(block, "")
            segment = self._segment(name, node, range(places[0], places[-1] + 1), shift)
            yield SegmentTold(self.block_of(worker), worker, segment)
        for place in kept:
            if node.codes[place] != Success.code or place in node.states:
                index, state = node.space.index_of(place), self.record.state(name, place)
                is_driver = place in node.states
                yield TaskRunMoved(instant, name, index, place + shift, state, is_driver)

    def _segment(self, name: str, node: NodeRecord, places: range, shift: int) -> Segment:
        start, stop = places.start, places.stop
        return Segment(
            name,
            start + shift,
            node.codes[start:stop],
            array("H", node.attempts[start:stop]),
            array("d", node.started[start:stop]),
            array("d", node.ended[start:stop]),
            node.smalls[start:stop],
            {
                place - start: self._note(name, place, node.notes[place])
                for place in (places if node.notes else ())
                if place in node.notes
            },
            None,
        )

    def _note(self, name: str, place: int, note: Note) -> Note:
        stored = self.stored.get((name, place)) if note.stored is not None else None
        return note._replace(before=None, due=None, stored=stored)

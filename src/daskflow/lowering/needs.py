"""What the task runs of a block need from elsewhere: blocks, literals, states, parts of spaces."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

from daskflow.context import run_label
from daskflow.definition.mapping import take
from daskflow.definition.nodes import (
    ROOT,
    Element,
    FlowGraph,
    Form,
    LiteralRef,
    NodeRef,
    NodeSpec,
    literals_in,
    references,
)
from daskflow.errors import CrashedError, TaskRunError, TriggerFailedError
from daskflow.events import Before, Note, Segment
from daskflow.lowering.known import AtHand, Column, Key, Known
from daskflow.lowering.links import Link
from daskflow.lowering.order import Links
from daskflow.lowering.plan import Portion, Slice, Strip
from daskflow.lowering.spaces import Space
from daskflow.signals import Fail
from daskflow.states import FAILED, PICKED, Crashed, State, TriggerFailed, mask_of

_OPPOSITE = mask_of([0])


@dataclass
class Pass:
    """What is known in one pass of lowering, and what was put into blocks so far."""

    graph: FlowGraph
    known: Known
    at_hand: AtHand
    links: Links
    due: Mapping[str, bytes]  # by node: 1 where a task run is lowered in this pass
    placed: dict[str, list[tuple[int, int, Key]]] = field(default_factory=dict)


class _Spaces:
    """The parts of index spaces that a block needs; of those in the root hardly ever any."""

    def __init__(self, known: Known, graph: FlowGraph) -> None:
        self._known = known
        self._graph = graph
        self._tops: dict[str, set[int] | None] = {}  # None: all of it

    def add(self, name: str, tops: Iterable[int] | None) -> None:
        """Take in a space, or what of it lies below these places of the outermost one."""
        spec = self._graph.spaces[name]
        space = self._known.spaces[name]
        if spec.depth <= 1 and not space.decided and not space.flat:
            return
        for each in self._graph.around(name):
            mine = self._tops.setdefault(each, set())
            if tops is None:
                self._tops[each] = None
            elif mine is not None:
                mine.update(tops)

    def tops(self, name: str, start: int, stop: int) -> set[int]:
        """Return the places of the outermost space that some positions lie below."""
        space = self._known.spaces[name]
        return {space.index_of(position)[0] for position in range(start, stop)}

    def parts(self) -> dict[str, Space]:
        """Return the parts, by the name of their space."""
        made: dict[str, Space] = {}
        for name in self._graph.spaces:
            if name in self._tops:
                parent = self._graph.spaces[name].parent
                around = made.get(parent) or Space()
                made[name] = self._known.spaces[name].under(around, self._tops[name])
        return made


class Needs:
    """What the strips of one block need from elsewhere."""

    def __init__(self, now: Pass, strips: Sequence[Strip]) -> None:
        self.now = now
        self.strips = strips
        self.inputs: dict[Key, None] = {}
        self.literals: dict[str, None] = {}
        self.given: dict[tuple[str, int], Segment] = {}
        self.slices: dict[tuple[str, int, int], Slice] = {}
        self.portions: dict[Portion, None] = {}
        self.before: dict[tuple[str, int], Before] = {}
        self.spaces = _Spaces(now.known, now.graph)
        self._whole: set[str] = set()

    def collect(self) -> None:
        """Go through every argument and every edge of the task runs."""
        for strip in self.strips:
            if self._is_stretch(strip):
                self._collect_stretch(strip)
                continue
            for name in strip.nodes:
                node = self.now.graph.nodes[name]
                self._add_own_space(node.space, strip)
                self._add_literals(node, strip)
                for link in self.now.links[name]:
                    self._add_link(link, node, strip)
                self._add_before(name, strip)

    def _collect_stretch(self, strip: Strip) -> None:
        """Do so for nodes that are not mapped, most of which need one another only."""
        now, here = self.now, set(strip.nodes)
        for name in strip.nodes:
            self._add_literals(now.graph.nodes[name], strip)
            for edge in now.graph.into(name):
                if edge.upstream not in here:
                    self._add_links(name, here, strip)
                    break
            column = now.known.columns[name]
            if column.attempts[0] or column.before:
                self._add_before(name, strip)

    def _add_links(self, name: str, here: set[str], strip: Strip) -> None:
        """Add what a node needs that is not in its own stretch."""
        node = self.now.graph.nodes[name]
        for link in self.now.links[name]:
            if link.edge.upstream not in here:
                self._add_link(link, node, strip)

    def _is_stretch(self, strip: Strip) -> bool:
        return self.now.graph.nodes[strip.nodes[0]].space == ROOT

    def _add_own_space(self, space: str, strip: Strip) -> None:
        if self.now.graph.spaces[space].depth > 1:
            self.spaces.add(space, self.spaces.tops(space, strip.start, strip.stop))
        elif self.now.known.spaces[space].flat:
            self.spaces.add(space, None)

    def _add_link(self, link: Link, node: NodeSpec, strip: Strip) -> None:
        upstream = link.edge.upstream
        if link.is_same:
            if upstream not in strip.nodes:
                self._add_own_space(self.now.graph.nodes[upstream].space, strip)
                self._add_range(upstream, strip.start, strip.stop)
        elif link.is_whole:
            if self._is_portioned(link, node):
                self._add_portion(upstream, strip)
            elif upstream not in self._whole:
                self._whole.add(upstream)
                self.spaces.add(self.now.graph.nodes[upstream].space, None)
                self._add_range(upstream, 0, len(self.now.known.columns[upstream].codes))
        else:
            self._add_branches(link, node, strip)

    def _add_branches(self, link: Link, node: NodeSpec, strip: Strip) -> None:
        """Add the blocks of the upstream task runs that each of mine picks."""
        upstream = link.edge.upstream
        spaces = self.now.known.spaces
        mine, theirs = spaces[node.space], spaces[self.now.graph.nodes[upstream].space]
        is_under = link.edge.levels[0] == 0 and not link.edge.is_flat
        tops = self.spaces.tops(node.space, strip.start, strip.stop) if is_under else None
        self.spaces.add(self.now.graph.nodes[upstream].space, tops)
        wanted: list[tuple[int, int]] = []
        for position in range(strip.start, strip.stop):
            for start, stop in link.below(position, mine, theirs).ranges:
                if wanted and wanted[-1][0] <= start <= wanted[-1][1]:
                    wanted[-1] = (wanted[-1][0], max(stop, wanted[-1][1]))
                else:
                    wanted.append((start, stop))
        for start, stop in wanted:
            self._add_range(upstream, start, stop)

    def _is_portioned(self, link: Link, node: NodeSpec) -> bool:
        """Return whether a block gets only its part of a large value that is mapped over."""
        upstream = link.edge.upstream
        length = self.now.at_hand.lengths.get(upstream, {}).get(0)
        if length is None or not length.is_large or self.now.graph.depth(node.name) != 1:
            return False
        forms = [one.form for one in node.arguments if upstream in references(one.form)]
        if not forms or any(form != Element(NodeRef(upstream), 0) for form in forms):
            return False
        return self.now.known.columns[upstream].blocks[0] in self.now.at_hand.keys

    def _add_portion(self, upstream: str, strip: Strip) -> None:
        number = self.now.known.columns[upstream].blocks[0]
        source = self.now.at_hand.keys[number]
        holder = self.now.at_hand.holders.get(number, "")
        self.portions[Portion(upstream, strip.start, strip.stop, source, holder)] = None

    def _add_before(self, name: str, strip: Strip) -> None:
        """Add what earlier bodies have left, and the block with what an iteration begins with."""
        column = self.now.known.columns[name]
        attempts = column.attempts[strip.start : strip.stop]
        if any(attempts):
            for position, attempt in enumerate(attempts, strip.start):
                if attempt:
                    self.before[name, position] = Before(attempt)
        for position in range(strip.start, strip.stop) if column.before else ():
            before = column.before.get(position)
            if before is None:
                continue
            if before.carries:
                key = self.now.at_hand.keys.get(column.carriers.get(position, 0))
                if key is None:  # what it would go on with is gone: it begins anew
                    before = before._replace(loops=0, held=0)
                else:
                    self.inputs[key] = None
            self.before[name, position] = before

    def _add_literals(self, node: NodeSpec, strip: Strip) -> None:
        for argument in node.arguments if self.now.at_hand.large else ():
            for literal in literals_in(argument.form):
                self._add_literal(literal, argument.form, strip)

    def _add_literal(self, literal: str, form: Form, strip: Strip) -> None:
        if literal not in self.now.at_hand.large:
            return
        space = self.now.graph.nodes[strip.nodes[0]].space
        is_rooted = self.now.graph.spaces[space].depth == 1
        if is_rooted and form == Element(LiteralRef(literal), 0):
            place = (literal, strip.start, strip.stop)
            if place not in self.slices:
                values = take(self.now.at_hand.literals[literal], strip.start, strip.stop)
                self.slices[place] = Slice(literal, strip.start, values)
        else:
            self.literals[literal] = None

    def _add_range(self, name: str, start: int, stop: int) -> None:
        """Add the blocks that have, or will have, these task runs of an upstream node."""
        placed = self.now.placed.get(name, ())
        at = bisect_right(placed, start, key=lambda entry: entry[1])
        while at < len(placed) and placed[at][0] < stop:
            self.inputs[placed[at][2]] = None
            at += 1
        column = self.now.known.columns[name]
        numbers: Iterable[int] = column.blocks[start:stop]
        due = self.now.due.get(name, b"")[start:stop]
        if due:  # what runs again is not asked for where it ran before
            if 0 not in due:
                return
            numbers = compress(numbers, due.translate(_OPPOSITE))
        keys = self.now.at_hand.keys
        gone = set()
        for number in dict.fromkeys(numbers):
            if number in keys:
                self.inputs[keys[number]] = None
            elif number:
                gone.add(number)
        if gone:
            self._add_kept(name, column, range(start, stop), gone)
        if column.states:
            self._add_states(name, column, range(start, stop))

    def _add_kept(self, name: str, column: Column, positions: range, gone: set[int]) -> None:
        """Add what was kept of upstream task runs whose blocks are not on the executor."""
        due = self.now.due.get(name, b"")
        here = [p for p in positions if column.blocks[p] in gone and not (due and due[p])]
        for start, stop in _stretches(here):
            known = self.given.get((name, start))
            is_told = known is not None and known.stop >= stop  # else another way has a part of it
            if not is_told and self.now.at_hand.give is not None:
                self.given[name, start] = self.now.at_hand.give(name, range(start, stop))

    def _add_states(self, name: str, column: Column, positions: range) -> None:
        """Add the states of upstream task runs that no block tells of."""
        for position in positions:
            state = column.states.get(position)
            if state is None or (name, position) in self.given:
                continue
            who = run_label(name, column.space.index_of(position))
            before = self.given.get((name, position - 1))
            if before is None or before.is_kept or before.stop != position:
                before = Segment(name, position)
            self.given[name, position] = before
            literal = given_literal(who)
            is_large = literal in self.now.at_hand.large
            if is_large:
                self.literals[literal] = None
            add_given(before, state, who, with_value=not is_large)


def _stretches(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Return ascending places as ranges: from, to."""
    begin = 0
    for end in range(1, len(places) + 1):
        if end == len(places) or places[end] != places[end - 1] + 1:
            yield places[begin], places[end - 1] + 1
            begin = end


def given_literal(who: str) -> str:
    """Return the name of the literal that the value of a given state is, where it is large."""
    return f"state of {who}"


def add_given(segment: Segment, state: State, who: str, *, with_value: bool) -> None:
    """Add to a segment what a consumer gets of an upstream task run that no block tells of."""
    offset = len(segment.codes)
    segment.codes.append(state.code)
    segment.attempts.append(state.attempt)
    segment.started.append(0.0)
    segment.ended.append(0.0)
    if state.message:
        segment.notes[offset] = Note(state.message)
    if with_value and segment.values is not None:
        is_failed = state.code in FAILED
        segment.values[offset] = passed_on(state, who) if is_failed else result_of(state)


def result_of(state: State) -> Any:
    """Return the value that came with a state; None of one that failed, or was skipped."""
    return getattr(state, "result", None) if state.code in PICKED else None


def passed_on(state: State, who: str) -> Any:
    """Return what a consumer gets of a task run that failed; `who` names it."""
    exception = getattr(state, "exception", None)
    return exception.result if isinstance(exception, Fail) else stand_in(state, who)


def stand_in(state: State, who: str) -> BaseException:
    """Return the exception that tells of a task run that failed; `who` names it."""
    exception: BaseException | None = getattr(state, "exception", None)
    if isinstance(state, TriggerFailed):
        error = TriggerFailedError(f"{who}: {state.message}")
        error.__cause__ = exception
        return error
    if exception is not None:
        return exception
    return (CrashedError if isinstance(state, Crashed) else TaskRunError)(f"{who}: {state.message}")

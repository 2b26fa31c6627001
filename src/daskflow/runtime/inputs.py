"""What a block knows of other task runs: the segments, literals and pieces that came with it.

And what the block itself is filling, as far as it is filled. `wiring` asks for states and values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from daskflow.context import run_label
from daskflow.definition.mapping import element_getter, take
from daskflow.events import Segment, StoredResult, Stretch, left_behind
from daskflow.lowering.links import space_in
from daskflow.lowering.needs import given_literal, passed_on
from daskflow.lowering.plan import Slice
from daskflow.lowering.spaces import Below, Index, Space
from daskflow.runtime.spec import RunSpec
from daskflow.sealing import Sealed, Unreadable, opened, seal
from daskflow.states import FAILED, FINISHED, PICKED, Pending, State, make_state
from daskflow.timing import as_datetime


class Literal(NamedTuple):
    """A large literal, unpacked on the worker that needs it."""

    name: str
    value: Any


class Carried(NamedTuple):
    """What a task run goes on with that its block has, and when its body was called last."""

    value: Any
    started: float
    ended: float


class Piece(NamedTuple):
    """A part of a large value that is mapped over, for the block that needs it."""

    segment: Segment  # tells of the task run that made the value, which is not in it
    start: int
    stop: int
    elements: Any

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return Piece, (self.segment, self.start, self.stop, seal(self.elements))


def _read(segment: Segment, offset: int) -> Any:
    """Return a value of a segment; one that traveled is unpickled here, once."""
    if segment.values is None:
        segment.values = {}
    values = segment.values
    value = values.get(offset)
    if segment.is_kept and offset not in values:
        small = segment.smalls[offset]
        value = Sealed(small, []) if small is not None else None
    if type(value) is Sealed or type(value) is Unreadable:
        value = values[offset] = opened(value)
    return value


def cut_piece(node: str, start: int, stop: int, block: tuple[Segment, ...]) -> Piece:
    """Return a part of the value of an unmapped node; the function in its graph node.

    What cannot be cut is told to the task runs that need it.
    """
    segment, at = next((s, at) for s in block if (at := s.offset_of(node, 0)) is not None)
    try:
        elements = take(_read(segment, at), start, stop)
    except Exception as error:
        elements = Unreadable(f"the value of {node!r} cannot be cut: {error!r}")
    return Piece(segment.part(node).without_values(), start, stop, elements)


class Inputs:
    """All that a block knows of other task runs."""

    def __init__(
        self,
        spec: RunSpec,
        received: Iterable[Any],
        slices: Iterable[Slice] = (),
        spaces: Mapping[str, Space] | None = None,
    ) -> None:
        self.spec = spec
        self.slices = tuple(slices)
        self.pieces: dict[str, list[Piece]] = {}
        self.segments: dict[str, list[Segment]] = {}
        self._singles: dict[str, dict[int, list[Segment]]] = {}  # of one task run, by its position
        self._longer: dict[str, list[Segment]] = {}
        self._stretched: dict[str, list[Stretch]] = {}
        self._filled = Stretch()  # that which the block is filling
        self._literals: dict[str, Any] = {}  # the large ones
        self._spaces = spaces or {}
        self._columns: dict[str, bytes] = {}
        pieces: list[Piece] = []
        self._wholes: dict[str, bytes] = {}
        for item in received:
            if isinstance(item, Literal):
                self._literals[item.name] = item.value
            elif isinstance(item, Piece):
                pieces.append(item)
            else:
                for segment in item:
                    self.add(segment)
        self._add_pieces(pieces)

    def _add_pieces(self, pieces: Iterable[Piece]) -> None:
        """Take in the parts of values of which another node of the block does not get the whole."""
        nodes = {piece.segment.node for piece in pieces}
        whole = {node for node in nodes if self.code(node, 0) in FINISHED}
        for piece in pieces:
            node = piece.segment.node
            if node not in whole:
                self.pieces.setdefault(node, []).append(piece)
                self.add(piece.segment)

    def add_given(self, segments: Iterable[Segment]) -> None:
        """Take in what somebody else knew of task runs; a large value came as a literal."""
        for segment in segments:
            values = segment.values = segment.values or {}
            for offset in () if segment.is_kept else range(len(segment.codes)):
                if offset not in values:
                    index = self.space_of(segment.node).index_of(segment.start + offset)
                    values[offset] = self._literals[given_literal(run_label(segment.node, index))]
            self.add(segment)

    def add(self, segment: Segment) -> None:
        """Take in a segment; one that the block is filling counts as far as it is filled."""
        if isinstance(segment, Stretch):
            for node in segment.places:
                self._stretched.setdefault(node, []).append(segment)
            return
        node, start = segment.node, segment.start
        self.segments.setdefault(node, []).append(segment)
        if len(segment.codes) == 1:  # there may be thousands of these
            self._singles.setdefault(node, {}).setdefault(start, []).append(segment)
        else:
            self._longer.setdefault(node, []).append(segment)

    def fill(self, stretch: Stretch) -> None:
        """Let a stretch that the block is about to fill tell of nodes, as far as it is filled."""
        self.add(self._filled)
        self._filled = stretch

    def _stretches(self, node: str) -> list[Stretch]:
        """Return the stretches that tell of a node."""
        others = self._stretched.get(node, [])
        return [*others, self._filled] if node in self._filled.places else others

    def _telling(self, node: str, position: int) -> Iterator[tuple[Segment, int]]:
        """Return the segments that tell of a task run, with the offset in each."""
        for stretch in self._stretches(node):
            yield stretch, stretch.places[node]
        yield from self._among_segments(node, position)

    def _among_segments(self, node: str, position: int) -> Iterator[tuple[Segment, int]]:
        for segment in self._singles.get(node, {}).get(position, ()):
            yield segment, 0
        for segment in self._longer.get(node, ()):
            offset = position - segment.start
            if 0 <= offset < len(segment.codes):
                yield segment, offset

    def has_literal(self, name: str) -> bool:
        """Return whether a literal is here whole; of some a block has only its slice."""
        return name in self._literals or name in self.spec.literals

    def literal(self, name: str) -> Any:
        """Return a parameter or a constant."""
        value = self._literals[name] if name in self._literals else self.spec.literals[name]
        return opened(value)

    def piece_getter(self, node: str) -> Callable[[int], Any]:
        """Return a function from a position to the element there of a value that came in parts."""
        parts = [
            (piece.start, element_getter(opened(piece.elements)), piece.stop)
            for piece in self.pieces[node]
        ]

        def get(position: int) -> Any:
            start, getter = next((a, get) for a, get, b in parts if a <= position < b)
            return getter(position - start)

        return get

    def find(self, node: str, position: int) -> tuple[Segment, int] | None:
        """Return the segment that tells of a task run, and the offset in it.

        A block may bring along what an earlier attempt left unfinished; what is finished wins.
        """
        found: tuple[Segment, int] | None = None
        filled = self._filled
        if node in filled.places:
            found = filled, filled.places[node]
            if filled.codes[found[1]] in FINISHED:
                return found
        if node in self._stretched:
            for stretch in self._stretched[node]:
                at = stretch.places[node]
                if stretch.codes[at] in FINISHED:
                    return stretch, at
                if node not in filled.places:
                    found = stretch, at
        if node in self.segments:
            for segment, offset in self._among_segments(node, position):
                found = segment, offset
                if segment.codes[offset] in FINISHED:
                    break
        return found

    def carried(self, node: str, position: int, loops: int, held: int = 0) -> Carried:
        """Return what a task run of which so many iterations have ended goes on with.

        Blocks may come along that tell of it as it was some iterations ago.

        Parameters
        ----------
        held
            Times that its result could not be written, where that is what it goes on with.

        Raises
        ------
        LookupError
            No block that came has it.
        """
        for segment, offset in self._telling(node, position):
            if segment.codes[offset] in FINISHED or offset not in (segment.values or {}):
                continue
            before = left_behind(segment, offset)
            if (before.loops, before.held) == (loops, held):
                value = self.read(segment, offset)
                return Carried(value, segment.started[offset], segment.ended[offset])
        raise LookupError("no block has it")

    def space_of(self, node: str) -> Space:
        """Return the index space of a node, as much of it as the block needs."""
        return space_in(self._spaces, self.spec.graph, node)

    @property
    def spaces(self) -> Mapping[str, Space]:
        """The parts of index spaces that came with the block."""
        return self._spaces

    def positions(self, node: str) -> range:
        """Return the positions of a node's task runs, told of or not where it is not mapped."""
        if self.space_of(node).level == 0:
            return range(1)
        return range(max((s.stop for s in self.segments.get(node, ())), default=0))

    def code(self, node: str, position: int) -> int:
        """Return the kind of a task run's state; Pending where nothing is known of it."""
        found = self.find(node, position)
        return found[0].codes[found[1]] if found else Pending.code

    def value(self, node: str, position: int) -> Any:
        """Return what a consumer gets of a task run."""
        segment, offset = self.find(node, position) or (None, 0)
        return self.read(segment, offset) if segment else None

    def read(self, segment: Segment, offset: int) -> Any:
        """Return a value of a segment, from where it is stored if need be."""
        value = _read(segment, offset)
        if type(value) is StoredResult and self.spec.storage is not None:
            value = self.spec.storage.read(value)
            if segment.values is not None:
                segment.values[offset] = value
        return value

    def whole_codes(self, node: str) -> bytes:
        """Return the kinds of the states of all task runs of a node."""
        space = self.space_of(node)
        if space.level == 0:
            return bytes([self.code(node, 0)])
        if space.level > 1 or space.decided:
            if node not in self._wholes:
                self._wholes[node] = self.codes_below(node, space.below(()))
            return self._wholes[node]
        segments = self.segments.get(node, ())
        if len(segments) == 1 and segments[0].codes and segments[0].start == 0:
            return bytes(segments[0].codes)
        return self.column(node)

    def column(self, node: str) -> bytes:
        """Return the kinds of the states by position, of a node that the block itself has not."""
        if node not in self._columns:
            column = bytearray(len(self.positions(node)))
            for _, place, code, _ in self._best(node):
                column[place] = code
            self._columns[node] = bytes(column)
        return self._columns[node]

    def codes_below(self, node: str, below: Below) -> bytes:
        """Return the kinds of the states of some task runs of a node."""
        codes = bytearray(state.code for state in below.decided.values())
        codes.extend(self.code(node, position) for position in below.positions())
        return bytes(codes)

    def values_below(self, node: str, index: Index, *, is_picky: bool = False) -> Any:
        """Return the value at a map index, or the list of those below it, in lists of lists."""
        space = self.space_of(node)
        if space.level == 0:
            return self.value(node, 0)
        chain = space.chain()
        above = chain[len(index)].find(index)
        if above is None:
            return self._stand_in(node, index, chain[len(index)].missing(index))
        if len(chain) == len(index) + 1:
            return self.value(node, above)
        lanes = chain[len(index) + 1]
        if above in lanes.decided:
            return [] if is_picky else self._stand_in(node, index, lanes.decided[above])
        if not lanes.children:  # all are here: it is not deeper than the root's
            return self._rooted_values(node, is_picky=is_picky)
        start, width = lanes.children[above]
        return [
            self.values_below(node, (*index, place), is_picky=is_picky)
            for place in range(width)
            if not is_picky or self._is_picked(node, lanes.level, start + place)
        ]

    def _is_picked(self, node: str, level: int, position: int) -> bool:
        """Return whether a child at some level has a value, or children."""
        chain = self.space_of(node).chain()
        if level == len(chain) - 1:
            return self.code(node, position) in PICKED
        return position not in chain[level + 1].decided

    def _rooted_values(self, node: str, *, is_picky: bool) -> list[Any]:
        count = len(self.positions(node))
        values: list[Any] = [None] * count
        codes = bytearray(count)
        for segment, place, code, offset in self._best(node):
            codes[place] = code
            values[place] = (segment, offset)
        return [
            self.read(*value)
            for value, code in zip(values, codes, strict=True)
            if not is_picky or code in PICKED
        ]

    @staticmethod
    def _stand_in(node: str, index: Index, state: State | None) -> Any:
        """Return what a mapped node that ended without children passes on."""
        if state is None or state.code not in FAILED:
            return None
        return passed_on(state, run_label(node, index))

    def _best(self, node: str) -> Iterator[tuple[Segment, int, int, int]]:
        """Return segment, position, code and offset of each of a node's task runs from elsewhere.

        Where several segments tell of one, that which tells of its end comes last.
        """
        for is_finished in (False, True):
            for segment in self.segments.get(node, ()):
                for offset, code in enumerate(segment.codes):
                    if (code in FINISHED) is is_finished:
                        yield segment, segment.start + offset, code, offset
            for stretch in self._stretches(node):
                at = stretch.places[node]
                if (stretch.codes[at] in FINISHED) is is_finished:
                    yield stretch, 0, stretch.codes[at], at

    def times(self, node: str, position: int | None) -> tuple[datetime | None, datetime | None]:
        """Return when the body of a task run was started last, and when it ended."""
        found = self.find(node, position) if position is not None else None
        if found is None or not found[0].started[found[1]]:
            return None, None
        segment, offset = found
        return as_datetime(segment.started[offset]), as_datetime(segment.ended[offset])

    def state(self, node: str, position: int) -> State:
        """Return the state of a task run in full."""
        found = self.find(node, position)
        if found is None:
            return Pending()
        segment, offset = found
        fields: dict[str, Any] = {"attempt": segment.attempts[offset]}
        note = segment.notes.get(offset)
        if note is not None:
            fields["message"] = note.message
        if segment.ended[offset]:
            fields["timestamp"] = as_datetime(segment.ended[offset])
        value = _read(segment, offset) if segment.codes[offset] in FAILED else None
        if segment.codes[offset] in FAILED and isinstance(value, BaseException):
            fields["exception"] = value
        return make_state(segment.codes[offset], **fields)

"""What a task run in a block gets from the task runs before it: their states and their values.

`Inputs` looks through the segments that came with the block and those that the block itself is
filling. `Wire` is one node's view of them, prepared once for a block: a call of it for a position
finds the codes its trigger needs and the arguments its function gets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from daskflow.events import PARENT, Segment
from daskflow.graph import Edge
from daskflow.lowering.order import is_lane
from daskflow.lowering.plan import Slice
from daskflow.mapping import element_getter
from daskflow.nodes import Argument, LiteralRef, NodeRef, NodeSpec, Packed, fill, references
from daskflow.runtime.spec import RunSpec
from daskflow.sealing import Sealed, Unreadable, opened
from daskflow.states import FAILED, FINISHED, Pending, State, make_state
from daskflow.timing import as_datetime


class Literal(NamedTuple):
    """A large literal, unpacked on the worker that needs it."""

    name: str
    value: Any


class Inputs:
    """All that a block knows of other task runs."""

    def __init__(self, spec: RunSpec, received: Iterable[Any], slices: Iterable[Slice]) -> None:
        self.spec = spec
        self._literals: dict[str, Any] = {}  # the large ones
        self.slices = tuple(slices)
        self.segments: dict[str, list[Segment]] = {}
        for item in received:
            if isinstance(item, Literal):
                self._literals[item.name] = item.value
                continue
            for segment in item:
                self.add(segment)
        self._columns: dict[str, bytes] = {}

    def add(self, segment: Segment) -> None:
        """Take in a segment; one that the block is filling counts as far as it is filled."""
        self.segments.setdefault(segment.node, []).append(segment)

    def has_literal(self, name: str) -> bool:
        """Return whether a literal is here whole; of some a block has only its slice."""
        return name in self._literals or name in self.spec.literals

    def literal(self, name: str) -> Any:
        """Return a parameter or a constant."""
        value = self._literals[name] if name in self._literals else self.spec.literals[name]
        return opened(value)

    def find(self, node: str, position: int) -> tuple[Segment, int] | None:
        """Return the segment that tells of a task run, and the offset in it.

        A block may bring along what an earlier attempt left unfinished; what is finished wins.
        """
        found = None
        for segment in reversed(self.segments.get(node, ())):
            offset = position - segment.start
            if 0 <= offset < len(segment.codes):
                if segment.codes[offset] in FINISHED:
                    return segment, offset
                found = segment, offset
        return found

    def parent(self, node: str) -> Segment | None:
        """Return the segment of a mapped task that ended without children, if that is so."""
        for segment in self.segments.get(node, ()):
            if segment.start == PARENT:
                return segment
        return None

    def positions(self, node: str) -> range:
        """Return the positions of a node's task runs."""
        return range(max((s.stop for s in self.segments.get(node, ())), default=0))

    def code(self, node: str, position: int) -> int:
        """Return the kind of a task run's state; Pending where nothing is known of it."""
        found = self.find(node, position)
        return found[0].codes[found[1]] if found else Pending.code

    def value(self, node: str, position: int) -> Any:
        """Return what a consumer gets of a task run."""
        segment, offset = self.find(node, position) or (None, 0)
        return self._read(segment, offset) if segment else None

    @staticmethod
    def _read(segment: Segment, offset: int) -> Any:
        """Return a value of a segment; one that traveled is unpickled here, once."""
        values = segment.values or {}
        value = values.get(offset)
        if type(value) is Sealed or type(value) is Unreadable:
            value = values[offset] = opened(value)
        return value

    def whole_codes(self, node: str) -> bytes:
        """Return the kinds of the states of all task runs of a node."""
        parent = self.parent(node)
        if parent is not None:
            return bytes(parent.codes)
        segments = self.segments.get(node, ())
        if len(segments) == 1 and segments[0].start == 0:
            return bytes(segments[0].codes)
        if node not in self._columns:
            column = bytearray(len(self.positions(node)))
            for _, place, code, _ in self._best(node):
                column[place] = code
            self._columns[node] = bytes(column)
        return self._columns[node]

    def whole_value(self, node: str) -> Any:
        """Return the value of a node: of a mapped one the list of its children's values."""
        parent = self.parent(node)
        if parent is not None:
            return self._read(parent, 0)
        if not self.spec.graph.nodes[node].is_mapped:
            return self.value(node, 0)
        values: list[Any] = [None] * len(self.positions(node))
        for segment, place, _, offset in self._best(node):
            values[place] = self._read(segment, offset)
        return values

    def _best(self, node: str) -> Iterator[tuple[Segment, int, int, int]]:
        """Return segment, position, code and offset of each of a node's task runs from elsewhere.

        Where several segments tell of one, that which tells of its end comes last.
        """
        known = self.segments.get(node, ())
        for is_finished in (False, True):
            for segment in known:
                for offset, code in enumerate(segment.codes):
                    if (code in FINISHED) is is_finished:
                        yield segment, segment.start + offset, code, offset

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
        value = self._read(segment, offset) if segment.codes[offset] in FAILED else None
        if segment.codes[offset] in FAILED and isinstance(value, BaseException):
            fields["exception"] = value
        return make_state(segment.codes[offset], **fields)


class Layout(NamedTuple):
    """Where one node's inputs come from; the same for all its task runs."""

    node: NodeSpec
    edges: list[Edge]
    lanes: tuple[str, ...]  # upstream nodes of which each child has its own
    wholes: tuple[str, ...]  # upstream nodes that are needed whole
    packed: tuple[Any, ...]  # lists of nodes that are mapped over


def layout_of(spec: RunSpec, name: str) -> Layout:
    """Return a node's layout, made once in each process."""
    layout = spec.caches.get(name)
    if layout is None:
        layout = spec.caches[name] = _make_layout(spec, name)
    return layout


def _make_layout(spec: RunSpec, name: str) -> Layout:
    node = spec.graph.nodes[name]
    edges = spec.graph.upstream(name)
    lists = {a.name: a.form for a in node.arguments if a.is_mapped and isinstance(a.form, Packed)}
    lanes = dict.fromkeys(edge.upstream for edge in edges if is_lane(spec.graph, edge))
    wholes = dict.fromkeys(
        edge.upstream for edge in edges if not is_lane(spec.graph, edge) and edge.key not in lists
    )
    return Layout(
        node,
        edges,
        tuple(lanes),
        tuple(wholes),
        tuple(form.template for form in lists.values()),
    )


class Wire:
    """One node's view of its inputs, prepared once for a block."""

    def __init__(self, spec: RunSpec, node: str, inputs: Inputs) -> None:
        self.node, self.edges, self.lanes, self.wholes, self._packed = layout_of(spec, node)
        self.inputs = inputs
        self._whole_codes = [inputs.whole_codes(name) for name in self.wholes]
        self._getters = [
            (argument.keyword, self._getter(argument)) for argument in self.node.arguments
        ]

    def codes(self, position: int) -> list[bytes]:
        """Return the kinds of the states of all upstream task runs, in columns."""
        if not self.lanes and not self._packed:
            return self._whole_codes
        code = self.inputs.code
        elements = self._elements(position)
        lanes = [bytes([code(name, position)]) for name in self.lanes if name not in elements]
        singles = [self.inputs.whole_codes(name) for name in elements]
        return [*self._wholes_beside(position), *lanes, *singles]

    def _wholes_beside(self, position: int) -> list[bytes]:
        """Return the columns of the nodes needed whole, without a child that has its own lane."""
        return [
            codes[:position] + codes[position + 1 :] if name in self.lanes else codes
            for name, codes in zip(self.wholes, self._whole_codes, strict=True)
        ]

    def states(self, position: int) -> Mapping[Edge, State]:
        """Return the states of all upstream task runs, for triggers of the user's."""
        return dict(self._states(position))

    def _states(self, position: int) -> Iterator[tuple[Edge, State]]:
        elements = self._elements(position)
        for edge in self.edges:
            name = edge.upstream
            if is_lane(self.inputs.spec.graph, edge):
                yield edge._replace(map_index=(position,)), self.inputs.state(name, position)
            elif name in self.wholes or name in elements:
                if self.inputs.parent(name) is not None:
                    yield edge, self.inputs.state(name, PARENT)
                    continue
                is_mapped = self.inputs.spec.graph.nodes[name].is_mapped
                for other in self.inputs.positions(name):
                    if other == position and name in self.lanes:
                        continue  # told by its lane
                    index = (other,) if is_mapped else ()
                    yield edge._replace(map_index=index), self.inputs.state(name, other)

    def _elements(self, position: int) -> list[str]:
        """Return the nodes in the element that a child gets of a list of nodes, each once."""
        found = dict.fromkeys(
            name for template in self._packed for name in references(Packed(template[position]))
        )
        return [name for name in found if name not in self.wholes]

    def arguments(self, position: int) -> tuple[list[Any], dict[str, Any]]:
        """Return what the function is called with."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for keyword, getter in self._getters:
            if keyword is None:
                args.append(getter(position))
            else:
                kwargs[keyword] = getter(position)
        return args, kwargs

    def _getter(self, argument: Argument) -> Callable[[int], Any]:
        """Return a function from a position to one argument's value there."""
        form, inputs = argument.form, self.inputs
        if isinstance(form, Packed):
            return self._packed_getter(form, is_mapped=argument.is_mapped)
        if isinstance(form, LiteralRef):
            return self._literal_getter(form.name, is_mapped=argument.is_mapped)
        name = form.name
        if not argument.is_mapped:
            return _once(lambda: inputs.whole_value(name))
        if inputs.spec.graph.nodes[name].is_mapped:
            return lambda position: inputs.value(name, position)
        return _late(lambda: element_getter(inputs.value(name, 0)))

    def _literal_getter(self, name: str, *, is_mapped: bool) -> Callable[[int], Any]:
        inputs = self.inputs
        if not is_mapped:
            return lambda _: inputs.literal(name)
        if inputs.has_literal(name):
            return element_getter(inputs.literal(name))
        return lambda position: _from_slices(inputs.slices, name, position)

    def _packed_getter(self, form: Packed, *, is_mapped: bool) -> Callable[[int], Any]:
        def value_of(ref: LiteralRef | NodeRef) -> Any:
            if isinstance(ref, LiteralRef):
                return self.inputs.literal(ref.name)
            return self.inputs.whole_value(ref.name)

        if is_mapped:
            return lambda position: fill(form.template[position], value_of)
        return lambda _: fill(form, value_of)


def _from_slices(slices: tuple[Slice, ...], name: str, position: int) -> Any:
    for part in slices:
        if part.literal == name and 0 <= position - part.start < len(part.values):
            return element_getter(part.values)(position - part.start)
    msg = f"no slice of {name} holds position {position}"
    raise LookupError(msg)


def _once(make: Callable[[], Any]) -> Callable[[int], Any]:
    """Return a getter that makes its value at the first call, for all positions the same."""
    made: list[Any] = []

    def get(_: int) -> Any:
        if not made:
            made.append(make())
        return made[0]

    return get


def _late(make: Callable[[], Callable[[int], Any]]) -> Callable[[int], Any]:
    """Return a getter that is made at the first call."""
    made: list[Callable[[int], Any]] = []

    def get(position: int) -> Any:
        if not made:
            made.append(make())
        return made[0](position)

    return get

"""How a node's task runs get at their inputs: the codes a trigger needs, what a function is given.

A `Wire` is prepared once for a block. How it finds things (by which links, at which levels) is a
`Layout`, made once in a process where no part of an index space matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from daskflow.context import UpstreamRun, run_label
from daskflow.definition.mapping import element_getter
from daskflow.definition.nodes import (
    ROOT,
    Element,
    Form,
    LiteralRef,
    NodeRef,
    NodeSpec,
    Packed,
    fill,
    is_listed,
    node_refs,
    refs_at,
)
from daskflow.events import Segment
from daskflow.graph import Edge
from daskflow.lowering.links import ROOT_SPACE, Link, link_of
from daskflow.lowering.plan import Slice
from daskflow.lowering.spaces import Below, Index, Space
from daskflow.runtime.inputs import Inputs
from daskflow.runtime.spec import RunSpec
from daskflow.states import PICKED, Pending, Skipped, State


class Layout(NamedTuple):
    """Where one node's inputs come from; the same for all its task runs."""

    node: NodeSpec
    groups: tuple[tuple[str, tuple[Link, ...]], ...]  # by upstream node, single ones first
    ways: dict[tuple[str, Any], Link]  # the same links, by upstream node and levels
    listed: tuple[Form, ...]  # arguments with elements of lists of nodes that are mapped over
    is_plain: bool  # all task runs of it have the same upstream task runs
    gates: tuple[Link, ...] = ()  # to the cases that it is in


def layout_of(spec: RunSpec, name: str, spaces: Mapping[str, Space]) -> Layout:
    """Return a node's layout, made once in each process where no part of a space matters."""
    if spaces:
        return _make_layout(spec, name, spaces)
    layout: Layout | None = spec.caches.get(name)
    if layout is None:
        layout = spec.caches[name] = _make_layout(spec, name, spaces)
    return layout


def _make_layout(spec: RunSpec, name: str, spaces: Mapping[str, Space]) -> Layout:
    node = spec.graph.nodes[name]
    listed = {
        argument.name: argument.form for argument in node.arguments if is_listed(argument.form)
    }
    groups: dict[str, list[Link]] = {}
    edges = spec.graph.upstream(name)
    gates = tuple(link_of(spec.graph, edge, spaces) for edge in edges if edge.is_gate)
    for edge in edges:
        if edge.key not in listed and not edge.is_gate:
            links = groups.setdefault(edge.upstream, [])
            if not any(_way(edge) == _way(other.edge) for other in links):
                links.append(link_of(spec.graph, edge, spaces))
    for links in groups.values():
        links.sort(key=lambda link: not link.is_single)
    is_plain = not listed and all(link.is_whole for links in groups.values() for link in links)
    made = tuple((upstream, tuple(links)) for upstream, links in groups.items())
    ways = {(upstream, _way(link.edge)): link for upstream, links in made for link in links}
    return Layout(node, made, ways, tuple(listed.values()), is_plain, gates)


def wire_of(spec: RunSpec, node: str, inputs: Inputs) -> Wire:
    """Return a node's view of its inputs."""
    is_single = spec.graph.nodes[node].space == ROOT
    return (SingleWire if is_single else Wire)(spec, node, inputs)


def _way(edge: Edge | NodeRef) -> tuple[Any, ...]:
    return edge.levels, edge.is_flat


class Wire:
    """One node's view of its inputs, prepared once for a block."""

    def __init__(self, spec: RunSpec, node: str, inputs: Inputs) -> None:
        layout = layout_of(spec, node, inputs.spaces)
        self.node, self.groups, self.ways, self._listed, is_plain, self.gates = layout
        self.inputs = inputs
        self.space = inputs.space_of(node)
        self._plain = [inputs.whole_codes(name) for name, _ in self.groups] if is_plain else None
        self._getters = [
            (argument.keyword, self._getter(argument.form)) for argument in self.node.arguments
        ]

    def codes(self, position: int) -> list[bytes]:
        """Return the kinds of the states of all upstream task runs, in columns."""
        if self._plain is not None:
            return self._plain
        columns: list[bytes] = []
        for name, links in self.groups:
            if len(links) == 1:
                columns.append(self._column(name, links[0], position))
            else:
                columns += self._columns(name, links, position)
        for ref in self._elements(position):
            below = self._below_way(ref, ref.name, position)
            columns.append(self.inputs.codes_below(ref.name, below))
        return columns

    def _column(self, name: str, link: Link, position: int) -> bytes:
        if link.is_same:
            return bytes([self.inputs.code(name, position)])
        if link.is_whole:
            return self.inputs.whole_codes(name)
        return self.inputs.codes_below(name, self._below(name, link, position))

    def _columns(self, name: str, links: tuple[Link, ...], position: int) -> list[bytes]:
        """Return a column for each way to a node, each of its task runs in one of them only.

        A column of nothing but Skipped tells that a way was skipped. So what is left of one that
        was not, for the rest is told already, joins the column of that.
        """
        codes = self.inputs.column(name)
        columns: list[bytes] = []
        told: dict[int, int] = {}  # position -> number of its column
        ended: set[Index] = set()
        for link in links:
            below = self._below(name, link, position)
            codes = codes.ljust(max((b for _, b in below.ranges), default=0), _UNKNOWN)
            shared = [p for p in told if any(a <= p < b for a, b in below.ranges)]
            home = next((told[p] for p in shared if codes[p] != Skipped.code), len(columns))
            columns += [b""] * (home == len(columns))
            columns[home] += _without(codes, below.ranges, sorted(shared))
            columns[home] += bytes(
                state.code for index, state in below.decided.items() if index not in ended
            )
            ended.update(below.decided)
            if link is not links[-1]:
                told |= {p: home for p in below.positions() if p not in told}
        return columns

    def _below(self, name: str, link: Link, position: int) -> Below:
        """Return the upstream task runs on one way."""
        if link.is_same:
            return Below([(position, position + 1)], {})
        theirs = self.inputs.space_of(name)
        if link.is_whole and theirs.level <= 1 and not theirs.decided:
            return Below([(0, len(self.inputs.positions(name)))], {})
        return link.below(position, self.space, theirs)

    def states(self, position: int) -> Mapping[Edge, State]:
        """Return the states of all upstream task runs, for triggers of the user's."""
        return dict(self._states(position))

    def gate_codes(self, position: int) -> list[bytes]:
        """Return the kinds of the states of the cases that a task run is in, in columns."""
        return [self._column(link.edge.upstream, link, position) for link in self.gates]

    def gate_states(self, position: int) -> Mapping[Edge, State]:
        """Return the states of the cases that a task run is in."""
        belows = [
            (link.edge, self._below(link.edge.upstream, link, position)) for link in self.gates
        ]
        return dict(self._told(belows))

    def upstream(self, position: int) -> Iterator[UpstreamRun]:
        """Return all upstream task runs with what is known of them, for bodies that ask."""
        for edge, state in self._states(position):
            name = run_label(edge.upstream, edge.map_index)
            space = self.inputs.space_of(edge.upstream)
            is_run = len(edge.map_index) == space.level  # else a map that ended without children
            place = space.find(edge.map_index) if is_run else None
            yield UpstreamRun(name, edge, state, *self.inputs.times(edge.upstream, place))

    def _states(self, position: int) -> Iterator[tuple[Edge, State]]:
        elements = {(ref.name, _way(ref)) for ref in self._elements(position)}
        listed = {
            (ref.name, _way(ref)) for form in self._listed for ref in node_refs(form)
        } - self.ways.keys()
        found: list[tuple[Edge, Below]] = []
        for edge in self.inputs.spec.graph.upstream(self.node.name):
            way = (edge.upstream, _way(edge))
            if not edge.is_gate and (way not in listed or way in elements):
                found.append((edge, self._below_way(edge, edge.upstream, position)))
        return self._told(found)

    def _told(self, found: list[tuple[Edge, Below]]) -> Iterator[tuple[Edge, State]]:
        """Return the states on some ways, each task run's once."""
        told = {
            (edge.upstream, other)
            for edge, below in found
            if edge.levels
            for other in below.positions()
        }
        for edge, below in found:
            for index, state in below.decided.items():
                yield edge._replace(map_index=index), state
            space = self.inputs.space_of(edge.upstream)
            for other in below.positions():
                if edge.levels or (edge.upstream, other) not in told:
                    state = self.inputs.state(edge.upstream, other)
                    yield edge._replace(map_index=space.index_of(other)), state

    def _elements(self, position: int) -> list[NodeRef]:
        """Return the nodes in the element that a child gets of a list of nodes, each once."""
        if not self._listed:
            return []
        index = self.space.index_of(position)
        found = dict.fromkeys(ref for form in self._listed for ref in refs_at(form, index))
        return [ref for ref in found if (ref.name, _way(ref)) not in self.ways]

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

    def _getter(self, form: Form) -> Callable[[int], Any]:
        """Return a function from a position to what a form stands for there.

        Those that are asked most do not hold the wire, which holds them: so nothing of a block is
        left for Python's collector.
        """
        if isinstance(form, LiteralRef):
            inputs, name = self.inputs, form.name
            return lambda _: inputs.literal(name)
        if isinstance(form, Packed):
            return lambda position: fill(form, lambda ref: self._getter(ref)(position))
        if isinstance(form, Element):
            return self._element_getter(form)
        return self._node_getter(form)

    def _element_getter(self, form: Element) -> Callable[[int], Any]:
        level, place = form.level, self._place(form.level)
        if isinstance(form.of, Packed):
            template = form.of.template
            return lambda position: fill(
                template[place(position)], lambda ref: self._getter(ref)(position)
            )
        source, inputs = form.of, self.inputs
        if isinstance(source, LiteralRef) and not inputs.has_literal(source.name):
            return lambda position: _from_slices(inputs.slices, source, position)
        if isinstance(source, NodeRef) and source.name in inputs.pieces:
            name = source.name
            return _late(lambda: inputs.piece_getter(name))
        inner = self._getter(source)
        if isinstance(source, LiteralRef) or (isinstance(source, NodeRef) and not source.levels):
            at = _late(lambda: element_getter(inner(0)))
            return at if level == 0 and self.space.level == 1 else lambda p: at(place(p))
        return lambda position: element_getter(inner(position))(place(position))

    def _place(self, level: int) -> Callable[[int], int]:
        """Return a function from a position to its map index at a level."""
        if self.space.level == 1:
            return lambda position: position
        space = self.space
        return lambda position: space.index_of(position)[level]

    def _node_getter(self, ref: NodeRef) -> Callable[[int], Any]:
        inputs, name, is_picky = self.inputs, ref.name, ref.is_picky
        if not ref.levels:
            return _once(lambda: inputs.values_below(name, (), is_picky=is_picky))
        if ref.is_flat:
            return lambda position: self._flat_value(ref, position)
        if self._link(ref, name).is_same:
            return lambda position: inputs.value(name, position)

        space = self.space

        def get(position: int) -> Any:
            index = space.index_of(position)
            picked = tuple(index[level] for level in ref.levels)
            return inputs.values_below(name, picked, is_picky=is_picky)

        return get

    def _flat_value(self, ref: NodeRef, position: int) -> Any:
        """Return one element of the values of all children: of their lists, or one below them."""
        index = self.space.index_of(position)
        part, place = self.space.part_of(position)
        child = (*(index[level] for level in ref.levels[:-1]), part)
        theirs = self.inputs.space_of(ref.name)
        if theirs.level > len(child) and theirs.missing(child) is None:
            return self.inputs.values_below(ref.name, (*child, place))
        value = self.inputs.values_below(ref.name, child)
        source = theirs.find(child)
        is_list = source is not None and self.inputs.code(ref.name, source) in PICKED
        if not is_list or isinstance(value, str | bytes | bytearray):
            return value
        return element_getter(value)(place)

    def _below_way(self, way: Edge | NodeRef, node: str, position: int) -> Below:
        """Return the upstream task runs that an edge or a reference leads to."""
        return self._below(node, self._link(way, node), position)

    def _link(self, way: Edge | NodeRef, node: str) -> Link:
        link = self.ways.get((node, _way(way)))
        if link is None:  # in a list that is mapped over
            edge = Edge(node, self.node.name, levels=way.levels, is_flat=way.is_flat)
            link = link_of(self.inputs.spec.graph, edge, self.inputs.spaces)
        return link


class SingleWire(Wire):
    """The view of a node that is not mapped: whatever it depends on, it needs all of it.

    It is used once, so nothing is prepared; and what tells of a node that is not mapped either is
    looked for once.
    """

    _listed = ()
    gates: tuple[Link, ...] = ()

    def __init__(self, spec: RunSpec, node: str, inputs: Inputs) -> None:
        self.node = spec.graph.nodes[node]
        self.inputs = inputs
        self.space = ROOT_SPACE
        self.ways = {}  # links are made for those who ask
        self.names: dict[str, None] = {}  # of the nodes that are asked for their states
        self._found: dict[str, tuple[Segment, int]] = {}
        for edge in spec.graph.upstream(node):
            if edge.is_gate:
                self.gates = (*self.gates, link_of(spec.graph, edge, inputs.spaces))
            else:
                self.names[edge.upstream] = None

    def codes(self, position: int) -> list[bytes]:
        """Return the kinds of the states of all upstream task runs, in columns."""
        inputs, columns = self.inputs, []
        nodes = inputs.spec.graph.nodes
        for name in self.names:
            if nodes[name].space != ROOT:
                columns.append(inputs.whole_codes(name))
            elif (found := inputs.find(name, 0)) is None:
                columns.append(_UNKNOWN)
            else:
                segment, offset = self._found[name] = found
                columns.append(_ONE[segment.codes[offset]])
        return columns

    def arguments(self, position: int) -> tuple[list[Any], dict[str, Any]]:
        """Return what the function is called with."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for argument in self.node.arguments:
            value = self._value(argument.form)
            if argument.keyword is None:
                args.append(value)
            else:
                kwargs[argument.keyword] = value
        return args, kwargs

    def _value(self, form: Form) -> Any:
        if type(form) is NodeRef:
            if form.name in self._found:
                return self.inputs.read(*self._found[form.name])
            return self.inputs.values_below(form.name, (), is_picky=form.is_picky)
        if type(form) is LiteralRef:
            return self.inputs.literal(form.name)
        return fill(form, self._value)


_ONE = [bytes([code]) for code in range(256)]  # columns of one task run
_UNKNOWN = bytes([Pending.code])  # of what its block has given back, and so told nobody of


def _without(codes: bytes, ranges: list[tuple[int, int]], left_out: list[int]) -> bytes:
    """Return the codes in some ranges, except at some positions, which are sorted."""
    kept = b""
    for start, stop in ranges:
        for place in left_out:
            if start <= place < stop:
                kept += codes[start:place]
                start = place + 1  # noqa: PLW2901 - the rest of the range
        kept += codes[start:stop]
    return kept


def _from_slices(slices: tuple[Slice, ...], literal: LiteralRef, position: int) -> Any:
    for part in slices:
        if part.literal == literal.name and 0 <= position - part.start < len(part.values):
            return element_getter(part.values)(position - part.start)
    msg = f"no slice of {literal.name} holds position {position}"
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

"""The graph of one flow as a part of another: `Flow.update`, and flows by hand called in flows.

A flow with a function is simply traced again where it is called. A graph that was made or changed
by hand is copied, with other names, other levels, and values in the place of its parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daskflow.definition.calls import edge_of
from daskflow.definition.nodes import (
    ROOT,
    Argument,
    Element,
    Form,
    Giver,
    LiteralRef,
    NodeRef,
    NodeSpec,
    Packed,
    SpaceSpec,
    fill,
    literals_in,
    node_refs,
)
from daskflow.definition.placeholders import Derived, Node
from daskflow.definition.tasks import in_sight
from daskflow.definition.tracing import Trace
from daskflow.errors import DefinitionError
from daskflow.graph import Edge, listed


def graft(trace: Trace, source: Trace, values: Mapping[str, Any]) -> Any:
    """Record the graph of another flow; return what stands for the value that it gives back.

    Parameters
    ----------
    values
        What its parameters stand for.
    """
    made = _Graft(trace, source, values)
    for name in source.graph.order():
        made.add(source.graph.nodes[name])
    return None if source.returned is None else made.value(source.returned)


def take_in(trace: Trace, source: Trace) -> None:
    """Record the graph of another flow as it is; see `Flow.update`."""
    mine = trace.graph.nodes.keys() | trace.graph.spaces.keys()
    taken = [name for name in (*source.graph.nodes, *source.graph.spaces) if name in mine - {ROOT}]
    if taken:
        names = listed(dict.fromkeys(taken))
        msg = f"flow {trace.flow!r} cannot take in {source.flow!r}: both have nodes named {names}"
        raise DefinitionError(msg)
    parameters = sorted(
        source.parameters.values(), key=lambda one: one.name not in trace.parameters
    )
    for parameter in parameters:  # those that may clash first, before anything is changed
        trace.declare(parameter.replace(kind=parameter.KEYWORD_ONLY))
    forms = {name: Derived(name, LiteralRef(name), name) for name in source.parameters}
    graft(trace, source, forms)


class _Graft:
    """A graph on its way into another."""

    def __init__(self, trace: Trace, source: Trace, values: Mapping[str, Any]) -> None:
        self.trace, self.source = trace, source
        self.values = dict(values)
        self.depth = trace.level  # how much longer map indexes become
        self._literals: dict[str, Form] = {}
        givers = (one for space in source.graph.spaces.values() for one in space.givers)
        for name in {name for giver in givers for name in literals_in(giver.form)} & values.keys():
            self.values[name] = in_sight(trace, values[name])

    def add(self, node: NodeSpec) -> None:
        """Record a node, behind those that it depends on."""
        graph = self.source.graph
        for space in graph.around(node.space):
            self._add_space(graph.spaces[space])
        name, space = self.trace.prefix + node.name, self._space(node.space)
        arguments = tuple(one._replace(form=self.form(one.form)) for one in node.arguments)
        made = NodeSpec(name, node.task, arguments, space)
        edges = [edge for one in arguments for edge in self._edges(made, one)]
        edges += [
            edge._replace(
                upstream=self.trace.prefix + edge.upstream,
                downstream=name,
                levels=self._levels(edge.levels),
            )
            for edge in graph.upstream(node.name)
            if edge.key is None
        ]
        self.trace.add_node(made, edges)

    def _add_space(self, space: SpaceSpec) -> None:
        name = self._space(space.name)
        if name not in self.trace.graph.spaces:
            givers = tuple(self._giver(one) for one in space.givers)
            around, depth = self._space(space.parent), space.depth + self.depth
            gates = tuple(map(self._ref, space.gates))
            if space.parent == ROOT and not gates:
                gates = tuple(self.trace.gates())
            self.trace.graph.add_space(SpaceSpec(name, around, depth, givers, gates))

    def _ref(self, ref: NodeRef) -> NodeRef:
        name = self.trace.prefix + ref.name
        return ref._replace(name=name, levels=self._levels(ref.levels))

    def _giver(self, giver: Giver) -> Giver:
        form, what = self.form(giver.form), giver.what
        if what.startswith("wait_for ") and isinstance(form, NodeRef):
            what = f"wait_for {form.name}"
        return Giver(what, form)

    def _space(self, name: str) -> str:
        return self.trace.space if name == ROOT else self.trace.prefix + name

    def _levels(self, levels: tuple[int, ...]) -> tuple[int, ...]:
        return (*range(self.depth), *(level + self.depth for level in levels))

    def _edges(self, node: NodeSpec, argument: Argument) -> list[Edge]:
        """Return the edges of an argument."""
        form, own = argument.form, self.trace.graph.spaces[node.space].depth - 1
        is_mapped = node.is_mapped and (
            (isinstance(form, NodeRef) and own in form.levels)
            or (isinstance(form, Element) and form.level == own and not isinstance(form.of, Packed))
        )
        refs = node_refs(form)
        return [edge_of(ref, node.name, argument.name, is_mapped=is_mapped) for ref in refs]

    def form(self, form: Form) -> Form:
        """Return a form as it is in the other graph."""
        if isinstance(form, LiteralRef):
            return self._literal(form.name)
        if isinstance(form, NodeRef):
            return self._ref(form)
        if isinstance(form, Packed):
            return Packed(fill(form.template, self.form))
        of, level = self.form(form.of), form.level + self.depth
        if isinstance(of, NodeRef) and self.trace.is_lane(of):  # mapped over, and mapped itself
            return of._replace(levels=(*of.levels, level))
        return Element(of, level)

    def _literal(self, name: str) -> Form:
        if name not in self._literals:
            is_parameter = name in self.values
            value = self.values[name] if is_parameter else self.source.literals[name]
            self._literals[name] = self.trace.form_of(value, self.trace.prefix + name)
        return self._literals[name]

    def value(self, form: Form) -> Any:
        """Return what stands for a form that a flow gives back."""
        if isinstance(form, LiteralRef):
            known = self.values if form.name in self.values else self.source.literals
            return known[form.name]
        if isinstance(form, NodeRef):
            name = self.trace.prefix + form.name
            if not form.is_picky:
                return Node(name, self.trace)
            label = f"the successful results of task {name!r}"
            return Derived(name, self.form(form), label, self.trace.space)
        return fill(form, self.value)

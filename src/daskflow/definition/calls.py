"""One call of a task in the making: what its arguments come to.

For each argument a form, the edges that the nodes in it bring, and what gives its width where it is
mapped. The same for a call that is traced and for an edge that is added by hand later.
"""

from __future__ import annotations

from typing import Any, Protocol

from daskflow.definition.mapping import Unmapped, measure
from daskflow.definition.nodes import (
    Argument,
    Element,
    Form,
    Giver,
    LiteralRef,
    NodeRef,
    Packed,
    node_refs,
)
from daskflow.definition.placeholders import Derived, Parameter
from daskflow.errors import DefinitionError
from daskflow.graph import Edge, new


class Surroundings(Protocol):
    """What a call needs of the trace that it is recorded in."""

    @property
    def level(self) -> int:
        """How long the map indexes are around the call."""

    def form_of(self, value: Any, literal: str) -> Form:
        """Return how a value is stored."""

    def is_lane(self, form: Form) -> bool:
        """Return whether a form stands for the values of many task runs."""


class Call:
    """One call in the making: the edges that its arguments bring, and what gives its width."""

    def __init__(self, trace: Surroundings, name: str, *, is_mapped: bool) -> None:
        self.trace = trace
        self.name = name
        self.is_mapped = is_mapped
        self.edges: list[Edge] = []
        self.givers: list[Giver] = []

    @property
    def level(self) -> int:
        """The level that the call adds to map indexes, where it is mapped."""
        return self.trace.level

    def plain(self, name: str, keyword: str | None, node: str) -> Argument:
        """Take in the value of a node, where nothing is mapped, as in most large flows.

        What `argument` does, with as few calls as can be.
        """
        edge = (node, self.name, name, False, (), (), False, False)
        self.edges.append(new(Edge, edge))
        return new(Argument, (name, new(NodeRef, (node, (), False, False)), keyword))

    def argument(self, name: str, keyword: str | None, value: Any) -> Argument:
        """Take in an argument."""
        if isinstance(value, Unmapped):
            if not self.is_mapped:
                msg = f"{self.name}: unmapped() belongs into .map(...); pass the value as it is"
                raise DefinitionError(msg)
            form = self.trace.form_of(value.value, f"{self.name}.{name}")
        elif self.is_mapped:
            form = self._mapped(name, value)
        else:
            form = self.trace.form_of(value, f"{self.name}.{name}")
        for ref in node_refs(form):
            is_mapped = self.is_mapped and _is_mapped(form, value)
            self.edges.append(edge_of(ref, self.name, name, is_mapped=is_mapped))
        return Argument(name, form, keyword)

    def lane(self, name: str, value: Any) -> Any:
        """Return what stands for an argument of a mapped sub-flow in a lane."""
        if isinstance(value, Unmapped):
            return value.value
        return Derived(name, self._mapped(name, value), f"parameter {name!r}", self.name)

    def wait_for(self, waited: Any) -> None:
        """Take in what must be finished first: lane by lane where it is mapped as well."""
        whole = isinstance(waited, Unmapped) or not self.is_mapped
        if isinstance(waited, Unmapped):
            waited = waited.value
        refs = list(node_refs(self.trace.form_of(waited, f"{self.name}.wait_for")))
        if not refs:
            msg = f"{self.name}: wait_for takes what tasks returned, not {waited!r}"
            raise DefinitionError(msg)
        for ref in refs:
            if whole or not self.trace.is_lane(ref):
                self.edges.append(edge_of(ref, self.name, None))
            else:
                self.givers.append(Giver(f"wait_for {ref.name}", ref))
                lane = NodeRef(ref.name, (*ref.levels, self.level))
                self.edges.append(edge_of(lane, self.name, None, is_mapped=True))

    def _mapped(self, name: str, value: Any) -> Form:
        """Return what one child gets of a value, and note the value among those that give width."""
        form = self.trace.form_of(value, f"{self.name}.{name}")
        if isinstance(form, LiteralRef | Packed) and not isinstance(value, Parameter | Derived):
            try:
                measure(value)
            except DefinitionError as error:
                msg = f"{self.name}, argument {name!r}: {error}"
                raise DefinitionError(msg) from None
        if isinstance(form, NodeRef) and form.is_picky:
            msg = f"{self.name}: map over {form.name!r} itself; a child that failed ends its lane"
            raise DefinitionError(msg)
        self.givers.append(Giver(name, form))
        if isinstance(form, NodeRef) and self.trace.is_lane(form):
            return NodeRef(form.name, (*form.levels, self.level))
        return Element(form, self.level)


def _is_mapped(form: Form, value: Any) -> bool:
    """Return whether each child gets the value of one child of the nodes in an argument."""
    if isinstance(value, Unmapped):
        return False
    in_list = isinstance(form, Element) and isinstance(form.of, Packed)
    return isinstance(form, Element | NodeRef) and not in_list


def edge_of(ref: NodeRef, downstream: str, key: str | None, *, is_mapped: bool = False) -> Edge:
    """Return the edge that a reference to a node brings."""
    return Edge(ref.name, downstream, key, is_mapped, (), ref.levels, ref.is_flat)

"""The graph of a flow in the making: what is recorded while its function runs once.

Calls of tasks become nodes; the values they get become forms, which name nodes and literals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from daskflow.errors import DefinitionError
from daskflow.graph import Edge
from daskflow.mapping import Unmapped, measure
from daskflow.nodes import (
    ROOT,
    Argument,
    Element,
    FlowGraph,
    Form,
    Giver,
    LiteralRef,
    NodeRef,
    NodeSpec,
    Packed,
    SpaceSpec,
    node_refs,
)
from daskflow.placeholders import Node, Parameter, Placeholder, holds_placeholder

if TYPE_CHECKING:
    from daskflow.tasks import Task


class Trace:
    """The graph of one flow while its function is being traced."""

    def __init__(self) -> None:
        self.graph = FlowGraph()
        self.literals: dict[str, Any] = {}  # constants, by node.argument
        self._constants: dict[int, str] = {}  # their names by their ids
        self._counts: dict[str, int] = {}
        self._scope = ""  # put before names
        self.space = ROOT  # in which the calls are that are recorded now

    def add_call(
        self,
        task: Task[..., Any],
        arguments: list[tuple[str, str | None, Any]],
        wait_for: Any = (),
        *,
        is_mapped: bool = False,
        name: str | None = None,
    ) -> Node:
        """Record the call of a task and return the handle of its value.

        Parameters
        ----------
        arguments
            For each argument the parameter it feeds, its keyword (None: by position), the value.
        wait_for
            Nodes, or lists of them, that must be finished first.
        name
            The node's name; by default the task's, with a number from the second call on.
        """
        name = self._scope + name if name else self._next_name(self._scope + task.name)
        call = _Call(self, name, is_mapped=is_mapped)
        made = tuple(call.argument(*argument) for argument in arguments)
        if is_mapped and not call.givers:
            msg = f"{task.name}.map() has no mapped argument; call {task.name}(...) instead"
            raise DefinitionError(msg)
        for waited in wait_for:
            call.wait_for(waited)
        self._add_node(name, task, made, call)
        return Node(name)

    def add_flat(self, task: Task[..., Any], lanes: NodeRef) -> Node:
        """Record a map of a task over the elements of all values that a mapped node has."""
        name = self._next_name(self._scope + task.name)
        call = _Call(self, name, is_mapped=True)
        call.givers.append(Giver("x", NodeRef(lanes.name, lanes.levels, is_flat=True)))
        flat = NodeRef(lanes.name, (*lanes.levels, call.level), is_flat=True)
        call.edges.append(_edge(flat, name, "x", is_mapped=True))
        self._add_node(name, task, (Argument("x", flat),), call)
        return Node(name)

    def _add_node(
        self, name: str, task: Task[..., Any], arguments: tuple[Argument, ...], call: _Call
    ) -> None:
        if name in self.graph.spaces and name not in self.graph:
            msg = f"{name!r} is the name of a mapped sub-flow here; give the node another one"
            raise DefinitionError(msg)
        space = name if call.is_mapped else self.space
        self.graph.add_node(name, NodeSpec(name, task, arguments, space))
        if call.is_mapped:
            self._add_space(name, call.givers)
        for edge in call.edges:
            self.graph.add_edge(edge)

    def _add_space(self, name: str, givers: Iterable[Giver]) -> None:
        self.graph.spaces[name] = SpaceSpec(name, self.space, self.level + 1, tuple(givers))

    @property
    def level(self) -> int:
        """How long the map indexes are of what is recorded now."""
        return self.graph.spaces[self.space].depth

    @contextmanager
    def scope(self, flow: str) -> Iterator[None]:
        """Put what is recorded meanwhile under the name of an inlined flow."""
        outer = self._scope
        self._scope = self._next_name(outer + flow) + "."
        try:
            yield
        finally:
            self._scope = outer

    @contextmanager
    def mapped_scope(self, flow: str, arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Put what is recorded meanwhile into the lanes of a mapped sub-flow.

        Yields what stands for each argument in a lane.
        """
        outer_scope, outer_space = self._scope, self.space
        name = self._next_name(outer_scope + flow)
        call = _Call(self, name, is_mapped=True)
        lanes = {key: call.lane(key, value) for key, value in arguments.items()}
        if not call.givers:
            msg = f"{flow}.map() has no mapped argument; call {flow}(...) instead"
            raise DefinitionError(msg)
        self._add_space(name, call.givers)
        self._scope, self.space = f"{name}.", name
        try:
            yield lanes
        finally:
            self._scope, self.space = outer_scope, outer_space

    def form_of(self, value: Any, literal: str) -> Form:
        """Return how a value is stored: what holds no node becomes the literal of that name."""
        if isinstance(value, Node):
            return self._ref(value)
        if isinstance(value, Parameter):
            self._see_lane(value)
            # slots that no user meets
            return value._form or LiteralRef(value._name)  # noqa: SLF001
        if holds_placeholder(value):
            return Packed(self._template(value, literal))
        return LiteralRef(self._name_of(value, literal))

    def _see_lane(self, value: Parameter) -> None:
        """Refuse what belongs to the lanes of another sub-flow."""
        space = value._space  # noqa: SLF001 - the same
        if space != ROOT and space not in self.graph.around(self.space):
            msg = f"{value!r} belongs to the lanes of {space!r}; return it from that sub-flow"
            raise DefinitionError(msg)

    def _name_of(self, value: Any, literal: str) -> str:
        """Return the name of a constant; one that was given before goes to workers only once."""
        found = self._constants.get(id(value))
        if found is not None:
            return found
        while literal in self.literals:  # f(1, a=2) where a is both a position and a keyword
            literal += "'"
        self.literals[literal] = value
        self._constants[id(value)] = literal
        return literal

    def lanes_of(self, value: Any) -> NodeRef | None:
        """Return the reference to the task runs that a placeholder stands for, where it is many."""
        form = self.form_of(value, "") if isinstance(value, Placeholder) else None
        return form if isinstance(form, NodeRef) and self.is_lane(form) else None

    def is_lane(self, form: Form) -> bool:
        """Return whether a form stands for the values of many task runs."""
        return isinstance(form, NodeRef) and self.graph.depth(form.name) > len(form.levels)

    def is_inside(self, node: Node) -> bool:
        """Return whether a node lies in the lanes that are recorded now, or in lanes within."""
        return len(self._ref(node).levels) == self.level

    def is_out_of_sight(self, value: Any) -> bool:
        """Return whether a value is the element of a value that only workers will see.

        Nobody could tell how long it is before it is the value of a task run of its own.
        """
        form = value._form if isinstance(value, Parameter) else None  # noqa: SLF001 - the same
        return isinstance(form, Element) and bool(node_refs(form))

    def _ref(self, node: Node) -> NodeRef:
        """Return the reference to a node of this flow's; refuse one of another's."""
        name = node._name  # noqa: SLF001 - the same
        if name not in self.graph:
            msg = f"{node!r} belongs to another flow; pass its value as a parameter instead"
            raise DefinitionError(msg)
        theirs = self.graph.around(self.graph.nodes[name].space)
        shared = 0
        for mine, other in zip(self.graph.around(self.space), theirs, strict=False):
            if mine != other:
                break
            shared += 1
        return NodeRef(name, tuple(range(shared)))

    def _template(self, value: Any, literal: str) -> Any:
        if isinstance(value, Placeholder):
            return self.form_of(value, literal)
        if not holds_placeholder(value):
            return value
        if isinstance(value, dict):
            return {
                self._template(k, literal): self._template(v, literal) for k, v in value.items()
            }
        return type(value)(self._template(item, literal) for item in value)

    def _next_name(self, base: str) -> str:
        while True:
            count = self._counts[base] = self._counts.get(base, 0) + 1
            name = base if count == 1 else f"{base}-{count}"
            if name not in self.graph and name not in self.graph.spaces:
                return name


class _Call:
    """One call in the making: the edges that its arguments bring, and what gives its width."""

    def __init__(self, trace: Trace, name: str, *, is_mapped: bool) -> None:
        self.trace = trace
        self.name = name
        self.is_mapped = is_mapped
        self.level = trace.level  # that the call adds to map indexes, where it is mapped
        self.edges: list[Edge] = []
        self.givers: list[Giver] = []

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
        is_mapped = self.is_mapped and isinstance(form, Element | NodeRef)
        is_mapped = is_mapped and not isinstance(value, Unmapped)
        for ref in node_refs(form):
            in_list = isinstance(form, Element) and isinstance(form.of, Packed)
            self.edges.append(_edge(ref, self.name, name, is_mapped=is_mapped and not in_list))
        return Argument(name, form, keyword)

    def lane(self, name: str, value: Any) -> Any:
        """Return what stands for an argument of a mapped sub-flow in a lane."""
        if isinstance(value, Unmapped):
            return value.value
        return Parameter(name, self._mapped(name, value), space=self.name)

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
                self.edges.append(_edge(ref, self.name, None))
            else:
                self.givers.append(Giver(f"wait_for {ref.name}", ref))
                lane = NodeRef(ref.name, (*ref.levels, self.level))
                self.edges.append(_edge(lane, self.name, None, is_mapped=True))

    def _mapped(self, name: str, value: Any) -> Form:
        """Return what one child gets of a value, and note the value among those that give width."""
        form = self.trace.form_of(value, f"{self.name}.{name}")
        if isinstance(form, LiteralRef | Packed) and not isinstance(value, Parameter):
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


def _edge(ref: NodeRef, downstream: str, key: str | None, *, is_mapped: bool = False) -> Edge:
    return Edge(ref.name, downstream, key, is_mapped, levels=ref.levels, is_flat=ref.is_flat)


current_trace: ContextVar[Trace | None] = ContextVar("daskflow_trace", default=None)

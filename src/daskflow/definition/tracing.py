"""The graph of a flow in the making: what is recorded while its function runs once.

Calls of tasks become nodes; the values they get become forms, which name nodes and literals.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from daskflow.definition.calls import Call, edge_of
from daskflow.definition.nodes import (
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
from daskflow.definition.placeholders import (
    Derived,
    Node,
    Parameter,
    Placeholder,
    holds_placeholder,
)
from daskflow.errors import DefinitionError
from daskflow.graph import Edge, listed, new
from daskflow.tagging import active_tags

if TYPE_CHECKING:
    from daskflow.definition.tasks import Task


class Trace:
    """The graph of one flow, in the making.

    Parameters
    ----------
    flow
        Its name, for messages.
    parameters
        Those that it has; None: those that are used in it.
    """

    def __init__(
        self, flow: str = "", parameters: Mapping[str, inspect.Parameter] | None = None
    ) -> None:
        self.flow = flow
        self.graph = FlowGraph()
        self.literals: dict[str, Any] = {}  # constants, by node.argument
        self._constants: dict[int, str] = {}  # their names by their ids
        self.parameters = dict(parameters or {})
        self.returned: Form | None = None  # None: nothing was said
        self.calls: dict[int, list[str]] = {}  # nodes by the id of what their tasks are made of
        self._is_open = parameters is None  # for more parameters
        self.recorded: int | None = None  # changes when its function had been traced
        self._edits = 0  # made to something else than the graph
        self._counts: dict[str, int] = {}
        self._scope = ""  # put before names
        self._space = ROOT  # in which the calls are that are recorded now
        self._case: str | None = None  # the innermost that they are in, in this space

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
        call = Call(self, name, is_mapped=is_mapped)
        is_plain = self._space == ROOT and not is_mapped  # as most calls of large flows are
        made = []
        for fed, keyword, value in arguments:
            if is_plain and type(value) is Node and value._trace is self:  # noqa: SLF001 - a handle
                made.append(call.plain(fed, keyword, value._name))  # noqa: SLF001 - of our own
            else:
                made.append(call.argument(fed, keyword, value))
        if is_mapped and not call.givers:
            msg = f"{task.name}.map() has no mapped argument; call {task.name}(...) instead"
            raise DefinitionError(msg)
        for waited in wait_for:
            call.wait_for(waited)
        self._add_node(name, task, tuple(made), call)
        return Node(name, self)

    def add_flat(self, task: Task[..., Any], lanes: NodeRef) -> Node:
        """Record a map of a task over the elements of all values that a mapped node has."""
        name = self._next_name(self._scope + task.name)
        call = Call(self, name, is_mapped=True)
        call.givers.append(Giver("x", NodeRef(lanes.name, lanes.levels, is_flat=True)))
        flat = NodeRef(lanes.name, (*lanes.levels, call.level), is_flat=True)
        call.edges.append(edge_of(flat, name, "x", is_mapped=True))
        self._add_node(name, task, (Argument("x", flat),), call)
        return Node(name, self)

    def _add_node(
        self, name: str, task: Task[..., Any], arguments: tuple[Argument, ...], call: Call
    ) -> None:
        if name in self.graph.spaces:
            msg = f"{name!r} is the name of a mapped sub-flow here; give the node another one"
            raise DefinitionError(msg)
        space = name if call.is_mapped else self._space
        if call.is_mapped:
            self.graph.check_free(name)
            self._add_space(name, call.givers, self.gates())
        self.add_node(new(NodeSpec, (name, task, arguments, space)), call.edges)

    def add_node(self, node: NodeSpec, edges: Iterable[Edge]) -> None:
        """Put a node into the graph, whose index space is there."""
        tags = active_tags.get()
        if added := tags - node.task.rules.tags if tags else tags:
            tagged = node.task.with_options(tags=node.task.rules.tags | added)
            node = node._replace(task=tagged)
        own = list(edges)
        gates = self.gates() if self._case is not None and node.space == self._space else []
        if gates and not any(edge.is_gate for edge in own):  # in lanes they have them
            own += [gate_of(gate, node.name) for gate in gates]
        self.graph.add_node(node.name, node, own)
        self.calls.setdefault(id(node.task.origin), []).append(node.name)

    def _add_space(self, name: str, givers: Iterable[Giver], gates: Iterable[NodeRef] = ()) -> None:
        around, depth = self._space, self.level + 1
        self.graph.add_space(SpaceSpec(name, around, depth, tuple(givers), tuple(gates)))

    def gates(self) -> list[NodeRef]:
        """Return what leads to the case that calls are in that are recorded now, if there is one.

        In one case inside of another only the inner one is asked, which waits for the other.
        """
        return [] if self._case is None else [self.ref(Node(self._case, self))]

    @contextmanager
    def inside(self, case: str | None) -> Iterator[None]:
        """Put what is recorded meanwhile into a case, by the name of its node."""
        outer = self._case
        self._case = case
        try:
            yield
        finally:
            self._case = outer

    def close_in(self, node: Node, case: Node) -> None:
        """Put a node into a case that is recorded already.

        Raises
        ------
        CycleError
            The case depends on it.
        """
        name, gate = self.name_of(node), self.ref(case)
        if self.graph.nodes[name].is_mapped:
            self.graph.add_gate(name, gate)
        else:
            self.graph.join(gate_of(gate, name))

    def wait_for(self, name: str, first: Node) -> None:
        """Let a node that is recorded wait for another one."""
        self.graph.join(edge_of(self.ref(first), name, None))

    def new_prefix(self, base: str) -> str:
        """Return how the names of some nodes may begin that belong together."""
        return self._next_name(self._scope + base).removeprefix(self._scope)

    def recorded_since(self, count: int) -> list[str]:
        """Return the names of the nodes that were recorded when there were so many already."""
        return list(self.graph.nodes)[count:]

    @property
    def changes(self) -> int:
        """How often something was added to it or changed."""
        return self.graph.changes + self._edits

    @property
    def is_edited(self) -> bool:
        """Whether it is not what its function says: changed since, or made by hand."""
        return self.changes != self.recorded

    @property
    def prefix(self) -> str:
        """What is put before the names of nodes that are recorded now."""
        return self._scope

    @property
    def space(self) -> str:
        """The index space of nodes that are recorded now."""
        return self._space

    @property
    def level(self) -> int:
        """How long the map indexes are of what is recorded now."""
        return self.graph.spaces[self._space].depth

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
        outer_scope, outer_space = self._scope, self._space
        name = self._next_name(outer_scope + flow)
        call = Call(self, name, is_mapped=True)
        lanes = {key: call.lane(key, value) for key, value in arguments.items()}
        if not call.givers:
            msg = f"{flow}.map() has no mapped argument; call {flow}(...) instead"
            raise DefinitionError(msg)
        self._add_space(name, call.givers, self.gates())
        self._scope, self._space = f"{name}.", name
        try:
            with self.inside(None):  # what does not exist needs no gate
                yield lanes
        finally:
            self._scope, self._space = outer_scope, outer_space

    def form_of(self, value: Any, literal: str) -> Form:
        """Return how a value is stored: what holds no node becomes the literal of that name."""
        if isinstance(value, Node):
            return self.ref(value)
        if isinstance(value, Derived):
            self._check_near(value)
            return value._form  # noqa: SLF001 - slots that no user meets
        if isinstance(value, Parameter):
            return self.declare(value._declared)  # noqa: SLF001 - the same
        if holds_placeholder(value):
            return Packed(self._template(value, literal))
        return LiteralRef(self._name_of(value, literal))

    def _name_of(self, value: Any, literal: str) -> str:
        """Return the name of a constant; one that was given before goes to workers only once."""
        found = self._constants.get(id(value), "")
        if found in self.literals and self.literals[found] is value:  # ids outlive no pickling
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

    def _check_near(self, value: Derived) -> None:
        """Refuse what belongs to the lanes of another sub-flow."""
        space = value._space  # noqa: SLF001 - the same
        if space not in (ROOT, *self.graph.around(self._space)):
            msg = f"{value!r} belongs into the lanes of {space!r}; return it from that flow"
            raise DefinitionError(msg)

    def is_lane(self, form: Form) -> bool:
        """Return whether a form stands for the values of many task runs."""
        return isinstance(form, NodeRef) and self.graph.depth(form.name) > len(form.levels)

    def is_inside(self, node: Node) -> bool:
        """Return whether a node lies in the lanes that are recorded now, or in lanes within."""
        return len(self.ref(node).levels) == self.level

    def is_within(self, node: Node) -> bool:
        """Return whether a node lies in lanes within those that are recorded now."""
        spec = self.graph.nodes[self.name_of(node)]
        space = self.graph.spaces[spec.space].parent if spec.is_mapped else spec.space
        return space != self._space

    def is_out_of_sight(self, value: Any) -> bool:
        """Return whether a value is the element of a value that only workers will see.

        Nobody could tell how long it is before it is the value of a task run of its own.
        """
        form = value._form if isinstance(value, Derived) else None  # noqa: SLF001 - the same
        return isinstance(form, Element) and bool(node_refs(form))

    def name_of(self, node: Node) -> str:
        """Return the name of a node of this flow's; refuse one of another's."""
        if node._trace is not self:  # noqa: SLF001 - the same
            msg = f"{node!r} belongs to another flow; pass its value as a parameter instead"
            raise DefinitionError(msg)
        return node._name  # noqa: SLF001 - the same

    def ref(self, node: Node) -> NodeRef:
        """Return the reference to a node from what is recorded now."""
        name = self.name_of(node)
        if self._space == ROOT:
            return NodeRef(name)
        theirs = self.graph.around(self.graph.nodes[name].space)
        shared = 0
        for mine, other in zip(self.graph.around(self._space), theirs, strict=False):
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

    def declare(self, parameter: inspect.Parameter) -> LiteralRef:
        """Take in a parameter of the flow, or see that it is the same as before.

        Raises
        ------
        DefinitionError
            The flow's function has no such parameter, or there is one with another default or
            annotation.
        """
        name = parameter.name
        known = self.parameters.get(name)
        if known is None:
            if not self._is_open:
                takes = listed(self.parameters)
                msg = f"flow {self.flow!r} has no parameter {name!r}; its function takes: {takes}"
                raise DefinitionError(msg)
            self.parameters[name] = parameter
            self._edits += 1
            return LiteralRef(name)
        for what in ("default", "annotation"):
            mine, theirs = getattr(known, what), getattr(parameter, what)
            if theirs is not parameter.empty and not _is_equal(mine, theirs):
                was = "none" if mine is parameter.empty else repr(mine)
                msg = f"flow {self.flow!r}, parameter {name!r}: its {what} is {was}, not {theirs!r}"
                raise DefinitionError(msg)
        return LiteralRef(name)

    def give_back(self, value: Any) -> Form:
        """Let runs return a value: a node, a parameter, a constant, or a structure of them."""
        self.returned = self.form_of(value, "<returned>")
        self._edits += 1
        return self.returned

    def _next_name(self, base: str) -> str:
        while True:
            count = self._counts[base] = self._counts.get(base, 0) + 1
            name = base if count == 1 else f"{base}-{count}"
            if name not in self.graph.nodes and name not in self.graph.spaces:
                return name


def gate_of(case: NodeRef, node: str) -> Edge:
    """Return the gate from a case to a node in it."""
    return Edge(case.name, node, levels=case.levels, is_gate=True)


def _is_equal(one: Any, other: Any) -> bool:
    try:
        return one is other or (type(one) is type(other) and bool(one == other))
    except Exception:  # noqa: BLE001 - arrays and others that compare in their own way
        return False


def enter(trace: Trace) -> None:
    """Record in this trace what is called from now on, until `leave`."""
    _outer.set((*_outer.get(), current_trace.get()))
    current_trace.set(trace)


def leave() -> None:
    """Record again where it was recorded before `enter`."""
    *rest, trace = _outer.get()
    _outer.set(tuple(rest))
    current_trace.set(trace)


_outer: ContextVar[tuple[Trace | None, ...]] = ContextVar("daskflow_outer_traces", default=())
current_trace: ContextVar[Trace | None] = ContextVar("daskflow_trace", default=None)

"""Changes to a graph after it was recorded: edges, other tasks in the place of some.

A trace is kept and may be changed at any time, whether a function was traced or there is none; a
run starts from a snapshot of it. Whatever cannot work is an error at once and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, Any

from daskflow.definition.calls import Call, edge_of
from daskflow.definition.mapping import Unmapped
from daskflow.definition.nodes import Argument, Form, NodeRef, NodeSpec, by_lane, node_refs
from daskflow.definition.placeholders import Derived, Node, Parameter, Placeholder
from daskflow.definition.tracing import Trace
from daskflow.errors import DefinitionError
from daskflow.graph import Edge, listed

if TYPE_CHECKING:
    from daskflow.definition.tasks import Task


class EditableTrace(Trace):
    """A trace that can be changed after it was recorded."""

    def find(self, wanted: Any) -> str:
        """Return the name of the node that is meant by its handle, its name, or its task.

        Raises
        ------
        DefinitionError
            There is none, or the task has several.
        """
        if isinstance(wanted, Node):
            return self.name_of(wanted)
        if isinstance(wanted, str):
            names, what = [wanted] if wanted in self.graph else [], f"named {wanted!r}"
        else:
            names, what = self._nodes_of(wanted), f"of {wanted!r}"
        if len(names) == 1:
            return names[0]
        if names:
            msg = f"flow {self.flow!r} has several nodes {what}, name one: {listed(names)}"
        else:
            msg = f"flow {self.flow!r} has no node {what}; its nodes: {listed(self.graph.nodes)}"
        raise DefinitionError(msg)

    def _nodes_of(self, task: Any) -> list[str]:
        """Return the nodes of a task, whatever its options."""
        if isinstance(task, Placeholder) or not hasattr(task, "origin"):
            return []
        nodes = self.graph.nodes
        names = self.calls.get(id(task.origin), ())
        found = [name for name in names if nodes[name].task.origin is task.origin]
        return found or self.graph.nodes_of(task)

    def add_edge(
        self, upstream: Any, downstream: Any, key: str | None = None, *, mapped: bool = False
    ) -> None:
        """Let one node depend on another; see `Flow.add_edge`."""
        spec = self.graph.nodes[self.find(downstream)]
        is_node = not isinstance(upstream, Parameter | Derived)
        value: Any = Node(self.find(upstream), self) if is_node else upstream
        if mapped and self.is_out_of_sight(value):
            msg = (
                f"{spec.name}: {value!r} has no task run of its own to be mapped over; give it one"
            )
            raise DefinitionError(msg)
        with self._around(spec):
            call = Call(self, spec.name, is_mapped=spec.is_mapped or mapped)
            given = Unmapped(value) if call.is_mapped and not mapped else value
            if key is None:
                call.wait_for(given)
            else:
                keyword = spec.task.binding.keyword(spec, key)
                argument = call.argument(key, keyword, given)
                spec = spec._replace(arguments=spec.task.binding.placed(spec.arguments, argument))
            if mapped and not call.givers:
                msg = f"{spec.name}: {value!r} is not mapped; leave mapped= out, or say key= too"
                raise DefinitionError(msg)
            self._take_in(spec, call)

    @contextmanager
    def _around(self, spec: NodeSpec) -> Iterator[None]:
        """Record meanwhile in the lanes in which a node was recorded."""
        outer = self._space
        self._space = self.graph.spaces[spec.space].parent if spec.is_mapped else spec.space
        try:
            with self.inside(None):
                yield
        finally:
            self._space = outer

    def _take_in(self, spec: NodeSpec, call: Call) -> None:
        """Put what came of a call into the graph."""
        name, was_mapped = spec.name, spec.is_mapped
        for edge in call.edges:  # several only from a lane's width, and those close no circle
            self.graph.join(edge)
        if call.givers:
            known = self.graph.spaces[name].givers if was_mapped else ()
            told = {giver.what for giver in known}
            new = (giver for giver in call.givers if giver.what not in told)
            gates = self.graph.spaces[name].gates if was_mapped else self._take_gates(name)
            self._add_space(name, (*known, *new), gates)
            spec = spec._replace(space=name)
        self.graph.replace_node(name, spec)
        if spec.is_mapped and not was_mapped:
            self._lift(name)

    def _take_gates(self, name: str) -> list[NodeRef]:
        """Take away a node's gates, which will be those of its index space."""
        gates = [edge for edge in self.graph.upstream(name) if edge.is_gate]
        self.graph.exchange({edge: [] for edge in gates})
        return [NodeRef(edge.upstream, edge.levels) for edge in gates]

    def _lift(self, name: str) -> None:
        """Let what maps over the value of a node that is mapped from now on go lane by lane."""
        changed: dict[Edge, list[Edge]] = {}
        for consumer in dict.fromkeys(edge.downstream for edge in self.graph.downstream(name)):
            spec = self.graph.nodes[consumer]
            made = tuple(self._lifted(name, spec, one, changed) for one in spec.arguments)
            self.graph.replace_node(consumer, spec._replace(arguments=made))
        self.graph.exchange(changed)

    def _lifted(
        self, name: str, spec: NodeSpec, argument: Argument, changed: dict[Edge, list[Edge]]
    ) -> Argument:
        form: Form = by_lane(argument.form, name)
        refs = node_refs(form)
        if refs == node_refs(argument.form):
            return argument
        edges = [
            edge
            for edge in self.graph.upstream(spec.name)
            if edge.upstream == name and edge.key == argument.name
        ]
        is_mapped = any(edge.mapped for edge in edges)
        changed |= {edge: [] for edge in edges}
        changed[edges[0]] = [
            edge_of(ref, spec.name, argument.name, is_mapped=is_mapped)
            for ref in refs
            if ref.name == name
        ]
        return argument._replace(form=form)

    def replace(self, wanted: Any, task: Task[..., Any]) -> Node:
        """Put another task in the place of a node's; see `Flow.replace`."""
        name = self.find(wanted)
        spec = self.graph.nodes[name]
        arguments = task.binding.refitted(spec)
        keys = {old.name: new.name for old, new in zip(spec.arguments, arguments, strict=True)}
        self.graph.exchange(
            {
                edge: [edge._replace(key=keys[edge.key])]
                for edge in self.graph.upstream(name)
                if edge.key is not None and keys.get(edge.key, edge.key) != edge.key
            }
        )
        if spec.is_mapped:
            space = self.graph.spaces[name]
            givers = tuple(one._replace(what=keys.get(one.what, one.what)) for one in space.givers)
            self.graph.add_space(space._replace(givers=givers))
        self.graph.replace_node(name, spec._replace(task=task, arguments=arguments))
        known = self.calls.get(id(spec.task.origin), [])
        if name in known:  # not in a graph from elsewhere
            known.remove(name)
        self.calls.setdefault(id(task.origin), []).append(name)
        return Node(name, self)

    def copy(self, flow: str) -> EditableTrace:
        """Return the trace of another flow with the same graph, which can change by itself."""
        made = copy(self)
        made.flow = flow
        made.graph = self.graph.copy()
        made.literals, made.parameters = dict(self.literals), dict(self.parameters)
        made.calls = {key: list(names) for key, names in self.calls.items()}
        made._counts = dict(self._counts)  # noqa: SLF001 - of its own kind
        made._constants = dict(self._constants)  # noqa: SLF001 - the same
        return made

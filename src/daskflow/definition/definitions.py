"""What a run is made from: a snapshot of a flow's trace, and what could be wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from daskflow.definition.editing import EditableTrace
from daskflow.definition.nodes import FlowGraph, Form, NodeRef, SpaceSpec, literals_in
from daskflow.definition.tracing import Trace
from daskflow.errors import DefinitionError
from daskflow.graph import listed
from daskflow.triggers import is_cleanup

Key = tuple[bytes, ...]


@dataclass(frozen=True)
class FlowDefinition:
    """A flow as a run takes it; what is changed in the flow later is not in it."""

    name: str
    graph: FlowGraph
    literals: dict[str, Any]  # the constants in it, by node.argument
    returned: Form  # what the flow gives back
    reference_tasks: tuple[str, ...]  # the nodes that decide how it ended


Revision = Callable[[FlowDefinition], FlowDefinition]
_revisions: list[Revision] = []  # by tests: what they put in the place of parts of any flow


@contextmanager
def revised(revision: Revision) -> Iterator[None]:
    """Let every definition that is made in this process meanwhile be revised so."""
    _revisions.append(revision)
    try:
        yield
    finally:
        _revisions.remove(revision)


class Traces:
    """The traces of a flow, by the values of its static parameters, and what was made of them."""

    def __init__(self) -> None:
        self._traces: dict[Key, EditableTrace] = {}
        self._made: dict[Key, tuple[Any, FlowDefinition]] = {}

    def get(self, key: Key) -> EditableTrace | None:
        """Return the trace that is there."""
        return self._traces.get(key)

    def only(self) -> EditableTrace:
        """Return the trace of a flow without static parameters."""
        return self._traces[()]

    def add(self, key: Key, trace: EditableTrace) -> EditableTrace:
        """Take in a trace, and return it."""
        self._traces[key] = trace
        return trace

    def definition(self, key: Key, reference_tasks: tuple[str, ...] | None) -> FlowDefinition:
        """Return the definition of what is there; made anew only when something has changed."""
        trace = self._traces[key]
        stamp, made = self._made.get(key, (None, None))
        if made is None or stamp != (trace.changes, reference_tasks):
            made = define(trace, reference_tasks)
            self._made[key] = ((trace.changes, reference_tasks), made)
        for revision in _revisions:
            made = revision(made)
        return made

    def copy(self, flow: str) -> Traces:
        """Return the traces of another flow with the same graphs."""
        made = Traces()
        for key, trace in self._traces.items():
            made.add(key, trace.copy(flow))
        return made


def define(trace: Trace, reference_tasks: tuple[str, ...] | None) -> FlowDefinition:
    """Return the snapshot of a trace.

    Parameters
    ----------
    reference_tasks
        Names of the nodes that decide; None: the terminal ones, cleanup excepted.

    Raises
    ------
    DefinitionError
        It cannot run; the message tells all that is wrong.
    """
    returned = trace.returned or trace.give_back(None)
    problems = [*_problems(trace.graph), *_unknown(trace.graph, reference_tasks)]
    if problems:
        told = f" {problems[0]}" if len(problems) == 1 else "\n  ".join(["", *problems])
        msg = f"flow {trace.flow!r}:{told}"
        raise DefinitionError(msg)
    graph = trace.graph.copy()
    graph.spaces = _in_order(graph)
    used = dict.fromkeys(name for form in _forms(trace) for name in literals_in(form))
    literals = {name: trace.literals[name] for name in used if name in trace.literals}
    decisive = _decisive(graph) if reference_tasks is None else reference_tasks
    return FlowDefinition(trace.flow, graph, literals, returned, decisive)


def _decisive(graph: FlowGraph) -> tuple[str, ...]:
    """Return the nodes that decide by default: nothing but cleanup depends on them."""
    if not any(is_cleanup(task.rules.trigger) for task in graph.tasks()):
        return tuple(graph.terminals())
    cleanups = {name for name, node in graph.nodes.items() if is_cleanup(node.task.rules.trigger)}
    ends = (name for name in graph.nodes if name not in cleanups)
    return tuple(
        name for name in ends if all(e.downstream in cleanups for e in graph.downstream(name))
    )


def _forms(trace: Trace) -> Iterator[Form | None]:
    """Return the forms in which there may be literals: in most arguments there is but a node."""
    arguments = (argument for node in trace.graph.nodes.values() for argument in node.arguments)
    yield from (one.form for one in arguments if type(one.form) is not NodeRef)
    for space in trace.graph.spaces.values():
        yield from (giver.form for giver in space.givers)
    yield trace.returned


def _problems(graph: FlowGraph) -> Iterator[str]:
    for name, node in graph.nodes.items():
        for problem in node.task.binding.problems(node.arguments):
            yield f"node {name!r}: {problem}; its task is {node.task.binding}"


def _unknown(graph: FlowGraph, chosen: tuple[str, ...] | None) -> Iterator[str]:
    unknown = [name for name in chosen or () if name not in graph]
    if unknown or chosen == ():
        told = ", ".join(unknown) or "no node"
        yield f"reference_tasks= names {told}; its nodes are {listed(graph.nodes)}"


def _in_order(graph: FlowGraph) -> dict[str, SpaceSpec]:
    """Return the index spaces so that one comes behind those around it and before it."""
    if len(graph.spaces) == 1:
        return graph.spaces
    spaces = {name: space for name, space in graph.spaces.items() if space.depth == 0}
    for node in graph.order():
        for name in graph.around(graph.nodes[node].space):
            spaces.setdefault(name, graph.spaces[name])
    return {**spaces, **graph.spaces}

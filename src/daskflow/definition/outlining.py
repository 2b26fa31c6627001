"""The outline of a run's graph: what is kept of it beside the history, as plain JSON.

Nodes, edges and index spaces by name, without functions and arguments: enough to restore the states
of all task runs, and to draw the graph, by whoever does not have the flow's code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from daskflow.definition.nodes import (
    ROOT,
    FlowGraph,
    Giver,
    NodeRef,
    NodeSpec,
    Packed,
    SpaceSpec,
    node_refs,
)
from daskflow.definition.tasks import Task
from daskflow.graph import Edge
from daskflow.triggers import AfterSetup, all_successful

Outline = Mapping[str, Any]
_VERSION = 1  # of what is written; readers refuse nothing, they leave out what they do not know


def outline_of(
    graph: FlowGraph, references: Iterable[str] = (), *, is_watched: bool = False
) -> dict[str, Any]:
    """Return the outline of a graph.

    Parameters
    ----------
    references
        The nodes that decide how a run ends.
    is_watched
        Whether the flow has state handlers or hooks that are called when a run is cancelled.

    Examples
    --------
    >>> from daskflow import flow, task
    >>> @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> @flow
    ... def four():
    ...     return double(double(1))
    >>> outline_of(four.graph())["edges"]
    [['double', 'double-2', 'x', [], '']]
    """
    told: dict[str, Any] = {"watched": True} if is_watched else {}
    tasks = {id(node.task): node.task for node in graph.nodes.values()}
    rules = {key: _rules_told(task) for key, task in tasks.items()}
    return told | {
        "version": _VERSION,
        "nodes": {
            name: _node_told(node, rules[id(node.task)]) for name, node in graph.nodes.items()
        },
        "edges": [_edge_told(edge) for edge in graph.edges()],
        "spaces": {name: _space_told(s) for name, s in graph.spaces.items() if name != ROOT},
        "references": list(references),
    }


def _node_told(node: NodeSpec, rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is worth telling of a node: what is as everywhere is left out."""
    told: dict[str, Any] = {}
    if node.task.name != node.name:
        told["task"] = node.task.name
    if node.space:
        told["space"] = node.space
    return {**told, **rules}


def _rules_told(task: Task[..., Any]) -> dict[str, Any]:
    """Return the same of the rules of a task, for all of its nodes."""
    rules = task.rules
    told: dict[str, Any] = {}
    if rules.trigger != all_successful:
        name = getattr(rules.trigger, "name", None) or getattr(rules.trigger, "__name__", "")
        told["trigger"] = name or type(rules.trigger).__name__
    if isinstance(rules.trigger, AfterSetup):
        told["setup"] = rules.trigger.key
    if rules.watchers.sees_cancels():
        told["watched"] = True
    if rules.retry.retries:
        told["retries"] = rules.retry.retries
    if rules.cache is not None:
        told["cached"] = True
    if rules.tags:
        told["tags"] = sorted(rules.tags)
    return told


_FLAGS = "mfg"  # letters of what an edge may be: mapped, flat, a gate


def _edge_told(edge: Edge) -> list[Any]:
    upstream, downstream, key, is_mapped, _, levels, is_flat, is_gate = edge
    flags = "m" * is_mapped + "f" * is_flat + "g" * is_gate
    return [upstream, downstream, key, list(levels), flags]


def _space_told(space: SpaceSpec) -> dict[str, Any]:
    givers = [[g.what, [_ref_told(ref) for ref in node_refs(g.form)]] for g in space.givers]
    told: dict[str, Any] = {"parent": space.parent, "depth": space.depth, "givers": givers}
    if space.gates:
        told["gates"] = [_ref_told(gate) for gate in space.gates]
    return told


def _ref_told(ref: NodeRef) -> list[Any]:
    return [ref.name, list(ref.levels), ref.is_flat]


def needs_code_to_cancel(outline: Outline) -> bool:
    """Return whether a flow, or a task of it, is told when a run of it is cancelled."""
    nodes = outline.get("nodes", {}).values()
    return bool(outline.get("watched")) or any(node.get("watched") for node in nodes)


def graph_of(outline: Outline) -> FlowGraph:
    """Return the graph that an outline is of; its tasks have names, and can do nothing.

    Examples
    --------
    >>> graph = graph_of({"nodes": {"a": {}, "b": {}}, "edges": [["a", "b", "x", [], ""]]})
    >>> graph.order(), graph.nodes["b"].task
    (['a', 'b'], <task 'b'>)
    """
    graph = FlowGraph()
    spaces: Mapping[str, Any] = outline.get("spaces", {})
    for name, told in spaces.items():
        graph.add_space(_space_of(name, told))
    for name, told in outline.get("nodes", {}).items():
        task: Task[..., Any] = Task(_absent, name=told.get("task", name))
        if "setup" in told:
            task = task.with_options(trigger=AfterSetup(told["setup"]))
        graph.add_node(name, NodeSpec(name, task, (), told.get("space", ROOT)))
    for upstream, downstream, key, levels, flags in outline.get("edges", ()):
        is_mapped, is_flat, is_gate = (letter in flags for letter in _FLAGS)
        way = Edge(upstream, downstream, key, is_mapped, levels=tuple(levels))
        graph.join(way._replace(is_flat=is_flat, is_gate=is_gate))
    return graph


def _space_of(name: str, told: Mapping[str, Any]) -> SpaceSpec:
    givers = tuple(
        Giver(what, refs[0] if len(refs) == 1 else Packed(refs))
        for what, refs in ((what, [*map(_ref_of, refs)]) for what, refs in told["givers"])
    )
    gates = tuple(map(_ref_of, told.get("gates", ())))
    return SpaceSpec(name, told["parent"], told["depth"], givers, gates)


def _ref_of(told: list[Any]) -> NodeRef:
    name, levels, is_flat = told
    return NodeRef(name, tuple(levels), is_flat)


def _absent() -> None:
    """Stand for the function of a task whose code is not here."""

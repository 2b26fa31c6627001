"""The outline of a run's graph: what is kept of it beside the history, as plain JSON.

Nodes, edges and index spaces by name, without functions and arguments: enough to restore the states
of all task runs, and to draw the graph, by whoever does not have the flow's code.

There may be very many nodes. So what is told alike of several, one behind the other, is told once,
and so are the kinds of edges that lead into nodes. In runs of version 1 each node and each edge
stood by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby, islice
from operator import attrgetter, itemgetter
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
from daskflow.errors import StoreError
from daskflow.graph import Edge
from daskflow.triggers import AfterSetup, all_successful

Outline = Mapping[str, Any]
HERITAGE = "kept_blocks"  # what is in blocks up to this number is kept of the run that one repeats
BESIDE = ("parameters", HERITAGE)  # what stands beside a graph, and stays where the graph changes
_VERSION = 2  # of what is written


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
    [[[['x', [], '', 1]], ['double-2'], [['double']]]]
    """
    told: dict[str, Any] = {"watched": True} if is_watched else {}
    return told | {
        "version": _VERSION,
        "nodes": _nodes_told(graph),
        "edges": _edges_told(graph),
        "spaces": {name: _space_told(s) for name, s in graph.spaces.items() if name != ROOT},
        "references": list(references),
    }


def _nodes_told(graph: FlowGraph) -> list[Any]:
    """Return what is told of nodes, and the names of those that it is told of, in their order."""
    found: list[Any] = []
    known: dict[tuple[int, str], dict[str, Any]] = {}  # by task and space
    for name, node in graph.nodes.items():
        kind = (id(node.task), node.space)
        told = known.get(kind)
        if told is None:
            told = known[kind] = _node_told(node)
        if not found or found[-1][0] != told:
            found.append([told, []])
        found[-1][1].append(name)
    return found


def _node_told(node: NodeSpec) -> dict[str, Any]:
    """Return what is worth telling of a node: what is as everywhere is left out."""
    rules = node.task.rules
    told: dict[str, Any] = {"task": node.task.name}
    if node.space:
        told["space"] = node.space
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


_BEFORE = attrgetter("upstream")
_KIND = itemgetter(slice(Edge._fields.index("key"), None))  # what an edge is beside its ends


def _edges_told(graph: FlowGraph) -> list[Any]:
    """Return the nodes that edges of the same kinds lead into, in the same order, and from where.

    That is for each such group: its kinds, each with how many of it there are one behind the other;
    the nodes; and for each kind the nodes before them.
    """
    found: dict[Any, tuple[list[str], list[list[str]]]] = {}
    for name in graph.nodes:
        edges = [*graph.into(name)]
        if len(edges) == 1:  # as in every chain
            kinds = [(_KIND(edges[0]), 1)]
        else:
            kinds = [(kind, len([*run])) for kind, run in groupby(map(_KIND, edges))]
        group = found.get(tuple(kinds))
        if group is None:
            group = found[tuple(kinds)] = [], [[] for _ in kinds]
        group[0].append(name)
        before = map(_BEFORE, edges)
        for (_, count), column in zip(kinds, group[1], strict=True):
            column.extend(islice(before, count))
    return [
        [[_kind_told(*kind) for kind in kinds], *told] for kinds, told in found.items() if kinds
    ]


def _kind_told(kind: tuple[Any, ...], count: int) -> list[Any]:
    key, is_mapped, _, levels, is_flat, is_gate = kind
    flags = "m" * is_mapped + "f" * is_flat + "g" * is_gate
    return [key, list(levels), flags, count]


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
    nodes = nodes_of(outline).values()
    return bool(outline.get("watched")) or any(node.get("watched") for node in nodes)


def heritage_of(outline: Outline) -> int:
    """Return the last block in which a run has what is kept of the run that it repeats; 0: none."""
    kept: int = outline.get(HERITAGE, 0)
    return kept


def nodes_of(outline: Outline) -> dict[str, Mapping[str, Any]]:
    """Return what an outline tells of each node, by name.

    Examples
    --------
    >>> nodes_of({"version": 2, "nodes": [[{"task": "double"}, ["double", "double-2"]]]})
    {'double': {'task': 'double'}, 'double-2': {'task': 'double'}}
    """
    version = outline.get("version", 1)
    if version > _VERSION:
        msg = f"the graph of this run is told in version {version}; a newer daskflow wrote it"
        raise StoreError(msg)
    nodes = outline.get("nodes", ())
    if isinstance(nodes, Mapping):  # version 1
        return dict(nodes)
    return {name: told for told, names in nodes for name in names}


def _edges_of(outline: Outline) -> dict[str, list[Edge]]:
    """Return the edges that lead into each node, in their order."""
    found: dict[str, list[Edge]] = {}
    for told in outline.get("edges", ()):
        if isinstance(told[0], str):  # version 1
            before, name, *kind = told
            found.setdefault(name, []).append(_edge_of(before, name, *kind))
            continue
        kinds, nodes, columns = told
        for (*kind, count), column in zip(kinds, columns, strict=True):
            for place, before in enumerate(column):
                name = nodes[place // count]
                found.setdefault(name, []).append(_edge_of(before, name, *kind))
    return found


def _edge_of(before: str, name: str, key: str | None, levels: list[int], flags: str) -> Edge:
    is_mapped, is_flat, is_gate = (letter in flags for letter in _FLAGS)
    way = Edge(before, name, key, is_mapped, levels=tuple(levels))
    return way._replace(is_flat=is_flat, is_gate=is_gate)


def graph_of(outline: Outline) -> FlowGraph:
    """Return the graph that an outline is of; its tasks have names, and can do nothing.

    Examples
    --------
    >>> edges = [[[["x", [], "", 1]], ["b"], [["a"]]]]
    >>> graph = graph_of({"nodes": [[{"task": "clean"}, ["a", "b"]]], "edges": edges})
    >>> graph.order(), graph.nodes["b"].task
    (['a', 'b'], <task 'clean'>)
    """
    graph = FlowGraph()
    spaces: Mapping[str, Any] = outline.get("spaces", {})
    for name, told in spaces.items():
        graph.add_space(_space_of(name, told))
    edges = _edges_of(outline)
    for name, told in nodes_of(outline).items():
        task: Task[..., Any] = Task(_absent, name=told.get("task", name))
        if "setup" in told:
            task = task.with_options(trigger=AfterSetup(told["setup"]))
        spec = NodeSpec(name, task, (), told.get("space", ROOT))
        graph.add_node(name, spec, edges.get(name, ()))
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

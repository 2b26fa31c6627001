"""Which task runs may share a block, and in what order.

Nodes whose task runs find each other at the same position form a lane. An edge in a lane keeps the
stage, and so does one between two nodes that are not mapped; any other edge raises it. So task runs
of one stage can share a block: whatever lies between two of them over another way has a higher
stage than the first, and cuts the second off. What is not mapped is taken in a depth-first order,
and each block is a stretch of it: edges between such blocks lead forward only. The graph of blocks
is acyclic by that alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from daskflow.definition.nodes import ROOT, FlowGraph
from daskflow.demands import Demand
from daskflow.graph import Edge, Graph
from daskflow.lowering.links import Link

Links = Mapping[str, list[Link]]  # by downstream node


def joins(graph: FlowGraph, link: Link) -> bool:
    """Return whether the two ends of a link may share a block: near each other, the same demand."""
    up, down = graph.nodes[link.edge.upstream], graph.nodes[link.edge.downstream]
    is_near = link.is_same or up.space == down.space == ROOT
    return is_near and (up.task is down.task or up.task.rules.demand == down.task.rules.demand)


def stages(graph: FlowGraph, links: Links, order: Iterable[str]) -> dict[str, int]:
    """Return the stage of each node that is to be lowered, given in topological order.

    What is lowered depends on what is finished, or is lowered as well: nothing lies between.
    """
    names = list(order)
    if _are_alike(graph, names):
        return dict.fromkeys(names, 0)
    stage: dict[str, int] = {}
    for name in names:
        highest = 0
        for link in links[name]:
            before = stage.get(link.edge.upstream, -1)
            if before >= highest:
                highest = before + (not joins(graph, link))
        stage[name] = highest
    return stage


def _are_alike(graph: FlowGraph, names: Iterable[str]) -> bool:
    """Return whether an edge between any of these nodes joins them: none is mapped, one demand."""
    kinds = {(graph.nodes[name].space == ROOT, graph.nodes[name].task) for name in names}
    return {is_single for is_single, _ in kinds} == {True} and (
        len({task.rules.demand for _, task in kinds}) == 1
    )


def breadth(graph: Graph[Any], names: Iterable[str]) -> int:
    """Return a number of nodes that are not mapped, of which more can never run at a time.

    Two ways through a graph part where it begins, or where one node feeds several. That is counted,
    and not where they meet again: of a chain it is 1, of others it may be too many.

    Examples
    --------
    >>> from daskflow.graph import Edge, Graph
    >>> graph = Graph()
    >>> graph.add_node("a", 1); graph.add_node("b", 2, [Edge("a", "b")]); graph.add_node("c", 3)
    >>> breadth(graph, ["a", "b", "c"])
    2
    """
    feeds: dict[str, int] = {}  # how many others
    begins = 0
    for name in names:
        is_first, mine = True, graph.into(name)
        for edge in mine if len(mine) == 1 else _one_each(mine):
            if edge.upstream in feeds:
                feeds[edge.upstream] += 1
                is_first = False
        begins += is_first
        feeds[name] = 0
    return begins + sum(count - 1 for count in feeds.values() if count > 1)


def _one_each(edges: Iterable[Edge]) -> Iterable[Edge]:
    """Return one edge for each upstream node."""
    return {edge.upstream: edge for edge in edges}.values()


def regions(
    graph: FlowGraph, links: Links, stage: Mapping[str, int], names: Iterable[str]
) -> list[list[str]]:
    """Return the nodes to be lowered in groups of one stage and one demand.

    A group is a lane region, whose nodes share one index space; or nodes that are not mapped, in a
    depth-first order.

    Parameters
    ----------
    names
        The nodes to be lowered, in topological order.
    """
    mapped: list[str] = []
    single: dict[str, None] = {}
    for name in names:
        if graph.nodes[name].space == ROOT:
            single[name] = None
        else:
            mapped.append(name)
    return _lanes(graph, links, stage, mapped) + _stretches(graph, stage, single)


def _stretches(
    graph: FlowGraph, stage: Mapping[str, int], names: Mapping[str, None]
) -> list[list[str]]:
    """Return nodes that are not mapped, those of one stage and one demand together."""
    if len(names) < 2:  # noqa: PLR2004 - the usual case: a reduction behind a map
        return [list(names)] if names else []
    found: dict[tuple[int, Demand], list[str]] = {}
    for name in graph.depth_first():
        if name in names:
            demand = graph.nodes[name].task.rules.demand
            found.setdefault((stage[name], demand), []).append(name)
    return list(found.values())


def _lanes(
    graph: FlowGraph, links: Links, stage: Mapping[str, int], names: Iterable[str]
) -> list[list[str]]:
    """Return mapped nodes in groups that share one index space and one demand."""
    place = {name: i for i, name in enumerate(names)}
    group: dict[str, list[str]] = {}
    for name in place:
        mine = [name]
        for link in links[name]:
            other = group.get(link.edge.upstream)
            if (
                other is not None
                and other is not mine
                and stage[link.edge.upstream] == stage[name]
                and joins(graph, link)
            ):
                other.extend(mine)
                for moved in mine:
                    group[moved] = other
                mine = other
        group[name] = mine
    distinct = {id(members): members for members in group.values()}
    return [sorted(members, key=place.__getitem__) for members in distinct.values()]

"""Which task runs may share a block, and in what order.

Nodes whose task runs find each other at the same position form a lane. A lane edge keeps the
stage, any other edge raises it, so task runs of one stage that are joined by lane edges can share a
block: whatever lies between two of them over another way has a higher stage than the first, and
cuts the second off. The graph of blocks is acyclic by that alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from daskflow.lowering.links import Link
from daskflow.nodes import FlowGraph

Links = Mapping[str, list[Link]]  # by downstream node


def joins(graph: FlowGraph, link: Link) -> bool:
    """Return whether the two ends of a link may share a block: the same places and demand."""
    up, down = graph.nodes[link.edge.upstream], graph.nodes[link.edge.downstream]
    return link.is_same and up.task.rules.demand == down.task.rules.demand


def stages(graph: FlowGraph, links: Links, order: Iterable[str]) -> dict[str, int]:
    """Return the stage of each node, given all names in topological order."""
    stage: dict[str, int] = {}
    for name in order:
        stage[name] = max(
            (stage[link.edge.upstream] + (not joins(graph, link)) for link in links[name]),
            default=0,
        )
    return stage


def regions(
    graph: FlowGraph, links: Links, stage: Mapping[str, int], names: Iterable[str]
) -> list[list[str]]:
    """Return the nodes to be lowered in groups that share one index space and one demand.

    Parameters
    ----------
    names
        The nodes to be lowered, in topological order.
    """
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

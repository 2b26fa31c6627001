"""Which task runs may share a block, and in what order.

Mapped tasks joined element to element form a lane. A lane edge keeps the stage, any other edge
raises it, so task runs of one stage that are joined by lane edges can share a block: whatever lies
between two of them over another way has a higher stage than the first, and cuts the second off.
The graph of blocks is acyclic by that alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from daskflow.graph import Edge, Graph
from daskflow.nodes import NodeSpec


def is_lane(graph: Graph[NodeSpec], edge: Edge) -> bool:
    """Return whether an edge joins two mapped tasks element to element."""
    return edge.mapped and graph.nodes[edge.upstream].is_mapped


def stages(graph: Graph[NodeSpec], order: Iterable[str]) -> dict[str, int]:
    """Return the stage of each node, given all names in topological order."""
    stage: dict[str, int] = {}
    for name in order:
        stage[name] = max(
            (stage[edge.upstream] + (not is_lane(graph, edge)) for edge in graph.upstream(name)),
            default=0,
        )
    return stage


def regions(
    graph: Graph[NodeSpec], stage: Mapping[str, int], names: Iterable[str]
) -> list[list[str]]:
    """Return the nodes to be lowered in groups that share one index space.

    Nodes that a lane edge joins have the same width: `expand` sees to that.

    Parameters
    ----------
    names
        The nodes to be lowered, in topological order.
    """
    place = {name: i for i, name in enumerate(names)}
    group: dict[str, list[str]] = {}
    for name in place:
        mine = [name]
        for edge in graph.upstream(name):
            other = group.get(edge.upstream)
            if (
                other is not None
                and other is not mine
                and is_lane(graph, edge)
                and stage[edge.upstream] == stage[name]
            ):
                other.extend(mine)
                for moved in mine:
                    group[moved] = other
                mine = other
        group[name] = mine
    distinct = {id(members): members for members in group.values()}
    return [sorted(members, key=place.__getitem__) for members in distinct.values()]

"""How the task runs of a node find those of a node before it, by what edges say of levels.

The same for the driver, which asks what is finished, and for the shim, which asks for states and
values: it has those parts of the index spaces that its block needs.
"""

from __future__ import annotations

from collections.abc import Mapping

from daskflow.definition.nodes import FlowGraph
from daskflow.graph import Edge
from daskflow.lowering.spaces import Below, Index, Space


class Link:
    """The way from a node's task runs to those of one upstream node."""

    __slots__ = ("_found", "edge", "is_same", "is_single", "is_whole")

    def __init__(self, edge: Edge, *, is_single: bool, is_same: bool) -> None:
        self.edge = edge
        self.is_whole = not edge.levels  # all of the upstream's, the same for each of mine
        self.is_single = is_single  # each of mine has one
        self.is_same = is_same  # and that at the same position
        self._found: dict[Index, Below] = {}

    def pick(self, position: int, mine: Space, theirs: Space) -> Index:
        """Return how the map indexes of the upstream task runs of the one at a position begin."""
        index = mine.index_of(position)
        picked = tuple(index[level] for level in self.edge.levels)
        if self.edge.is_flat:
            part, place = mine.part_of(position)
            picked = (*picked[:-1], part)
            if theirs.level > len(picked):  # the parts are children, not values
                picked = (*picked, place)
        return picked

    def below(self, position: int, mine: Space, theirs: Space) -> Below:
        """Return the upstream task runs of the one at a position of my space."""
        picked = self.pick(position, mine, theirs)
        found = self._found.get(picked)
        if found is None:
            found = self._found[picked] = theirs.below(picked)
        return found


class LazyLinks(dict[str, list[Link]]):
    """By downstream node the links to what it needs, made when they are asked for.

    Most nodes that are not mapped need others like them, for which the edges tell all.
    """

    def __init__(self, graph: FlowGraph, spaces: Mapping[str, Space]) -> None:
        super().__init__()
        self._graph = graph
        self._spaces = spaces

    def __missing__(self, name: str) -> list[Link]:
        edges = self._graph.upstream(name)
        made = self[name] = [link_of(self._graph, edge, self._spaces) for edge in edges]
        return made


ROOT_SPACE = Space()
_ROOTED = Space(ROOT_SPACE)  # stands for any that lies in the root and has all its children


def space_in(parts: Mapping[str, Space], graph: FlowGraph, node: str) -> Space:
    """Return the index space of a node, as much of it as came with a block."""
    spec = graph.space_of(node)
    return parts.get(spec.name) or (_ROOTED if spec.depth else ROOT_SPACE)


def link_of(graph: FlowGraph, edge: Edge, spaces: Mapping[str, Space]) -> Link:
    """Return the link of an edge.

    Parameters
    ----------
    spaces
        By name; those that lie in the root need not be there.
    """
    if not edge.levels:
        return Link(edge, is_single=False, is_same=False)
    up, down = graph.space_of(edge.upstream), graph.space_of(edge.downstream)
    is_single = up.depth <= len(edge.levels) + edge.is_flat
    is_same = (
        is_single
        and not edge.is_flat
        and edge.levels == tuple(range(down.depth))
        and (
            up is down
            or up.depth == 1
            or (up.parent == down.parent and spaces[up.name].children == spaces[down.name].children)
        )
    )
    return Link(edge, is_single=is_single, is_same=is_same)

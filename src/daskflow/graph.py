"""A directed acyclic graph of names, each with something attached.

Knows nothing of tasks. Order is the order of insertion wherever the edges leave a choice, so it
is the same in every process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from daskflow.errors import CycleError, DefinitionError

T = TypeVar("T")


class Edge(NamedTuple):
    """One dependency: `downstream` needs `upstream`.

    Triggers are asked about ``{Edge: State}``, with one edge for each upstream task run.

    Examples
    --------
    >>> from daskflow import flow, task
    >>> @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> @flow
    ... def four():
    ...     return double(double(1))
    >>> four.graph().upstream("double-2")
    [Edge(upstream='double', downstream='double-2', key='x', mapped=False, ...)]
    """

    upstream: str
    downstream: str
    key: str | None = None  # the argument it feeds; None where it is only waited for
    mapped: bool = False  # True: element by element
    map_index: tuple[int, ...] = ()  # of the upstream task run
    levels: tuple[int, ...] = ()  # of the downstream map index: they pick the upstream task run
    is_flat: bool = False  # the last of them numbers the elements of all upstream values


class Graph(Generic[T]):
    """Nodes by name with their edges; adding an edge that closes a circle raises.

    Examples
    --------
    >>> graph = Graph()
    >>> graph.add_node("extract", 1); graph.add_node("load", 2)
    >>> graph.add_edge(Edge("extract", "load"))
    >>> graph.order(), graph.terminals()
    (['extract', 'load'], ['load'])
    """

    def __init__(self) -> None:
        self.nodes: dict[str, T] = {}
        self._upstream: dict[str, list[Edge]] = {}
        self._downstream: dict[str, list[Edge]] = {}

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, name: object) -> bool:
        return name in self.nodes

    def add_node(self, name: str, content: T) -> None:
        """Add a node; a name that is taken raises `DefinitionError`."""
        if name in self.nodes:
            msg = f"there are two nodes named {name!r}; give one another name with .named(...)"
            raise DefinitionError(msg)
        self.nodes[name] = content
        self._upstream[name] = []
        self._downstream[name] = []

    def add_edge(self, edge: Edge) -> None:
        """Add an edge between two nodes that are there; adding it twice changes nothing."""
        for name in (edge.upstream, edge.downstream):
            if name not in self.nodes:
                msg = f"no node is named {name!r}; there are: {', '.join(self.nodes) or 'none'}"
                raise DefinitionError(msg)
        into, out = self._upstream[edge.downstream], self._downstream[edge.upstream]
        if edge in min(into, out, key=len):
            return
        circle = self._path(edge.downstream, edge.upstream)
        if circle:
            msg = f"this edge closes a circle: {' -> '.join([*circle, edge.downstream])}"
            raise CycleError(msg)
        into.append(edge)
        out.append(edge)

    def upstream(self, name: str) -> list[Edge]:
        """Return the edges that lead into a node, in the order they were added."""
        return self._upstream[name]

    def downstream(self, name: str) -> list[Edge]:
        """Return the edges that lead out of a node, in the order they were added."""
        return self._downstream[name]

    def edges(self) -> Iterator[Edge]:
        """Iterate over all edges, by downstream node."""
        for edges in self._upstream.values():
            yield from edges

    def terminals(self) -> list[str]:
        """Return the nodes that nothing depends on."""
        return [name for name, edges in self._downstream.items() if not edges]

    def order(self) -> list[str]:
        """Return all names so that each stands behind what it depends on."""
        waiting = {
            name: len({edge.upstream for edge in edges}) for name, edges in self._upstream.items()
        }
        ready = [name for name, count in waiting.items() if not count]
        done: list[str] = []
        while ready:
            done += ready
            following: list[str] = []
            for name in ready:
                for other in dict.fromkeys(edge.downstream for edge in self._downstream[name]):
                    waiting[other] -= 1
                    if not waiting[other]:
                        following.append(other)
            ready = following
        return done

    def _path(self, start: str, goal: str) -> list[str]:
        """Return the names on a way from start to goal along the edges; empty if there is none."""
        came_from: dict[str, str | None] = {start: None}
        stack = [start]
        while stack:
            name = stack.pop()
            if name == goal:
                return self._walk_back(came_from, goal)
            for edge in self._downstream[name]:
                if edge.downstream not in came_from:
                    came_from[edge.downstream] = name
                    stack.append(edge.downstream)
        return []

    @staticmethod
    def _walk_back(came_from: dict[str, str | None], goal: str) -> list[str]:
        path: list[str] = []
        name: str | None = goal
        while name is not None:
            path.append(name)
            name = came_from[name]
        return path[::-1]

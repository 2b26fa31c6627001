"""A directed acyclic graph of names, each with something attached.

Knows nothing of tasks. Order is the order of insertion wherever the edges leave a choice, so it
is the same in every process. An edge is kept with the node that it leads into; what leads out of
nodes is found from that when somebody asks first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from operator import itemgetter
from typing import Any, Generic, NamedTuple, Self, TypeVar

from daskflow.errors import CycleError, DefinitionError

T = TypeVar("T")
F = TypeVar("F")

new = tuple.__new__  # makes a named tuple of a tuple, without the call in Python of its class


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
    is_gate: bool = False  # from a case to what is in it: waited for, but no trigger is asked


_UPSTREAM = itemgetter(Edge._fields.index("upstream"))


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
        self.changes = 0  # made to it so far: who has looked at it can tell whether to look again
        # what was found of it, orders among the rest, with the changes made by then
        self._founds: dict[str, tuple[int, list[Any]]] = {}
        self._upstream: dict[str, dict[Edge, None]] = {}
        self._lent: set[str] = set()  # nodes whose edges a copy has too: not to be changed
        self._found: dict[str, list[Edge]] | None = None  # by upstream node; None: not asked for

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, name: object) -> bool:
        return name in self.nodes

    def add_node(self, name: str, content: T, edges: Iterable[Edge] = ()) -> None:
        """Add a node, and what leads into it from nodes that are there.

        Nothing stands behind a new node, so these edges close no circle.

        Raises
        ------
        DefinitionError
            The name is taken.
        """
        self.check_free(name)
        self.nodes[name] = content
        self._upstream[name] = dict.fromkeys(edges)
        if self._found is not None:
            _note(self._found, self._upstream[name])
        self.changes += 1

    def check_free(self, name: str) -> None:
        """Raise `DefinitionError` for a name that is taken."""
        if name in self.nodes:
            msg = f"there are two nodes named {name!r}; give one another name with .named(...)"
            raise DefinitionError(msg)

    def replace_node(self, name: str, content: T) -> None:
        """Attach something else to a node; its edges stay."""
        self.nodes[name] = content
        self.changes += 1

    def add_edge(self, edge: Edge) -> None:
        """Add an edge between two nodes that are there; adding it twice changes nothing.

        Raises
        ------
        CycleError
            It would close a circle; the graph is what it was.
        """
        for name in (edge.upstream, edge.downstream):
            if name not in self.nodes:
                msg = f"no node is named {name!r}; there are: {listed(self.nodes)}"
                raise DefinitionError(msg)
        if edge in self._upstream[edge.downstream]:
            return
        self._refuse_circle(edge.upstream, edge.downstream)
        if edge.downstream in self._lent:
            self._lent.discard(edge.downstream)
            self._upstream[edge.downstream] = dict(self._upstream[edge.downstream])
        self._upstream[edge.downstream][edge] = None
        _note(self._behind(), [edge])
        self.changes += 1

    def exchange(self, edges: Mapping[Edge, Iterable[Edge]]) -> None:
        """Put other edges in the place of some; they lie between the same two nodes."""
        for name in {edge.downstream for edge in edges}:
            old = self._upstream[name]
            self._upstream[name] = {one: None for edge in old for one in edges.get(edge, (edge,))}
            self._lent.discard(name)
        self._found = None
        self.changes += 1

    def _behind(self) -> dict[str, list[Edge]]:
        """Return what leads out of each node that something leads out of.

        Several threads may ask first at the same time: each finds all of it.
        """
        found = self._found
        if found is None:
            found = {}
            _note(found, self.edges())
            self._found = found
        return found

    def copy(self) -> Self:
        """Return a graph with the same nodes and edges, which can change by itself."""
        made = type(self)()
        made.nodes = dict(self.nodes)
        made.changes = self.changes
        # of its own kind
        made._founds = dict(self._founds)  # noqa: SLF001
        made._upstream = dict(self._upstream)  # noqa: SLF001
        self._lent, made._lent = set(self.nodes), set(self.nodes)  # noqa: SLF001
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Travel with each edge once, as a plain tuple: a graph may have very many."""
        return {"nodes": self.nodes, "changes": self.changes, "edges": [*map(tuple, self.edges())]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.nodes, self.changes, self._founds = state["nodes"], state["changes"], {}
        self._upstream = {name: {} for name in self.nodes}
        self._lent, self._found = set(), None
        for told in state["edges"]:
            edge = new(Edge, told)
            self._upstream[edge.downstream][edge] = None

    def upstream(self, name: str) -> list[Edge]:
        """Return the edges that lead into a node, in the order they were added."""
        return list(self._upstream[name])

    def into(self, name: str) -> Collection[Edge]:
        """Return the edges that lead into a node; not to be kept, for it changes with the graph."""
        return self._upstream[name].keys()

    def downstream(self, name: str) -> list[Edge]:
        """Return the edges that lead out of a node, in the order they were added."""
        if name not in self.nodes:
            raise KeyError(name)
        return list(self._behind().get(name, ()))

    def edges(self) -> Iterator[Edge]:
        """Iterate over all edges, by downstream node."""
        for edges in self._upstream.values():
            yield from edges

    def terminals(self) -> list[str]:
        """Return the nodes that nothing depends on."""
        behind = self._behind()
        return [name for name in self.nodes if name not in behind]

    def order(self) -> list[str]:
        """Return all names so that each stands behind what it depends on."""
        return self._kept("order", self._find_order)

    def depth_first(self) -> list[str]:
        """Return all names so that each stands behind what it depends on, and near it.

        What one node depends on stands together: a stretch of the order is a chain or a subtree,
        and few edges lead out of it.
        """
        return self._kept("depth first", self._find_depth_first)

    def _kept(self, kind: str, find: Callable[[], list[F]]) -> list[F]:
        """Return what there is to be found, looked for only where the graph has changed since."""
        stamp, found = self._founds.get(kind, (-1, []))
        if stamp != self.changes:
            found = find()
            self._founds[kind] = self.changes, found
        return list(found)

    def _find_order(self) -> list[str]:
        behind = self._behind()
        waiting = {name: len(edges) for name, edges in self._upstream.items()}
        ready = [name for name, count in waiting.items() if not count]
        done: list[str] = []
        while ready:
            done += ready
            following: list[str] = []
            for name in ready:
                for edge in behind.get(name, ()):
                    waiting[edge.downstream] -= 1
                    if not waiting[edge.downstream]:
                        following.append(edge.downstream)
            ready = following
        return done

    def _find_depth_first(self) -> list[str]:
        before = self.before
        done: dict[str, None] = {}
        seen: set[str] = set()
        stack = self.terminals()[::-1]
        while stack:
            nearest = [stack.pop()]
            if nearest[0] in seen:  # so all before it is done; it may be here more than once
                done[nearest[0]] = None
                continue
            while len(nearest) == 1 and nearest[0] not in seen:  # as long as there is but one way
                stack += nearest
                seen.add(nearest[0])
                nearest = [*before(nearest[0])]
            stack += nearest[::-1]
        return list(done)

    def _refuse_circle(self, upstream: str, downstream: str) -> None:
        """Raise `CycleError` where the second of two nodes comes before the first."""
        if self.is_last(downstream) and downstream != upstream:
            return  # as of each call that is traced: nothing stands behind a new node
        circle = self._path(downstream, upstream)
        if circle:
            msg = f"this edge closes a circle: {' -> '.join([*circle, downstream])}"
            raise CycleError(msg)

    def _path(self, start: str, goal: str) -> list[str]:
        """Return the names on a way from start to goal along the edges; empty if there is none.

        Searched from both ends, an edge here and an edge there, until one side has seen all that
        it can reach. So an edge to or from a node that is new costs next to nothing.
        """
        ahead, back = _Search(start, self.after), _Search(goal, self.before)
        meeting = start if start == goal else None
        while meeting is None:
            for mine, other in ((ahead, back), (back, ahead)):
                name = next(mine.walk, None)
                if name is None:
                    return []
                if name in other.came_from:
                    meeting = name
                    break
        return [*ahead.way_to(meeting)[::-1], *back.way_to(meeting)[1:]]

    def after(self, name: str) -> Iterator[str]:
        """Return the nodes that come behind one, the latest first."""
        return (edge.downstream for edge in reversed(self._behind().get(name, [])))

    def is_last(self, name: str) -> bool:
        """Return whether nothing comes behind a node."""
        return name not in self._behind()

    def before(self, name: str) -> Iterable[str]:
        """Return the nodes that come before one, the latest first."""
        return [*map(_UPSTREAM, reversed(self._upstream[name]))]


def _note(found: dict[str, list[Edge]], edges: Iterable[Edge]) -> None:
    """Add edges to those that lead out of nodes."""
    for edge in edges:
        if edge.upstream in found:
            found[edge.upstream].append(edge)
        else:
            found[edge.upstream] = [edge]


class _Search:
    """What can be reached from a node, nearest first."""

    def __init__(self, start: str, neighbours: Callable[[str], Iterable[str]]) -> None:
        self.came_from: dict[str, str] = {start: start}
        self.walk = self._walk(start, neighbours)  # one name for each edge that is looked at

    def _walk(self, start: str, neighbours: Callable[[str], Iterable[str]]) -> Iterator[str]:
        waiting = deque([start])
        while waiting:
            place = waiting.popleft()
            for name in neighbours(place):
                if name not in self.came_from:
                    self.came_from[name] = place
                    waiting.append(name)
                yield name

    def way_to(self, name: str) -> list[str]:
        """Return the names from one that was reached back to the start."""
        way = [name]
        while self.came_from[name] != name:
            name = self.came_from[name]
            way.append(name)
        return way


_SHOWN = 20  # names in a message


def listed(names: Collection[str]) -> str:
    """Return names for a message: of very many only the first."""
    more = len(names) - _SHOWN
    shown = ", ".join(islice(names, _SHOWN)) or "none"
    return f"{shown} and {more:,} more" if more > 0 else shown

"""What a traced flow is made of: calls of tasks, where their arguments come from, index spaces.

All of it is frozen and names other nodes; `placeholders` has the handles that a flow passes around
while it is traced, `tracing` makes the one of the other.

The task runs of a node lie in an *index space*. The root has one place, with the map index ``()``.
A ``.map`` opens a space around which another one lies: for each place of that one so many places,
each with a map index that is longer by one. So does a mapped sub-flow, and all of its nodes share
that space. A map index therefore has *levels*, from 0; an argument says by levels what it needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from daskflow.errors import DefinitionError
from daskflow.graph import Edge, Graph, new

if TYPE_CHECKING:
    from daskflow.definition.tasks import Task

_NAME = re.compile(r"[A-Za-z_][\w.-]*\Z")

ROOT = ""  # the name of the space that lies around all others


class LiteralRef(NamedTuple):
    """A value known before the run: a parameter (``limit``) or a constant (``clean.limit``)."""

    name: str


class NodeRef(NamedTuple):
    """The value of one task run of a node, or the list of many.

    The consumer's map index at these levels is the beginning of that of the task run. Where it is
    all of it the value of that one is meant, else the list of those below, in lists of lists.
    """

    name: str
    levels: tuple[int, ...] = ()
    is_flat: bool = False  # the last level numbers the elements of all values, one after another
    is_picky: bool = False  # only values of task runs that succeeded and were not skipped


class Packed(NamedTuple):
    """A list, tuple, set or dict with references somewhere inside."""

    template: Any


class Element(NamedTuple):
    """The element of a value at the position that the consumer's map index has at this level."""

    of: Form
    level: int


Form = LiteralRef | NodeRef | Packed | Element
Ref = LiteralRef | NodeRef


class Argument(NamedTuple):
    """One argument of a task's call."""

    name: str  # the parameter of the task it feeds; for messages and edges
    form: Form
    keyword: str | None = None  # None: passed by position


class NodeSpec(NamedTuple):
    """One call of a task in a flow."""

    name: str
    task: Task[..., Any]
    arguments: tuple[Argument, ...]
    space: str = ROOT  # in which its task runs lie: its own name where it is mapped

    @property
    def is_mapped(self) -> bool:
        """Whether it was called by ``.map``."""
        return self.space == self.name


class Giver(NamedTuple):
    """What an index space takes its width from."""

    what: str  # for messages: x, wait_for clean
    form: Form  # the sequence; of a mapped node its children


class SpaceSpec(NamedTuple):
    """The index space of a mapped node, or of the nodes in a mapped sub-flow."""

    name: str
    parent: str
    depth: int  # of its map indexes; 1 where it lies in the root
    givers: tuple[Giver, ...]
    gates: tuple[NodeRef, ...] = ()  # to the cases that it is in: no match, no places

    def needs(self) -> Iterator[str]:
        """Return the nodes that are asked before it opens: for its width, and whether at all."""
        for giver in self.givers:
            yield from references(giver.form)
        yield from (gate.name for gate in self.gates)


class FlowGraph(Graph[NodeSpec]):
    """The graph of a flow: its nodes by name, their edges, and the index spaces they lie in."""

    def __init__(self) -> None:
        super().__init__()
        self.spaces: dict[str, SpaceSpec] = {ROOT: SpaceSpec(ROOT, ROOT, 0, ())}
        self._inside: dict[str, dict[str, None]] = {}  # the nodes in each space
        self._opened: dict[str, dict[str, None]] = {}  # the spaces that a node is asked for

    def add_node(self, name: str, content: NodeSpec, edges: Iterable[Edge] = ()) -> None:
        """Add a node, whose index space is there; a name that is taken is refused."""
        super().add_node(name, content, edges)
        if content.space:
            self._settle(name, content.space)

    def replace_node(self, name: str, content: NodeSpec) -> None:
        """Attach something else to a node, whose index space is there; its edges stay."""
        super().replace_node(name, content)
        self._settle(name, content.space)

    def _settle(self, name: str, space: str) -> None:
        for each in self.around(space):
            self._inside.setdefault(each, {})[name] = None

    def add_edge(self, edge: Edge) -> None:
        """Let one node wait for another; adding an edge twice changes nothing.

        Raises
        ------
        CycleError
            It would close a circle; the graph is what it was.
        DefinitionError
            There is no such node or map index; or it has a key, and so would need an argument.
        """
        if edge.upstream in self.nodes and edge.downstream in self.nodes:
            if edge.key is not None and edge not in self._upstream[edge.downstream]:
                self._refuse_key(edge.downstream, edge.key)
            up, down = self.depth(edge.upstream), self.depth(edge.downstream)
            if edge.levels and (len(edge.levels) > up + edge.is_flat or max(edge.levels) >= down):
                told = f"{edge.upstream} -> {edge.downstream}"
                msg = f"the edge {told} has levels {edge.levels}, which map indexes do not have"
                raise DefinitionError(msg)
        super().add_edge(edge)

    def _refuse_key(self, node: str, key: str) -> None:
        if any(argument.name == key for argument in self.nodes[node].arguments):
            msg = f"node {node!r}: its argument {key!r} has a value already"
        else:
            msg = f"an edge alone feeds no argument; add_edge(..., key={key!r}) of the flow does"
        raise DefinitionError(msg)

    def join(self, edge: Edge) -> None:
        """Add an edge that comes with a call, of which the arguments are known to fit."""
        super().add_edge(edge)

    def add_space(self, space: SpaceSpec) -> None:
        """Add an index space, or put another in the place of one of the same name."""
        self.spaces[space.name] = space
        self.changes += 1
        for name in space.needs():
            self._opened.setdefault(name, {})[space.name] = None

    def add_gate(self, space: str, gate: NodeRef) -> None:
        """Let an index space open only where a case matches.

        Raises
        ------
        CycleError
            The case depends on what is in it; the graph is what it was.
        """
        for name in self._inside.get(space, ()):
            self._refuse_circle(gate.name, name)
        known = self.spaces[space]
        self.add_space(known._replace(gates=(*known.gates, gate)))

    def copy(self) -> FlowGraph:
        """Return a graph of the same nodes, edges and spaces, which can change by itself."""
        made = super().copy()
        made.spaces = dict(self.spaces)
        # of its own kind
        made._inside = {space: dict(nodes) for space, nodes in self._inside.items()}  # noqa: SLF001
        made._opened = {node: dict(opened) for node, opened in self._opened.items()}  # noqa: SLF001
        return made

    def __getstate__(self) -> dict[str, Any]:
        nodes = [
            (n.name, n.task, n.space, [*map(_plain, n.arguments)]) for n in self.nodes.values()
        ]
        return {**super().__getstate__(), "nodes": nodes, "spaces": self.spaces}

    def __setstate__(self, state: dict[str, Any]) -> None:
        nodes = {
            name: new(NodeSpec, (name, task, tuple(map(_argument_of, arguments)), space))
            for name, task, space, arguments in state["nodes"]
        }
        super().__setstate__({**state, "nodes": nodes})
        self.spaces, self._inside, self._opened = state["spaces"], {}, {}
        for name, node in self.nodes.items():
            if node.space:
                self._settle(name, node.space)
        for space in self.spaces.values():
            for name in space.needs():
                self._opened.setdefault(name, {})[space.name] = None

    def after(self, name: str) -> Iterator[str]:
        """Return what comes behind a node: also all in the lanes that it is asked for."""
        yield from super().after(name)
        for space in self._opened.get(name, ()):
            yield from self._inside.get(space, ())

    def before(self, name: str) -> Iterable[str]:
        """Return what comes before a node: also all that is asked for the lanes it is in."""
        direct = super().before(name)
        if len(self.spaces) == 1 or (space := self.nodes[name].space) == ROOT:
            return direct
        return chain(direct, *(self.spaces[each].needs() for each in self.around(space)))

    def is_last(self, name: str) -> bool:
        """Return whether nothing comes behind a node."""
        return super().is_last(name) and name not in self._opened

    def tasks(self) -> list[Task[..., Any]]:
        """Return the tasks of all nodes, each once, in the order of their nodes."""
        return self._kept("tasks", self._find_tasks)

    def _find_tasks(self) -> list[Task[..., Any]]:
        return list({id(node.task): node.task for node in self.nodes.values()}.values())

    def nodes_of(self, task: Task[..., Any]) -> list[str]:
        """Return the names of the calls of a task, whatever its options were."""
        return [name for name, spec in self.nodes.items() if spec.task.origin is task.origin]

    def space_of(self, node: str) -> SpaceSpec:
        """Return the space in which a node's task runs lie."""
        return self.spaces[self.nodes[node].space]

    def depth(self, node: str) -> int:
        """Return how long the map indexes of a node's task runs are."""
        return self.space_of(node).depth

    def gives_width(self, node: str) -> bool:
        """Return whether something is mapped over a node's values."""
        return bool(self._opened.get(node))

    def around(self, space: str) -> list[str]:
        """Return the names of a space and of those around it, from the outermost but the root."""
        chain = []
        while space != ROOT:
            chain.append(space)
            space = self.spaces[space].parent
        return chain[::-1]


def _plain(argument: Argument) -> Argument | tuple[Any, ...]:
    """Return an argument as it travels: the usual ones as tuples, for picklers ask of objects."""
    form = argument.form
    if type(form) is NodeRef:
        way = (form.levels, form.is_flat, form.is_picky)
        return argument.name, argument.keyword, form.name, way
    if type(form) is LiteralRef:
        return argument.name, argument.keyword, form.name, None
    return argument


def _argument_of(plain: Argument | tuple[Any, ...]) -> Argument:
    """Return the argument that `_plain` made so."""
    if isinstance(plain, Argument):
        return plain
    name, keyword, of, way = plain
    form: Form = LiteralRef(of) if way is None else new(NodeRef, (of, *way))
    return new(Argument, (name, form, keyword))


def _parts(form: Any) -> Iterable[Any]:
    """Return what a form, or a plain container in one, is made of."""
    kind = type(form)
    if kind is Packed:
        return (form.template,)
    if kind is Element:
        return (form.of,)
    if kind is dict:
        return chain.from_iterable(form.items())
    return form if kind in (list, tuple, set, frozenset) else ()


def _leaves(form: Any) -> Iterator[Ref]:
    if type(form) in (LiteralRef, NodeRef):
        yield form
    for part in _parts(form):
        yield from _leaves(part)


def node_refs(form: Any) -> dict[NodeRef, None]:
    """Return the references to nodes in a form, each once, in order."""
    if type(form) is NodeRef:  # nearly all of them
        return {form: None}
    return dict.fromkeys(leaf for leaf in _leaves(form) if type(leaf) is NodeRef)


def is_listed(form: Any) -> bool:
    """Return whether the map index decides which nodes a form refers to: in a list of nodes."""
    if type(form) is Element and type(form.of) is Packed and node_refs(form):
        return True
    return any(map(is_listed, _parts(form)))


def refs_at(form: Any, index: Sequence[int]) -> dict[NodeRef, None]:
    """Return the references to nodes that a form has at a map index, each once, in order."""
    if type(form) is NodeRef:
        return {form: None}
    parts = _parts(form)
    if type(form) is Element and type(form.of) is Packed:
        parts = (form.of.template[index[form.level]],)
    return dict.fromkeys(ref for part in parts for ref in refs_at(part, index))


def references(form: Any) -> dict[str, None]:
    """Return the names of the nodes that a form refers to, each once, in order."""
    return dict.fromkeys(ref.name for ref in node_refs(form))


def literals_in(form: Any) -> dict[str, None]:
    """Return the names of the literals that a form refers to, each once, in order."""
    if type(form) is NodeRef:  # nearly all of them
        return {}
    return dict.fromkeys(leaf.name for leaf in _leaves(form) if type(leaf) is LiteralRef)


def fill(form: Any, value_of: Callable[[Any], Any]) -> Any:
    """Return the value of a form, its references replaced by what `value_of` gives for them.

    `value_of` is asked for each `LiteralRef`, `NodeRef` and `Element`.
    """
    kind = type(form)
    if kind in (LiteralRef, NodeRef, Element):
        return value_of(form)
    if kind is Packed:
        return fill(form.template, value_of)
    if kind is dict:
        return {fill(key, value_of): fill(value, value_of) for key, value in form.items()}
    if kind in (list, tuple, set, frozenset):
        return kind(fill(item, value_of) for item in form)
    return form


def by_lane(form: Form, node: str) -> Form:
    """Return a form in which elements of the list of a node's values are its task runs' values.

    That is how a node is mapped over that is mapped itself.
    """

    def change(part: Form) -> Form:
        if not isinstance(part, Element):
            return part
        of = by_lane(part.of, node)
        if isinstance(of, NodeRef) and of.name == node:
            return of._replace(levels=(*of.levels, part.level))
        return Element(of, part.level)

    return Packed(fill(form.template, change)) if isinstance(form, Packed) else change(form)


def check_name(name: str, what: str) -> str:
    """Return the name if it may name a task or a flow, else raise `DefinitionError`."""
    if not _NAME.match(name):
        msg = f"{name!r} cannot name {what}: letters, digits, '_', '-' and '.', a letter first"
        raise DefinitionError(msg)
    return name

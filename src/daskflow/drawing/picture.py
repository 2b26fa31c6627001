"""What a drawing shows of a flow, before any format: boxes, arrows, groups.

Made by `picture_of`, frozen, in an order that is the same in every process: each box stands behind
those that its arrows come from, and the boxes of a group stand together. Text comes as it is; each
format escapes it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol

from daskflow.definition.nodes import FlowGraph, LiteralRef, NodeRef, NodeSpec
from daskflow.drawing.forms import Writer, index_text, sources
from daskflow.drawing.grouping import TOP, Nest, arrange, groups_of, home_of
from daskflow.graph import Edge
from daskflow.triggers import all_successful, passes_skips


class BoxKind(Enum):
    """What a box stands for."""

    TASK = "task"  # a node: one call of a task
    PARAMETER = "parameter"  # of the flow
    GROUP = "group"  # many calls, in a drawing that would be too large otherwise


class ArrowKind(Enum):
    """What goes along an arrow."""

    VALUE = "value"  # one value, whole
    EACH = "each"  # element by element: each task run gets its own
    ALL = "all"  # the results of all task runs of a mapped node, as a list
    WAIT = "wait"  # nothing: it is only waited for
    GATE = "gate"  # nothing: it is a case, and what is in it


@dataclass(frozen=True, slots=True)
class Box:
    """A node, a parameter of the flow, or many nodes that are drawn as one."""

    key: str  # unique in a picture
    name: str
    kind: BoxKind = BoxKind.TASK
    task: str = ""  # the name of the task; empty: it is no node
    group: str = TOP  # key of the innermost it lies in
    depth: int = 0  # how long its map indexes are
    is_mapped: bool = False  # called by .map; what is in a mapped sub-flow need not be
    is_reference: bool = False  # it decides how the flow ends
    gets: tuple[tuple[str, str], ...] = ()  # its arguments and what they are, in words
    waits: tuple[str, ...] = ()  # what it only waits for
    marks: tuple[str, ...] = ()  # rules of the task that are not the usual ones
    members: tuple[str, ...] = ()  # the nodes it stands for, where these are many

    @property
    def tasks(self) -> int:
        """How many nodes it stands for."""
        return len(self.members) or 1

    @property
    def label(self) -> str:
        """Its name, with the letters of its map index: ``clean[i]``."""
        return self.name + index_text(self.depth)

    @property
    def call(self) -> str:
        """What it is, as one would write the call, and what is special about it."""
        remarks = [*self.marks, *([f"after {', '.join(self.waits)}"] if self.waits else [])]
        given = ", ".join(f"{name}={text}" for name, text in self.gets)
        return f"{self.task}({given})" + (f"  # {', '.join(remarks)}" if remarks else "")

    @property
    def lines(self) -> tuple[str, ...]:
        """What is written in it: its label without the group's name, its task, its rules."""
        name = self.name.removeprefix(f"{self.group[:-1]}.")
        task = (self.task,) if self.task not in ("", name) else ()
        if self.kind is BoxKind.GROUP:
            task = (f"{self.tasks:,} task{'s' * (self.tasks > 1)}",)
        return (name + index_text(self.depth), *task, *self.marks)


@dataclass(frozen=True, slots=True)
class Arrow:
    """What one box gets of another; for several arguments alike it is one arrow."""

    start: str  # keys of boxes
    end: str
    kind: ArrowKind = ArrowKind.VALUE
    arguments: tuple[str, ...] = ()
    is_flat: bool = False  # element by element of all values

    @property
    def label(self) -> str:
        """The names of the arguments, and what is done on the way."""
        names = ", ".join(self.arguments)
        if self.kind is ArrowKind.ALL:
            return f"{names}: all"
        return f"{names}: flattened" if self.is_flat else names


@dataclass(frozen=True, slots=True)
class Group:
    """The boxes of a sub-flow: those whose names begin with its name and a dot."""

    key: str
    parent: str = TOP  # key of the group around it
    depth: int = 0  # how long the map indexes in it are, where it is mapped
    over: str = ""  # what it is mapped over, in words; empty: it is not mapped

    @property
    def name(self) -> str:
        """How the names of the boxes in it begin."""
        return self.key.removesuffix("/")

    @property
    def label(self) -> str:
        """Its name without that of the group around it, with the letters of its map index."""
        return self.name.removeprefix(f"{self.parent[:-1]}.") + index_text(self.depth)

    @property
    def title(self) -> str:
        """Its label, and for what it is repeated."""
        return f"{self.label}: for each {self.over}" if self.over else self.label


@dataclass(frozen=True, slots=True)
class Picture:
    """All that a drawing shows."""

    name: str  # of the flow
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    groups: tuple[Group, ...] = ()  # each behind the one around it
    returns: str = ""  # what the flow returns, in words; empty: nothing that a task made
    note: str = ""  # what was left out

    def nest(self) -> Nest:
        """Return which box lies in which group."""
        homes = {box.key: box.group for box in self.boxes}
        return Nest(homes, {group.key: group.parent for group in self.groups})


class Definition(Protocol):
    """What a picture is made of: a `FlowDefinition`."""

    @property
    def name(self) -> str:
        """Of the flow."""
        ...

    @property
    def graph(self) -> FlowGraph:
        """Its nodes."""
        ...

    @property
    def literals(self) -> Mapping[str, Any]:
        """Its constants."""
        ...

    @property
    def returned(self) -> Any:
        """What it returns, as a form."""
        ...

    @property
    def reference_tasks(self) -> tuple[str, ...]:
        """The nodes that decide how it ends."""
        ...


def picture_of(definition: Definition, parameters: Collection[str] = ()) -> Picture:
    """Return what a drawing shows of a traced flow.

    Parameters
    ----------
    parameters
        The names of the flow's parameters, in order; those that nothing uses are not drawn.

    Examples
    --------
    >>> from daskflow import flow, task
    >>> @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> @flow
    ... def doubled(xs: list[int]):
    ...     return double.map(xs)
    >>> picture = picture_of(doubled.definition())
    >>> [box.label for box in picture.boxes], picture.arrows[0].kind.name
    (['xs', 'double[i]'], 'EACH')
    """
    painter = _Painter(definition)
    nodes = definition.graph.nodes.values()
    boxes = [*painter.parameters(parameters), *map(painter.box, nodes)]
    arrows = tuple(arrow for node in nodes for arrow in painter.arrows(node))
    groups = [
        painter.group(key, parent) for key, parent in groups_of(definition.graph.nodes).items()
    ]
    picture = Picture(definition.name, tuple(boxes), arrows, tuple(groups), painter.returns())
    return arranged(picture)


def parameter_key(name: str) -> str:
    """Return the key of a parameter's box; no node has a name with a space."""
    return f"parameter {name}"


def arranged(picture: Picture) -> Picture:
    """Return the picture in its order, without the groups that cannot be drawn."""
    order, nest = arrange(picture.nest(), [(arrow.start, arrow.end) for arrow in picture.arrows])
    boxes = {box.key: box for box in picture.boxes}
    return replace(
        picture,
        boxes=tuple(replace(boxes[key], group=nest.homes[key]) for key in order),
        groups=tuple(
            replace(group, parent=nest.parents[group.key])
            for group in picture.groups
            if group.key in nest.parents
        ),
    )


class _Painter:
    """Turns the parts of a definition into those of a picture."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.graph = definition.graph
        self.writer = Writer(definition.graph, definition.literals)
        self.reference_tasks = frozenset(definition.reference_tasks)

    def parameters(self, order: Collection[str]) -> list[Box]:
        """Return a box for each parameter that something uses."""
        nodes, spaces = self.graph.nodes.values(), self.graph.spaces.values()
        forms = [argument.form for node in nodes for argument in node.arguments]
        forms += [giver.form for space in spaces for giver in space.givers]
        refs = [
            source.ref for form in [*forms, self.definition.returned] for source in sources(form)
        ]
        used = dict.fromkeys(ref.name for ref in refs if self._is_parameter(ref))
        first = dict.fromkeys(name for name in order if name in used)
        return [Box(parameter_key(name), name, BoxKind.PARAMETER) for name in first | used]

    def _is_parameter(self, ref: Any) -> bool:
        return isinstance(ref, LiteralRef) and ref.name not in self.definition.literals

    def returns(self) -> str:
        """Return in words what the flow returns."""
        form = self.definition.returned
        refs = [source.ref for source in sources(form)]
        is_made = any(isinstance(ref, NodeRef) or self._is_parameter(ref) for ref in refs)
        return self.writer.text(form) if is_made else ""

    def box(self, node: NodeSpec) -> Box:
        """Return the box of a node."""
        edges = self.graph.upstream(node.name)
        edges = [edge for edge in edges if edge.key is None and not edge.is_gate]
        waits = [NodeRef(edge.upstream, edge.levels) for edge in edges]
        return Box(
            node.name,
            node.name,
            task=node.task.name,
            group=home_of(node.name),
            depth=self.graph.depth(node.name),
            is_mapped=node.is_mapped,
            is_reference=node.name in self.reference_tasks,
            gets=tuple((one.name, self.writer.text(one.form)) for one in node.arguments),
            waits=tuple(map(self.writer.text, waits)),
            marks=(*_marks(node), *map(self._case, self._gates(node))),
        )

    def arrows(self, node: NodeSpec) -> list[Arrow]:
        """Return the arrows into the box of a node."""
        found: dict[tuple[str, ArrowKind, bool], dict[str, None]] = {}
        told: set[tuple[str, str | None]] = set()
        for argument in node.arguments:
            for ref, is_element in sources(argument.form):
                if isinstance(ref, NodeRef):
                    told.add((ref.name, argument.name))
                    key = (ref.name, self._kind(ref, node, is_element=is_element), ref.is_flat)
                elif self._is_parameter(ref):
                    kind = ArrowKind.EACH if is_element else ArrowKind.VALUE
                    key = (parameter_key(ref.name), kind, False)
                else:
                    continue
                found.setdefault(key, {})[argument.name] = None
        for edge in self.graph.upstream(node.name):  # that no argument tells of
            if edge.key is not None and (edge.upstream, edge.key) not in told:
                found.setdefault(self._key_of(edge, node), {})[edge.key] = None
        made = [Arrow(key[0], node.name, key[1], tuple(found[key]), key[2]) for key in found]
        return made + self._waits(node, {arrow.start for arrow in made})

    def _key_of(self, edge: Edge, node: NodeSpec) -> tuple[str, ArrowKind, bool]:
        ref = NodeRef(edge.upstream, edge.levels, edge.is_flat)
        return edge.upstream, self._kind(ref, node, is_element=edge.mapped), edge.is_flat

    def _waits(self, node: NodeSpec, given: set[str]) -> list[Arrow]:
        """Return an arrow for each node that is waited for and gives nothing."""
        gates = [gate.name for gate in self._gates(node) or self._gates_around(node)]
        edges = self.graph.upstream(node.name)
        waited = dict.fromkeys(e.upstream for e in edges if e.key is None and not e.is_gate)
        made = [Arrow(start, node.name, ArrowKind.GATE) for start in dict.fromkeys(gates)]
        told = {*given, *gates}
        return made + [
            Arrow(start, node.name, ArrowKind.WAIT) for start in waited if start not in told
        ]

    def _gates(self, node: NodeSpec) -> list[NodeRef]:
        """Return what leads to the cases that a node is in."""
        edges = self.graph.upstream(node.name)
        gates = [NodeRef(edge.upstream, edge.levels) for edge in edges if edge.is_gate]
        return [*gates, *(self.graph.spaces[node.name].gates if node.is_mapped else ())]

    def _gates_around(self, node: NodeSpec) -> list[NodeRef]:
        """Return those of the lanes that a node is among the first in."""
        lanes = self.graph.spaces[node.space]
        is_first = not any(
            self.graph.nodes[edge.upstream].space == lanes.name
            for edge in self.graph.upstream(node.name)
        )
        return list(lanes.gates) if is_first else []

    def _case(self, gate: NodeRef) -> str:
        """Return a case in words."""
        arguments = self.graph.nodes[gate.name].arguments
        if len(arguments) != 2:  # noqa: PLR2004 - made by hand, of another task
            return f"in case {gate.name}"
        x, value = (self.writer.text(argument.form) for argument in arguments)
        return f"in case {x} is {value}"

    def _kind(self, ref: NodeRef, node: NodeSpec, *, is_element: bool) -> ArrowKind:
        theirs = self.graph.around(self.graph.nodes[ref.name].space)
        mine = self.graph.around(node.space)
        shared = sum(one == other for one, other in zip(mine, theirs, strict=False))
        if is_element or len(ref.levels) > shared:  # longer: lane by lane into another space
            return ArrowKind.EACH
        return ArrowKind.ALL if self.graph.depth(ref.name) > len(ref.levels) else ArrowKind.VALUE

    def group(self, key: str, parent: str) -> Group:
        """Return a group."""
        group = Group(key, parent)
        space = self.graph.spaces.get(group.name)
        if space is None or group.name in self.graph.nodes:
            return group
        over = [f"{giver.what} in {self.writer.sequence(giver.form)}" for giver in space.givers]
        cases = map(self._case, space.gates)
        return replace(group, depth=space.depth, over=", ".join([*over, *cases]))


def _marks(node: NodeSpec) -> tuple[str, ...]:
    rules = node.task.rules
    marks = [f"retries {rules.retry.retries}"] if rules.retry.retries else []
    if rules.trigger != all_successful:
        name = getattr(rules.trigger, "name", None) or getattr(rules.trigger, "__name__", None)
        marks.append(f"trigger {name or type(rules.trigger).__name__}")
    if not rules.skips_with_upstream and not passes_skips(rules.trigger):
        marks.append("runs behind skipped ones")
    return tuple(marks)

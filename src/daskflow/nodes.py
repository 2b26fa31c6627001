"""What a traced flow is made of: nodes, their arguments, and the handles a flow passes around.

While a flow is traced a task's call returns a `Node`, which stands for a value that does not exist
yet. It can be passed on, alone or inside lists, tuples, sets and dicts; every other use raises
`TracingError` with the cure. What is stored are frozen `NodeSpec`s, which name other nodes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from daskflow.errors import DefinitionError, TracingError
from daskflow.graph import Edge, Graph
from daskflow.mapping import Unmapped, measure

if TYPE_CHECKING:
    from daskflow.tasks import Task

_NAME = re.compile(r"[A-Za-z_][\w.-]*\Z")


@dataclass(frozen=True, slots=True)
class LiteralRef:
    """A value known before the run: a parameter (``limit``) or a constant (``clean.limit``)."""

    name: str

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return LiteralRef, (self.name,)


@dataclass(frozen=True, slots=True)
class NodeRef:
    """The value of a node; of a mapped one the list of its children's values."""

    name: str

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return NodeRef, (self.name,)


@dataclass(frozen=True, slots=True)
class Packed:
    """A list, tuple, set or dict with references somewhere inside."""

    template: Any


Form = LiteralRef | NodeRef | Packed


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a task's call."""

    name: str  # the parameter of the task it feeds; for messages and edges
    form: Form
    keyword: str | None = None  # None: passed by position
    is_mapped: bool = False  # True: each child gets its element

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return Argument, (self.name, self.form, self.keyword, self.is_mapped)


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One call of a task in a flow."""

    name: str
    task: Task[..., Any]
    arguments: tuple[Argument, ...]
    is_mapped: bool = False

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return NodeSpec, (self.name, self.task, self.arguments, self.is_mapped)


def _place() -> str:
    """Return where the user's code looked at a value, as `` (file:line)``."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - `inspect` is a hundred times slower
    while frame is not None and frame.f_code.co_filename.startswith(_OWN_FOLDER):
        frame = frame.f_back
    if frame is None:
        return ""
    return f" ({Path(frame.f_code.co_filename).name}:{frame.f_lineno})"


_OWN_FOLDER = str(Path(__file__).parent)


class Placeholder:
    """Stands for a value that does not exist while a flow is traced."""

    __slots__ = ("_label", "_name")

    def __init__(self, name: str, label: str) -> None:
        self._name = name
        self._label = label

    def __reduce__(self) -> NoReturn:
        msg = (
            f"{self._label} is inside of a value that daskflow does not look into; pass it as an "
            "argument of its own, or in a list, tuple, set or dict"
        )
        raise TracingError(msg)

    def _refuse(self, use: str, cure: str) -> NoReturn:
        what = f"{use} of {self._label} while the flow is traced{_place()}"
        msg = f"{what}: its value does not exist yet; {cure}"
        raise TracingError(msg)

    def __repr__(self) -> str:
        return f"<{self._label}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in _PREFECT_3:
            self._refuse(f".{name}", _PREFECT_3[name])
        return self._refuse(f".{name}", "use it inside a task that gets this value as an argument")


class Node(Placeholder):
    """The result of a task's call, to come."""

    __slots__ = ()

    def __init__(self, name: str) -> None:
        super().__init__(name, f"the result of task {name!r}")


class Parameter(Placeholder):
    """The value of a flow's parameter, to come."""

    __slots__ = ()

    def __init__(self, name: str) -> None:
        super().__init__(name, f"parameter {name!r}")


_PREFECT_3 = {
    "result": "drop .result(): pass what the task returned on to other tasks",
    "wait": "drop .wait(): a task that must come later takes wait_for=[...]",
}
_INSIDE = "do this inside a task that gets the value as an argument"
_BRANCH = "let a task decide, and raise Skip in it where there is nothing to do"
_LOOP = "to call a task for each element use .map(...); to take parts of it write a task"
_ARITHMETIC = (
    "__add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__ __rtruediv__ "
    "__floordiv__ __rfloordiv__ __mod__ __rmod__ __pow__ __rpow__ __matmul__ __rmatmul__ "
    "__and__ __rand__ __or__ __ror__ __xor__ __rxor__ __neg__ __pos__ __abs__ __invert__"
)
_CURES = {
    "str()": ("__str__ __format__", _INSIDE),
    "use as a number": ("__int__ __float__ __index__ __complex__ __round__", _INSIDE),
    "os.fspath()": ("__fspath__", _INSIDE),
    "the truth value": ("__bool__", _BRANCH),
    "`in`": ("__contains__", _BRANCH),
    "comparison": ("__eq__ __ne__ __lt__ __le__ __gt__ __ge__", _BRANCH),
    "len()": ("__len__", _INSIDE),
    "iteration": ("__iter__ __next__", _LOOP),
    "[...]": ("__getitem__", _INSIDE),
    "arithmetic": (_ARITHMETIC, _INSIDE),
    "call": ("__call__", _INSIDE),
    "`with`": ("__enter__ __exit__", _INSIDE),
}


def _make_guard(use: str, cure: str) -> Callable[..., NoReturn]:
    def guard(self: Placeholder, *_: Any) -> NoReturn:
        self._refuse(use, cure)

    return guard


for _use, (_names, _how) in _CURES.items():
    for _name in _names.split():
        setattr(Placeholder, _name, _make_guard(_use, _how))  # __hash__ stays: by identity


class Trace:
    """The graph of one flow while its function is being traced."""

    def __init__(self) -> None:
        self.graph: Graph[NodeSpec] = Graph()
        self.literals: dict[str, Any] = {}  # constants, by node.argument
        self._counts: dict[str, int] = {}
        self._scope = ""

    def add_call(
        self,
        task: Task[..., Any],
        arguments: list[tuple[str, str | None, Any]],
        wait_for: Any = (),
        *,
        is_mapped: bool = False,
        name: str | None = None,
    ) -> Node:
        """Record the call of a task and return the handle of its value.

        Parameters
        ----------
        arguments
            For each argument the parameter it feeds, its keyword (None: by position), the value.
        wait_for
            Nodes, or lists of them, that must be finished first.
        name
            The node's name; by default the task's, with a number from the second call on.
        """
        name = self._scope + name if name else self._next_name(self._scope + task.name)
        edges: list[Edge] = []
        made = tuple(
            self._argument(name, argument, is_mapped=is_mapped, edges=edges)
            for argument in arguments
        )
        if is_mapped and not any(argument.is_mapped for argument in made):
            msg = f"{task.name}.map() has no mapped argument; call {task.name}(...) instead"
            raise DefinitionError(msg)
        for waited in wait_for:
            edges += self._waiting_edges(name, waited, is_mapped=is_mapped)
        self.graph.add_node(name, NodeSpec(name, task, made, is_mapped))
        for edge in edges:
            self.graph.add_edge(edge)
        return Node(name)

    @contextmanager
    def scope(self, flow: str) -> Iterator[None]:
        """Put what is recorded meanwhile under the name of an inlined flow."""
        outer = self._scope
        self._scope = self._next_name(outer + flow) + "."
        try:
            yield
        finally:
            self._scope = outer

    def form_of(self, value: Any, literal: str) -> Form:
        """Return how a value is stored: what holds no node becomes the literal of that name."""
        if isinstance(value, Node):
            return NodeRef(self._checked(value))
        if isinstance(value, Parameter):
            return LiteralRef(value._name)  # noqa: SLF001 - a slot that no user meets
        if holds_placeholder(value):
            return Packed(self._template(value, literal))
        while literal in self.literals:  # f(1, a=2) where a is both a position and a keyword
            literal += "'"
        self.literals[literal] = value
        return LiteralRef(literal)

    def _argument(
        self,
        node: str,
        argument: tuple[str, str | None, Any],
        *,
        is_mapped: bool,
        edges: list[Edge],
    ) -> Argument:
        name, keyword, value = argument
        mapped = is_mapped and not isinstance(value, Unmapped)
        if isinstance(value, Unmapped):
            if not is_mapped:
                msg = f"{node}: unmapped() belongs into .map(...); pass the value as it is"
                raise DefinitionError(msg)
            value = value.value
        form = self.form_of(value, f"{node}.{name}")
        if mapped and not isinstance(form, NodeRef) and not isinstance(value, Parameter):
            try:
                measure(value)
            except DefinitionError as error:
                msg = f"{node}, argument {name!r}: {error}"
                raise DefinitionError(msg) from None
        for upstream in references(form):
            edges.append(Edge(upstream, node, name, mapped and isinstance(form, NodeRef)))
        return Argument(name, form, keyword, mapped)

    def _waiting_edges(self, node: str, waited: Any, *, is_mapped: bool) -> Iterator[Edge]:
        whole = isinstance(waited, Unmapped) or not is_mapped
        if isinstance(waited, Unmapped):
            waited = waited.value
        form = self.form_of(waited, f"{node}.wait_for")
        names = list(references(form))
        if not names:
            msg = f"{node}: wait_for takes what tasks returned, not {waited!r}"
            raise DefinitionError(msg)
        for name in names:
            is_lane = not whole and self.graph.nodes[name].is_mapped
            yield Edge(name, node, None, is_lane)

    def _template(self, value: Any, literal: str) -> Any:
        if isinstance(value, Placeholder):
            return self.form_of(value, literal)
        if not holds_placeholder(value):
            return value
        if isinstance(value, dict):
            return {
                self._template(k, literal): self._template(v, literal) for k, v in value.items()
            }
        return type(value)(self._template(item, literal) for item in value)

    def _checked(self, node: Node) -> str:
        """Return the name of a node of this flow's; refuse one of another's."""
        name = node._name  # noqa: SLF001 - the same
        if name not in self.graph:
            msg = f"{node!r} belongs to another flow; pass its value as a parameter instead"
            raise DefinitionError(msg)
        return name

    def _next_name(self, base: str) -> str:
        while True:
            count = self._counts[base] = self._counts.get(base, 0) + 1
            name = base if count == 1 else f"{base}-{count}"
            if name not in self.graph:
                return name


def holds_placeholder(value: Any) -> bool:
    """Return whether a list, tuple, set or dict has a node or a parameter somewhere inside."""
    if isinstance(value, Placeholder):
        return True
    kind = type(value)
    if kind in (list, tuple, set, frozenset):
        return any(map(holds_placeholder, value))
    if kind is dict:
        return any(map(holds_placeholder, value)) or any(map(holds_placeholder, value.values()))
    return False


def _leaves(template: Any) -> Iterator[Any]:
    kind = type(template)
    if kind in (LiteralRef, NodeRef):
        yield template
    elif kind is Packed:
        yield from _leaves(template.template)
    elif kind is dict:
        for key, value in template.items():
            yield from _leaves(key)
            yield from _leaves(value)
    elif kind in (list, tuple, set, frozenset):
        for item in template:
            yield from _leaves(item)


def references(form: Any) -> dict[str, None]:
    """Return the names of the nodes that a form refers to, each once, in order."""
    return dict.fromkeys(leaf.name for leaf in _leaves(form) if type(leaf) is NodeRef)


def literals_in(form: Any) -> dict[str, None]:
    """Return the names of the literals that a form refers to, each once, in order."""
    return dict.fromkeys(leaf.name for leaf in _leaves(form) if type(leaf) is LiteralRef)


def fill(form: Any, value_of: Callable[[LiteralRef | NodeRef], Any]) -> Any:
    """Return the value of a form, its references replaced by what `value_of` gives for them."""
    kind = type(form)
    if kind in (LiteralRef, NodeRef):
        return value_of(form)
    if kind is Packed:
        return fill(form.template, value_of)
    if kind is dict:
        return {fill(key, value_of): fill(value, value_of) for key, value in form.items()}
    if kind in (list, tuple, set, frozenset):
        return kind(fill(item, value_of) for item in form)
    return form


def check_name(name: str, what: str) -> str:
    """Return the name if it may name a task or a flow, else raise `DefinitionError`."""
    if not _NAME.match(name):
        msg = f"{name!r} cannot name {what}: letters, digits, '_', '-' and '.', a letter first"
        raise DefinitionError(msg)
    return name


current_trace: ContextVar[Trace | None] = ContextVar("daskflow_trace", default=None)

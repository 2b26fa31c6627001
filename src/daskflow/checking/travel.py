"""What cannot travel to workers, and what cannot be told from its like by a hash."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any, NamedTuple

import cloudpickle

from daskflow.checking.findings import Finding, error, note
from daskflow.definition.definitions import FlowDefinition
from daskflow.definition.flows import Flow
from daskflow.definition.nodes import Element, LiteralRef, NodeRef, Packed
from daskflow.definition.tasks import Task
from daskflow.runtime.spec import own_code_by_value

_DEEPEST = 5  # steps from a task to what cannot be pickled
_MOST_ITEMS = 100  # of a collection that are looked at, to name one


class _Constant(NamedTuple):
    """A value that is known before the run."""

    where: str  # a node, a group or the flow
    what: str
    value: Any


def find_stuck(flow: Flow[..., Any], definition: FlowDefinition) -> Iterator[Finding]:
    """Find tasks, constants and defaults of parameters that cannot be pickled.

    They are pickled as for a run, with the code of the flow's own folder by value, and thrown away.
    Of a task it is told what in it is to blame: a variable of its closure, a global it uses, a
    default, an option.
    """
    nodes = definition.graph.nodes
    told: set[Any] = set()
    with own_code_by_value([*(task.fn for task in definition.graph.tasks()), flow.fn]):
        for name, node in nodes.items():
            key = _key_of(node.task)
            reason = None if key in told else _reason(node.task)
            told.add(key)
            if reason is not None:
                blamed = _blamed(node.task, _DEEPEST)
                because = f" because of {blamed}" if blamed else ""
                yield error(name, f"its task cannot be sent to workers{because}: {reason}")
        for constant in _constants(flow, definition):
            reason = _reason(constant.value)
            if reason is not None:
                yield error(constant.where, f"{constant.what} cannot be sent to workers: {reason}")


def find_unhashable(flow: Flow[..., Any], definition: FlowDefinition) -> Iterator[Finding]:
    """Find constants and defaults whose hash would be another one in each process.

    Only caching goes by such hashes, so it is a note: a cache would never be hit.
    """
    from dask.tokenize import tokenize

    for constant in _constants(flow, definition):
        try:
            tokenize(constant.value, ensure_deterministic=True)
        except Exception:  # noqa: BLE001 - a type's own hash may raise anything
            kind = type(constant.value).__name__
            yield note(constant.where, f"{constant.what} has no lasting hash ({kind}), for a cache")


def _key_of(task: Task[..., Any]) -> Any:
    """Return what is the same for tasks that are pickled alike: copies with another node's name."""
    return id(task.fn), tuple(sorted((word, id(value)) for word, value in task.options.items()))


def _reason(value: Any) -> str | None:
    """Return why a value cannot be pickled; None where it can."""
    try:
        cloudpickle.dumps(value, protocol=5, buffer_callback=lambda _: None)  # buffers: not copied
    except Exception as reason:  # noqa: BLE001 - a type's own pickling may raise anything
        return f"{reason}".partition("\n")[0] or type(reason).__name__
    return None


def _constants(flow: Flow[..., Any], definition: FlowDefinition) -> Iterator[_Constant]:
    for name, value in definition.literals.items():
        where, _, argument = name.rstrip("'").rpartition(".")
        what = f"the constant for {argument!r}" if where else "what is returned"
        yield _Constant(where or flow.name, what, value)
    for node in definition.graph.nodes.values():
        for one in node.arguments:
            found = list(_plain_in(one.form))
            if found:  # in a list beside what tasks return
                yield _Constant(node.name, f"a constant in {one.name!r}", found)
    for parameter in flow.signature.parameters.values():
        if parameter.default is not parameter.empty:
            what = f"the default of parameter {parameter.name!r}"
            yield _Constant(flow.name, what, parameter.default)


def _plain_in(form: Any) -> Iterator[Any]:
    """Return the values in a form that are no references."""
    kind = type(form)
    if kind is Packed:
        yield from _plain_in(form.template)
    elif kind is Element:
        yield from _plain_in(form.of)
    elif kind is dict:
        yield from (part for pair in form.items() for one in pair for part in _plain_in(one))
    elif kind in (list, tuple, set, frozenset):
        yield from (part for one in form for part in _plain_in(one))
    elif kind not in (LiteralRef, NodeRef):
        yield form


def _blamed(value: Any, deepest: int) -> str:
    """Name what inside of a value cannot be pickled; empty where nothing of it is to blame."""
    if not deepest:
        return ""
    for what, part in _parts_of(value):
        if part is not value and _reason(part) is not None:
            inner = _blamed(part, deepest - 1)
            return f"{what}, {inner}" if inner else what
    return ""


def _parts_of(value: Any) -> Iterator[tuple[str, Any]]:
    """Return what is pickled with a value, and what to call it."""
    if isinstance(value, Task):
        yield from ((f"its option {word}=", option) for word, option in value.options.items())
        yield from _parts_of(value.fn)
    elif isinstance(value, partial):
        yield "its function", value.func
        yield from ((f"argument {number}", one) for number, one in enumerate(value.args))
        yield from ((f"argument {name!r}", one) for name, one in value.keywords.items())
    elif isinstance(value, MethodType):
        yield "its object", value.__self__
    elif isinstance(value, FunctionType):
        yield from _parts_of_function(value)
    elif isinstance(value, dict):
        yield from ((f"item {key!r}", one) for key, one in [*value.items()][:_MOST_ITEMS])
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"item {number}", one) for number, one in enumerate([*value][:_MOST_ITEMS]))
    elif not isinstance(value, type):
        yield from ((f"attribute {n!r}", one) for n, one in getattr(value, "__dict__", {}).items())


def _parts_of_function(function: FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield f"the variable {name!r} around it", cell.cell_contents
        except ValueError:  # not set yet
            continue
    for name in dict.fromkeys(_names_in(function.__code__)):
        if name in function.__globals__:
            yield f"the global {name!r}", function.__globals__[name]
    for one in function.__defaults__ or ():
        yield f"a default, a {type(one).__name__}", one
    for name, one in (function.__kwdefaults__ or {}).items():
        yield f"the default of {name!r}", one


def _names_in(code: CodeType) -> Iterator[str]:
    """Return the names that a function looks up, those of functions in it as well."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)

"""Python's operators, ``[...]`` and unpacking on what tasks will return: each becomes a node.

The tasks' functions are those of the module `operator`. On the result of a map they apply to the
list of its children's results, as they would outside of a flow; in a mapped sub-flow lane by lane.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, NoReturn

from daskflow.definition.placeholders import INSIDE, LOOP, Node, Placeholder, holds_placeholder
from daskflow.definition.tasks import Task
from daskflow.definition.tracing import current_trace


class _Operator(NamedTuple):
    task: str
    function: Callable[..., Any]
    methods: str  # the first one applies it; the second one too, with its operands swapped
    use: str  # for messages


_ARITHMETIC = "arithmetic"
_COMPARISON = "comparison"
_OPERATORS = (
    _Operator("add", operator.add, "__add__ __radd__", _ARITHMETIC),
    _Operator("subtract", operator.sub, "__sub__ __rsub__", _ARITHMETIC),
    _Operator("multiply", operator.mul, "__mul__ __rmul__", _ARITHMETIC),
    _Operator("divide", operator.truediv, "__truediv__ __rtruediv__", _ARITHMETIC),
    _Operator("floor_divide", operator.floordiv, "__floordiv__ __rfloordiv__", _ARITHMETIC),
    _Operator("modulo", operator.mod, "__mod__ __rmod__", _ARITHMETIC),
    _Operator("power", operator.pow, "__pow__ __rpow__", _ARITHMETIC),
    _Operator("matmul", operator.matmul, "__matmul__ __rmatmul__", _ARITHMETIC),
    _Operator("and", operator.and_, "__and__ __rand__", _ARITHMETIC),
    _Operator("or", operator.or_, "__or__ __ror__", _ARITHMETIC),
    _Operator("xor", operator.xor, "__xor__ __rxor__", _ARITHMETIC),
    _Operator("shift_left", operator.lshift, "__lshift__ __rlshift__", _ARITHMETIC),
    _Operator("shift_right", operator.rshift, "__rshift__ __rrshift__", _ARITHMETIC),
    _Operator("negative", operator.neg, "__neg__", _ARITHMETIC),
    _Operator("positive", operator.pos, "__pos__", _ARITHMETIC),
    _Operator("invert", operator.invert, "__invert__", _ARITHMETIC),
    _Operator("absolute", operator.abs, "__abs__", _ARITHMETIC),
    _Operator("less", operator.lt, "__lt__", _COMPARISON),
    _Operator("less_equal", operator.le, "__le__", _COMPARISON),
    _Operator("equal", operator.eq, "__eq__", _COMPARISON),
    _Operator("not_equal", operator.ne, "__ne__", _COMPARISON),
    _Operator("greater_equal", operator.ge, "__ge__", _COMPARISON),
    _Operator("greater", operator.gt, "__gt__", _COMPARISON),
)
_GET = Task(operator.getitem, name="getitem")
_SLICE = Task(slice, name="slice")


def _applied(task: Task[..., Any], use: str, operands: tuple[Any, ...]) -> Any:
    """Return the node of an operator; outside of the flow refuse to make one."""
    if current_trace.get() is None:
        _refuse(operands, use, "do this where the flow is traced, or under its `with`")
    return task(*operands)


def _refuse(operands: tuple[Any, ...], use: str, cure: str) -> NoReturn:
    known = next(one for one in operands if isinstance(one, Placeholder))
    known._refuse(use, cure)  # noqa: SLF001 - the guards are its own


def _method(task: Task[..., Any], use: str, *, is_swapped: bool) -> Callable[..., Any]:
    def apply(*operands: Any) -> Any:
        return _applied(task, use, operands[::-1] if is_swapped else operands)

    return apply


def _item(node: Placeholder, key: Any) -> Any:
    return _applied(_GET, "[...]", (node, _known_slices(key)))


def _known_slices(key: Any) -> Any:
    """Return a key in which slices over nodes are nodes: nothing looks into a slice."""
    if isinstance(key, tuple):
        return tuple(map(_known_slices, key))
    if isinstance(key, slice) and holds_placeholder([key.start, key.stop, key.step]):
        return _applied(_SLICE, "[...]", (key.start, key.stop, key.step))
    return key


def _count(node: Placeholder, use: str, cure: str) -> int:
    """Return how many values a task says that it returns."""
    trace = current_trace.get()
    count = None
    if trace is not None and isinstance(node, Node):
        count = trace.graph.nodes[trace.name_of(node)].task.outputs
        if count is not None and trace.is_lane(trace.form_of(node, "")):
            cure = "it is mapped: unpack it inside a mapped sub-flow, or write a task for the list"
            count = None
    if count is None:
        _refuse((node,), use, cure)
    return count


def _parts(node: Placeholder) -> Iterator[Any]:
    """Iterate over the values of a task that says how many it returns."""
    return iter([_item(node, place) for place in range(_count(node, "iteration", LOOP))])


def _length(node: Placeholder) -> int:
    return _count(node, "len()", INSIDE)


def install() -> None:
    """Let placeholders become nodes under operators; all else that they refuse stays refused."""
    for name, function, methods, use in _OPERATORS:
        task = Task(function, name=name)
        for place, method in enumerate(methods.split()):
            made = _method(task, use, is_swapped=place > 0)
            setattr(Placeholder, method, made)  # __hash__ stays: by identity
    setattr(Placeholder, "__getitem__", _item)  # noqa: B010 - a class has one of its own
    setattr(Placeholder, "__iter__", _parts)  # noqa: B010 - the same
    setattr(Placeholder, "__len__", _length)  # noqa: B010 - the same

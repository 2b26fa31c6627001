"""What tells a task's code from other code, for caches that go by `TASK_SOURCE`.

Taken in the driver, for a worker may not have the files. It is the text of the source, and the
compiled code beside it: a file that was edited since it was imported tells a text that is not what
runs. Without a text, as at a prompt, the code alone. Of a task that is made of a class it is the
classes and the instance's attributes. What the code calls in turn is not part of it; of the values
that it closes over, plain ones (numbers, texts, and tuples of them) are.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from functools import partial
from types import CodeType, FunctionType, MethodType
from typing import Any

from daskflow.caching import digest_of
from daskflow.definition.tasks import Task

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def fingerprint(task: Task[..., Any]) -> str:
    """Return a digest of a task's code.

    Raises
    ------
    CacheKeyError
        An attribute of an instance, or an argument of a `partial`, cannot be hashed.
    """
    what = f"what the code of task {task.name!r} goes by"
    cure = "; leave the code out: cache_policy=INPUTS"
    if task.origin is task.fn:
        return digest_of(_parts(task.fn), what, cure)
    own = {*vars(Task(_nothing)), "binding", "outputs"}
    attributes = {name: value for name, value in vars(task).items() if name not in own}
    return digest_of((_of_class(type(task)), attributes), what, cure)


def _nothing() -> None: ...


def _parts(thing: Any) -> Any:
    """Return what tells something that can be called from its like; it can be hashed."""
    match thing:
        case partial():
            return "partial", _parts(thing.func), thing.args, thing.keywords
        case MethodType():
            return "method", _parts(thing.__func__), _of_instance(thing.__self__)
        case FunctionType():
            return _text(thing), [_of_function(each) for each in _unwrapped(thing)]
        case type():
            return _of_class(thing)
    name = getattr(thing, "__qualname__", None)  # a builtin has one, an instance has not
    return (thing.__module__, name) if name is not None else _of_instance(thing)


def _of_instance(thing: Any) -> Any:
    if isinstance(thing, type):  # of a class method
        return _of_class(thing)
    return _of_class(type(thing)), getattr(thing, "__dict__", {})


def _of_class(kind: type) -> Any:
    """Return name, text and code of a class, and of those it is derived from."""
    return [
        (each.__qualname__, _text(each), [_of_function(f) for f in _methods(each)])
        for each in kind.__mro__
        if each.__module__ not in {"builtins", "typing", Task.__module__}
    ]


def _methods(kind: type) -> Iterator[FunctionType]:
    for value in vars(kind).values():
        function = getattr(value, "__func__", value)  # of a static method, or a class method
        if isinstance(function, FunctionType):
            yield function


def _unwrapped(function: Any) -> Iterator[FunctionType]:
    """Return a function and those that it wraps."""
    while isinstance(function, FunctionType):
        yield function
        function = getattr(function, "__wrapped__", None)


def _of_function(function: FunctionType) -> Any:
    closed = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    plain = {name: _content(cell) for name, cell in closed if _is_plain(_content(cell))}
    return _of_code(function.__code__), plain


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is not filled yet
        return _nothing


def _is_plain(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_is_plain, value))
    return type(value) in _PLAIN


def _of_code(code: CodeType) -> Any:
    constants = [_of_code(one) if isinstance(one, CodeType) else one for one in code.co_consts]
    return code.co_code, constants, code.co_names, code.co_varnames


def _text(thing: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError):  # there is no file, or it has changed too much
        return ""

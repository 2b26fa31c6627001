"""A warning of ``is None`` in a flow's function: the one test that no placeholder can catch."""

from __future__ import annotations

import ast
import inspect
import textwrap
import warnings
from collections.abc import Callable, Collection
from typing import Any

from daskflow.definition.tasks import Task


def warn_of_none_tests(
    function: Callable[..., Any], flow: str, known: Collection[str] = ()
) -> None:
    """Warn where a flow tests a placeholder with ``is None``.

    Parameters
    ----------
    known
        The parameters that have a value while the flow is traced.
    """
    function = inspect.unwrap(function)
    if not inspect.isfunction(function):
        return
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):  # no source to look at: a lambda, a notebook's exec
        return
    scope = {**getattr(function, "__globals__", {}), **inspect.getclosurevars(function).nonlocals}
    unseen = {argument.arg for node in ast.walk(tree) for argument in _arguments_of(node)}
    unseen -= set(known)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _calls_task(node.value, scope):
            unseen |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot)):
            continue
        if isinstance(node.left, ast.Name) and node.left.id in unseen:
            warnings.warn(
                f"flow {flow!r} tests {ast.unparse(node)!r} while it is traced, before "
                f"{node.left.id!r} has a value: it is never None here; test it inside a task",
                stacklevel=2,
            )


def _arguments_of(node: ast.AST) -> list[ast.arg]:
    if not isinstance(node, ast.FunctionDef):
        return []
    return node.args.posonlyargs + node.args.args + node.args.kwonlyargs


def _calls_task(value: ast.expr, scope: dict[str, Any]) -> bool:
    if not isinstance(value, ast.Call):
        return False
    called = value.func
    while isinstance(called, ast.Attribute | ast.Call):
        called = called.value if isinstance(called, ast.Attribute) else called.func
    return isinstance(called, ast.Name) and isinstance(scope.get(called.id), Task)

"""Modules that tasks import while they run and that are not installed here."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

from daskflow.checking.findings import Finding, error
from daskflow.definition.nodes import FlowGraph

_CAUGHT = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


def find_missing(graph: FlowGraph) -> Iterator[Finding]:
    """Find imports inside of tasks' functions that cannot succeed in this environment.

    Read from the source, nothing is imported. What stands at the top of the flow's file has been
    imported already. An import whose failure is caught is left alone, and so is what has no
    source; of ``a.b.c`` only ``a`` is looked for, for more would import it.
    """
    told: set[int] = set()
    for node in graph.nodes.values():
        function = node.task.fn
        if id(function) not in told:
            told.add(id(function))
            for module in dict.fromkeys(_imported(function)):
                if not _is_there(module):
                    yield error(node.name, f"imports {module!r}, which is not installed here")


def _imported(function: Callable[..., Any]) -> Iterator[str]:
    """Return the top-level modules that a function imports when it is called."""
    while isinstance(function, functools.partial):
        function = function.func
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
        tree = ast.parse(source)
    except (OSError, TypeError, ValueError, SyntaxError):  # a builtin, a console, part of a line
        return
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        waiting += reversed(list(_inside(node)))


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """Return what lies in a piece of code, less what may fail without harm."""
    is_tried = isinstance(node, ast.Try) and any(map(_catches, node.handlers))
    is_suppressed = isinstance(node, ast.With) and any(map(_suppresses, node.items))
    is_for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    spared = node.body if is_tried or is_suppressed or is_for_types else []  # type: ignore[attr-defined]
    for child in ast.iter_child_nodes(node):
        if child not in spared:
            yield child


def _catches(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or bool(_names_in(handler.type) & _CAUGHT)


def _suppresses(item: ast.withitem) -> bool:
    return "suppress" in (names := _names_in(item.context_expr)) and bool(names & _CAUGHT)


def _names_in(expression: ast.expr) -> set[str]:
    nodes = list(ast.walk(expression))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # loaded without a spec, as __main__ is
        return True

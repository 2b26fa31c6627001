"""The modules beside a flow's file that its code imports, as source.

What a task's code refers to travels by value (`spec`). An ``import`` inside of a function is
another matter: it is carried out on the worker, which never saw the flow's folder. So the sources
of the modules that the code imports, wherever in it, travel along, and it is found out which of
them are asked for by such an import.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from daskflow.runtime.modules import Source


class Import(NamedTuple):
    """What one import statement may bring: ``from a import b`` may bring a module ``a.b``."""

    name: str  # absolute and dotted
    is_inside: bool  # of a function, so that it is carried out when that is called


class Found(NamedTuple):
    """What the imports of a flow's files lead to."""

    sources: dict[str, Source]  # by module
    asked: list[str]  # modules that an import on the worker asks for
    named: frozenset[str]  # top-level names of all that is imported


def collect_sources(files: Iterable[Path], is_sent: Callable[[str], bool] = bool) -> Found:
    """Return the modules beside these files that they import, and those that these import in turn.

    Parameters
    ----------
    files
        The files of the modules in which a flow's functions live.
    is_sent
        Whether a module travels by value as far as it is referred to; else it is executed on the
        worker, with all imports that it has.
    """
    starts = list(files)
    sources, named = _beside_all(starts)
    asked: dict[str, None] = {}
    seen: set[Path] = set(starts)
    waiting = [(file, True) for file in starts]
    while waiting:
        file, comes_by_value = waiting.pop()
        for found in _imports_of(file):
            for name in _heads(found.name):
                if name not in sources:
                    break
                if found.is_inside or not comes_by_value:
                    asked[name] = None
                path = Path(sources[name].path)
                if path not in seen:
                    seen.add(path)
                    waiting.append((path, is_sent(name)))
    return Found(sources, list(asked), frozenset(named))


def _beside_all(files: list[Path]) -> tuple[dict[str, Source], set[str]]:
    """Return all modules beside these files that the imports lead to, and all names imported."""
    sources: dict[str, Source] = {}
    named: set[str] = set()
    seen: set[Path] = set()
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        folder = _root_of(file)
        for name in {found.name.partition(".")[0] for found in _imports_of(file)}:
            named.add(name)
            for module, path in _beside(folder, name):
                if module not in sources:
                    text = path.read_text(encoding="utf-8")
                    sources[module] = Source(str(path), text, path.name == "__init__.py")
                    waiting.append(path)
    return sources, named


def _root_of(file: Path) -> Path:
    """Return the folder from which a file's absolute imports start: above all of its packages."""
    folder = file.parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    return folder


def _heads(name: str) -> Iterator[str]:
    """Return the packages around a module, outermost first, and the module."""
    parts = name.split(".")
    return (".".join(parts[: n + 1]) for n in range(len(parts)))


def _imports_of(file: Path) -> tuple[Import, ...]:
    try:
        return _parsed(file, os.stat(file).st_mtime_ns)  # noqa: PTH116 - it is asked very often
    except (OSError, SyntaxError, ValueError):  # it could not be imported either
        return ()


@lru_cache(maxsize=1024)
def _parsed(file: Path, changed: int) -> tuple[Import, ...]:
    """Return what a file imports, at its top or inside of functions."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    package = list(file.parent.relative_to(_root_of(file)).parts)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, kinds)
        for node in ast.walk(function)
    }
    return tuple(
        Import(name, id(node) in inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in _names(node, package)
    )


def _names(node: ast.Import | ast.ImportFrom, package: list[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    above = package[: len(package) + 1 - node.level] if node.level else []
    start = ".".join([*above, *([node.module] if node.module else [])])
    return [f"{start}.{alias.name}" for alias in node.names] if start else []


def _beside(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Return the modules of that name in a folder: one file, or all files of a package."""
    if (folder / f"{name}.py").is_file():
        yield name, folder / f"{name}.py"
    elif (folder / name / "__init__.py").is_file():
        for path in sorted((folder / name).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path

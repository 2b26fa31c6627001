"""The modules beside a flow's file that its code imports, as source.

What a task's code refers to travels by value (`code`). An ``import`` inside of a function is
another matter: it is carried out on the worker, which never saw the flow's folder. So the sources
of the modules that the code imports, wherever in it, travel along, and it is found out which of
them such an import asks for.
"""

from __future__ import annotations

import ast
import dis
import os
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from daskflow.runtime.modules import Source


class Import(NamedTuple):
    """What an import statement may bring: ``from a import b`` may bring a module ``a.b``."""

    name: str  # absolute and dotted
    is_inside: bool  # of a function, so that it is carried out when that is called


class Importer(NamedTuple):
    """Some code of the user's, and what it imports."""

    folder: Path  # from which its absolute imports start
    imports: tuple[Import, ...]


class Found(NamedTuple):
    """What the imports of a flow's code lead to."""

    sources: dict[str, Source]  # by module
    asked: list[str]  # modules that an import on the worker asks for
    named: frozenset[str]  # top-level names of all that is imported


def file_importer(file: Path) -> Importer:
    """Return a file as what it imports, at its top or inside of functions."""
    try:
        return _parsed(file, os.stat(file).st_mtime_ns)  # noqa: PTH116 - it is asked very often
    except (OSError, SyntaxError, ValueError):  # it could not be imported either
        return Importer(file.parent, ())


def loose_importer(folder: Path, values: Iterable[Any]) -> Importer:
    """Return functions that are in no file, and those of classes, as what they import."""
    functions: list[Any] = []
    for value in values:
        functions += vars(value).values() if isinstance(value, type) else [value]
    imports = [
        Import(name, is_inside=True)
        for function in functions
        if isinstance(function, FunctionType)
        for name in _names_in(function.__code__)
    ]
    return Importer(folder, tuple(imports))


def collect_sources(
    importers: Iterable[Importer], is_sent: Callable[[str], bool] = lambda _: False
) -> Found:
    """Return the modules beside some code that it imports, and those that these import in turn.

    Parameters
    ----------
    is_sent
        Whether a module travels by value as far as it is referred to; else it is executed on the
        worker, and so are all imports in it.
    """
    starts = list(importers)
    sources, named = _all_beside(starts)
    asked: dict[str, None] = {}
    seen: set[str] = set()
    waiting = [(start, True) for start in starts]
    while waiting:
        importer, comes_by_value = waiting.pop()
        for found in importer.imports:
            for name in _heads(found.name):
                if name not in sources:
                    break
                if found.is_inside or not comes_by_value:
                    asked[name] = None
                if name not in seen:
                    seen.add(name)
                    waiting.append((file_importer(Path(sources[name].path)), is_sent(name)))
    return Found(sources, list(asked), frozenset(named))


def _all_beside(importers: list[Importer]) -> tuple[dict[str, Source], set[str]]:
    """Return all modules beside some code to which imports lead, and all names imported."""
    sources: dict[str, Source] = {}
    named: set[str] = set()
    waiting = list(importers)
    while waiting:
        folder, imports = waiting.pop()
        for name in {found.name.partition(".")[0] for found in imports}:
            named.add(name)
            for module, path in _beside(folder, name):
                if module not in sources:
                    text = "" if path.is_dir() else path.read_text(encoding="utf-8")
                    is_package = path.is_dir() or path.name == "__init__.py"
                    sources[module] = Source(str(path), text, is_package)
                    waiting.append(file_importer(path))
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


@lru_cache(maxsize=1024)
def _parsed(file: Path, changed: int) -> Importer:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    root = _root_of(file)
    package = list(file.parent.relative_to(root).parts)
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    imports = [
        Import(name, id(node) in inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in _names(node, package)
    ]
    return Importer(root, tuple(imports))


def _names(node: ast.Import | ast.ImportFrom, package: list[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    above = package[: len(package) + 1 - node.level] if node.level else []
    start = ".".join([*above, *([node.module] if node.module else [])])
    return [f"{start}.{alias.name}" for alias in node.names]


def _names_in(code: CodeType) -> Iterator[str]:
    """Return what the import statements in a function bring, and those in functions inside it."""
    before: Any = None
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_NAME":
            yield from (f"{step.argval}.{name}" for name in before or ())
            yield step.argval
        before = step.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def _beside(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Return the modules of that name in a folder: one file, or all files of a package."""
    if (folder / f"{name}.py").is_file():
        yield name, folder / f"{name}.py"
    elif _is_package(folder, name):
        seen: set[str] = set()
        for path in sorted((folder / name).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            for package in _heads(module.rpartition(".")[0]):
                if package and package not in seen:  # without an ``__init__.py``
                    seen.add(package)
                    yield package, folder.joinpath(*package.split("."))
            seen.add(module)
            yield module, path


def _is_package(folder: Path, name: str) -> bool:
    if (folder / name / "__init__.py").is_file():
        return True
    if not (folder / name).is_dir():
        return False
    found = PathFinder.find_spec(name)  # a package of that name elsewhere would go before
    return found is not None and str(folder / name) in (found.submodule_search_locations or ())

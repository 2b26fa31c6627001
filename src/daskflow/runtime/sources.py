"""Modules beside a flow's file, for imports that happen while a task runs.

What a task's code refers to travels by value (`spec`). An ``import`` inside of a function is
another matter: it is carried out on the worker, which never saw the flow's folder. So the sources
of the modules in that folder that the code imports, wherever in it, travel with the spec, and a
finder on the worker answers for them, after all others. A source that changed replaces the module
that was loaded from the earlier one.
"""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple


class Source(NamedTuple):
    """The source of one module."""

    path: str  # for tracebacks
    text: str
    is_package: bool = False


def collect_sources(files: Iterable[Path]) -> dict[str, Source]:
    """Return the modules beside these files that they import, and those that these import in turn.

    Parameters
    ----------
    files
        The files of the modules in which a flow's functions live.
    """
    found: dict[str, Source] = {}
    seen: set[Path] = set()
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        folder = _root_of(file)
        for name in _imported(file):
            for module, path in _beside(folder, name):
                if module not in found:
                    text = path.read_text(encoding="utf-8")
                    found[module] = Source(str(path), text, path.name == "__init__.py")
                    waiting.append(path)
    return found


def _root_of(file: Path) -> Path:
    """Return the folder from which a file's absolute imports start: above all of its packages."""
    folder = file.parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    return folder


def _imported(file: Path) -> Iterator[str]:
    """Return the top-level names that a file imports, at its top or inside of functions."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):  # it could not be imported either
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _beside(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Return the modules of that name in a folder: one file, or all files of a package."""
    if (folder / f"{name}.py").is_file():
        yield name, folder / f"{name}.py"
    elif (folder / name / "__init__.py").is_file():
        for path in sorted((folder / name).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


class SourceFinder(MetaPathFinder):
    """Answers for modules whose sources came with a run."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}
        self._lock = threading.Lock()

    def take(self, sources: Mapping[str, Source]) -> None:
        """Answer for these from now on; forget modules that were loaded from other sources."""
        with self._lock:
            if self not in sys.meta_path:
                sys.meta_path.append(self)
            for name, source in sources.items():
                if self._sources.get(name, source) != source:
                    sys.modules.pop(name, None)
                self._sources[name] = source

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Return how to load a module; None for those that are not ours."""
        source = self._sources.get(fullname)
        if source is None:
            return None
        loader = _SourceLoader(source)
        return spec_from_loader(fullname, loader, origin=source.path, is_package=source.is_package)


class _SourceLoader(InspectLoader):
    """Loads a module from a source that is in memory."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def get_source(self, fullname: str) -> str:
        return self._source.text

    def is_package(self, fullname: str) -> bool:
        return self._source.is_package

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = self._source.path
        exec(compile(self._source.text, self._source.path, "exec"), module.__dict__)  # noqa: S102


finder = SourceFinder()  # of this process

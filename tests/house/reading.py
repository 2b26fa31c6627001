"""Read source files as syntax trees, without importing them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "daskflow"

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function


@dataclass(frozen=True)
class Place:
    """A definition and where it stands."""

    file: Path
    name: str  # as in `__qualname__`, empty for the file itself
    node: Documented

    def __str__(self) -> str:
        """Write the place so that an editor can jump there."""
        file = self.file.relative_to(ROOT) if self.file.is_relative_to(ROOT) else self.file
        return f"{file}:{getattr(self.node, 'lineno', 1)} {self.name}".rstrip()


def definitions(folder: Path) -> Iterator[Place]:
    """Every module, class and function below a folder, outermost first."""
    for file in sorted(folder.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"), file)
        yield Place(file, "", tree)
        yield from _inside(tree, file, "")


def _inside(parent: ast.AST, file: Path, prefix: str) -> Iterator[Place]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.ClassDef | Function):
            within = "." if isinstance(node, ast.ClassDef) else ".<locals>."
            yield Place(file, prefix + node.name, node)
            yield from _inside(node, file, prefix + node.name + within)
        else:  # a definition may stand under an `if` or a `with`
            yield from _inside(node, file, prefix)


def functions(folder: Path) -> list[Place]:
    """Every function and method below a folder, nested ones too."""
    return [place for place in definitions(folder) if isinstance(place.node, Function)]


def decorators(node: Documented) -> set[str]:
    """The last words of a definition's decorators: ``{"property"}``, ``{"setter"}``."""
    return {
        ast.unparse(decorator).partition("(")[0].rpartition(".")[2]
        for decorator in getattr(node, "decorator_list", [])
    }

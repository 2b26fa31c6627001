"""Tests say what they claim, and do not wait for the clock."""

import ast
from pathlib import Path

from tests.house.reading import ROOT, functions

UNWELCOME = {"sleep": "make the order with a gate", "mock": "use a fake from daskflow.testing"}


def silent_tests(folder: Path) -> list[str]:
    """Find the tests without a docstring."""
    return [
        str(place)
        for place in functions(folder)
        if place.node.name.startswith("test_") and not ast.get_docstring(place.node)
    ]


def unexplained(folder: Path) -> list[str]:
    """Find lines that sleep or mock with no reason in a comment on the same line."""
    found = []
    for file in sorted(folder.rglob("*.py")):
        lines = file.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(ast.parse("\n".join(lines), file)):
            words = named(node) & UNWELCOME.keys()
            if words and "#" not in lines[node.lineno - 1]:
                cures = " and ".join(UNWELCOME[word] for word in sorted(words))
                found.append(f"{file}:{node.lineno} {cures}, or say why not")
    return found


def named(node: ast.AST) -> set[str]:
    """Take the last words of what a syntax node calls or imports."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
            return {name}
        case ast.Import(names=names):
            return {part for alias in names for part in alias.name.split(".")}
        case ast.ImportFrom(module=module, names=names):
            return {*(module or "").split("."), *(alias.name for alias in names)} - {"sleep"}
    return set()


def test_every_test_makes_a_claim(figure):
    """Each test has a docstring: one sentence that it holds or refutes."""
    missing = silent_tests(ROOT / "tests")
    total = sum(place.node.name.startswith("test_") for place in functions(ROOT / "tests"))
    figure(f"tests without a docstring: {len(missing)} of {total} (none may)")
    assert missing == []


def test_no_test_sleeps_or_mocks_without_a_reason(figure):
    """Time is a fake clock, order is made with gates, and fakes are real implementations."""
    found = unexplained(ROOT / "tests")
    figure(f"sleeps and mocks without a reason beside them: {len(found)} (none may)")
    assert found == []


def test_a_silent_test_is_seen(tmp_path):
    """A test without a docstring is found, in a class too; a function that is no test is not."""
    (tmp_path / "test_a.py").write_text(
        'def test_told():\n    """Told."""\n'
        "def test_bare(): ...\n"
        "class TestA:\n    def test_method(self): ...\n"
        "def inc(x): ...\n"
    )
    found = [line.rpartition(" ")[2] for line in silent_tests(tmp_path)]
    assert found == ["test_bare", "TestA.test_method"]


def test_a_sleep_is_seen(tmp_path):
    """A sleep or a mock is found, unless its line says why."""
    (tmp_path / "test_a.py").write_text(
        "from time import sleep\n"
        "import time\n"
        "from unittest import mock\n"
        "from unittest.mock import Mock  # the library calls back with its own type\n"
        "time.sleep(1)\n"
        "sleep(1)\n"
        "sleep(1)  # the timeout under test is one of wall time\n"
    )
    lines = [line.removeprefix(str(tmp_path)).split()[0] for line in unexplained(tmp_path)]
    assert sorted(lines) == ["/test_a.py:3", "/test_a.py:5", "/test_a.py:6"]

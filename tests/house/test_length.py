"""Functions are short: it is the tail that tells a code base that reads from one that sprawls."""

import ast
from pathlib import Path

from tests.house.reading import SOURCE, Function, Place, functions

LONG = 30  # lines, the docstring left out
SHARE = 0.04


def lines_of(function: Function) -> int:
    """Count the lines from ``def`` to the end, without decorators and the docstring."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


def too_long(folder: Path) -> list[Place]:
    """Find the functions over the length, longest first."""
    long = [place for place in functions(folder) if lines_of(place.node) > LONG]
    return sorted(long, key=lambda place: -lines_of(place.node))


def test_few_functions_are_long(figure):
    """At most four in a hundred functions are over thirty lines."""
    offenders, total = too_long(SOURCE), len(functions(SOURCE))
    share = len(offenders) / total
    listed = "".join(f"\n    {lines_of(place.node):4} lines  {place}" for place in offenders)
    figure(
        f"functions over {LONG} lines: {len(offenders)} of {total}, {share:.1%}"
        f" (at most {SHARE:.0%}){listed}"
    )
    assert share <= SHARE, listed


def test_a_long_function_is_seen(tmp_path):
    """The measure counts what is written, not the docstring, and looks into nested functions."""
    body = "\n".join(f"        x = {n}" for n in range(LONG))
    docstring = '        """' + "\n" * LONG + '        """'
    (tmp_path / "long.py").write_text(f"class A:\n    def long(self):\n{body}\n")
    (tmp_path / "short.py").write_text(f"if 1:\n    def short():\n{docstring}\n        return 1\n")
    (tmp_path / "nested.py").write_text(f"def outer():\n    def inner():\n{body}\n")
    assert [place.name for place in too_long(tmp_path)] == [
        "outer",
        "A.long",
        "outer.<locals>.inner",
    ]

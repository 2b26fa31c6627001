"""What `Flow.visualize` returns and writes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from daskflow import DefinitionError, flow, task
from daskflow.drawing.drawing import FORMATS, format_of


@task
def double(x: int) -> int:
    return 2 * x


@flow
def doubled(xs: list[int]):
    return double.map(xs)


BEGINNINGS = {"text": "doubled(xs)", "mermaid": "flowchart TD", "dot": "digraph", "svg": "<svg"}


def test_a_drawing_is_svg_in_a_notebook_and_text_elsewhere():
    """Unless a format is asked for."""
    drawing = doubled.visualize()
    assert drawing._repr_svg_().startswith("<svg")
    assert str(drawing) == repr(drawing) == drawing.render("text")
    asked = doubled.visualize(format="mermaid")
    assert asked._repr_svg_() is None
    assert str(asked).startswith("flowchart TD")
    assert doubled.visualize(format="svg")._repr_svg_() == str(doubled.visualize(format="svg"))


@pytest.mark.parametrize("shown_as", FORMATS)
def test_each_format(shown_as):
    """Begins as such a file does."""
    assert str(doubled.visualize(format=shown_as)).startswith(BEGINNINGS[shown_as])


@pytest.mark.parametrize(
    ("name", "shown_as"),
    [
        *(("a.svg", "svg"), ("a.txt", "text"), ("a.mmd", "mermaid"), ("a.mermaid", "mermaid")),
        *(("a.dot", "dot"), ("a.gv", "dot"), ("A.SVG", "svg")),
    ],
)
def test_the_suffix_of_a_file_tells_the_format(tmp_path, name, shown_as):
    """What is written is what is returned."""
    drawing = doubled.visualize(tmp_path / name)
    assert (tmp_path / name).read_text() == drawing.render(shown_as) + "\n"
    assert format_of(name) == shown_as


def test_a_format_that_is_given_outranks_the_suffix(tmp_path):
    """As with other programs."""
    doubled.visualize(tmp_path / "a.txt", format="dot")
    assert (tmp_path / "a.txt").read_text().startswith("digraph")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("a.png",), r"a.png: .png tells no format; use .txt, .mmd"),
        (("a",), r"a: no suffix tells no format"),
        ((None, "pdf"), "no drawing has the format 'pdf'; there are: text, mermaid, dot, svg"),
    ],
)
def test_unknown_formats(arguments, told):
    """The message says which there are."""
    with pytest.raises(DefinitionError, match=told):
        doubled.visualize(*arguments)
    with pytest.raises(DefinitionError, match="'x'"):
        doubled.visualize().render("x")


def test_importing_daskflow_loads_no_drawing():
    """Nor does a flow that is only run."""
    program = "import sys, daskflow.runs; print([m for m in sys.modules if '.drawing' in m])"
    environment = {name: value for name, value in os.environ.items() if name[:3] != "COV"}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert ended.stdout == "[]\n"

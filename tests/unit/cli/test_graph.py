"""The command ``daskflow graph`` in this process: what it prints, writes, and ends with."""

from __future__ import annotations

import os
import sys

import pytest

from daskflow.cli import Exit, main

FLOWS = """
import threading
from daskflow import flow, task

lock = threading.Lock()

@task
def double(n: int) -> int:
    return 2 * n

@task
def guarded(n: int) -> int:
    with lock:
        return n

@flow
def doubled(numbers: list[int]):
    return double.map(numbers)

@flow
def locked(n: int):
    return guarded(double(n))

@flow(reference_tasks=["double"])
def noted(n: int):
    guarded_not = double.named("other")(n)
    return double(n)
"""
TEXT = """\
doubled(numbers)

* double[i] = double(n={numbers}[i])

  returns double[:]

* decides how the flow ends   [i] a task run for each element   [:] all results as a list
"""


@pytest.mark.parametrize(
    ("asked", "begins"),
    [
        ((), TEXT),
        (("--format", "text"), TEXT),
        (("--format", "mermaid"), "flowchart TD\n"),
        (("--format", "dot"), 'digraph "doubled" {\n'),
        (("--format", "svg"), "<svg xmlns="),
    ],
)
def test_a_drawing_on_standard_output(write, daskflow, asked, begins):
    """Text where nothing else is asked for."""
    write("flows.py", FLOWS)
    code, output, errors = daskflow("graph", "flows.py:doubled", *asked)
    assert (code, errors) == (0, "")
    assert output.startswith(begins)


def test_a_drawing_in_a_file(write, daskflow, tmp_path):
    """In the format that the suffix says, or the one that is asked for."""
    write("flows.py", FLOWS)
    assert daskflow("graph", "flows.py:doubled", "-o", "a.svg") == (0, "", "")
    assert (tmp_path / "a.svg").read_text().startswith("<svg")
    assert daskflow("graph", "flows.py:doubled", "-o", "a", "--format", "dot")[0] == 0
    assert (tmp_path / "a").read_text().startswith("digraph")


def test_a_check_that_finds_nothing(write, daskflow):
    """Exit code 0 and one line that says so."""
    write("flows.py", FLOWS)
    assert daskflow("graph", "flows.py:doubled", "--check") == (
        0,
        "doubled: no problems found\n",
        "",
    )


def test_a_check_that_finds_an_error(write, daskflow):
    """Exit code 2 and a line for each finding."""
    write("flows.py", FLOWS)
    code, output, errors = daskflow("graph", "flows.py:locked", "--check")
    assert (code, errors) == (Exit.FAILED, "")
    assert output == (
        "error: guarded: its task cannot be sent to workers because of the global 'lock': "
        "cannot pickle '_thread.lock' object\n"
    )


def test_a_check_that_finds_only_notes(write, daskflow):
    """Exit code 0: a run is none the worse for them."""
    write("flows.py", FLOWS)
    code, output, _ = daskflow("graph", "flows.py:noted", "--check")
    assert code == 0
    assert output.startswith("note: other: nobody uses its value")


def test_a_check_beside_a_drawing(write, daskflow, tmp_path):
    """On standard error where the drawing is on standard output."""
    write("flows.py", FLOWS)
    code, output, errors = daskflow("graph", "flows.py:locked", "--check", "--format", "dot")
    assert (code, output[:7]) == (2, "digraph")
    assert errors.startswith("error: guarded: ")
    code, output, errors = daskflow("graph", "flows.py:locked", "--check", "-o", "a.dot")
    assert (code, output[:16], errors) == (2, "error: guarded: ", "")
    assert (tmp_path / "a.dot").exists()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("none.py",), "none.py is no file: TARGET is FILE.py:flow or module:flow"),
        (("flows.py",), "which flow of flows.py?"),
        (("flows.py:doubled", "-o", "a.png"), "a.png: .png tells no format; use .txt"),
        (("flows.py:doubled", "--format", "png"), "'png' is not one of 'text', 'mermaid'"),
        (("flows.py:doubled", "-o", "no/a.svg"), "No such file or directory: 'no/a.svg'"),
    ],
)
def test_a_mistake_has_one_message(write, daskflow, asked, told):
    """Exit code 1, and nothing is drawn."""
    write("flows.py", FLOWS)
    code, output, errors = daskflow("graph", *asked)
    assert (code, output) == (1, "")
    assert told in errors


def test_text_is_as_wide_as_the_terminal(write, monkeypatch, capsys):
    """Elsewhere it has 100 columns."""
    write("flows.py", FLOWS)
    monkeypatch.setenv("COLUMNS", "40")
    main(["graph", "flows.py:doubled"])
    assert max(map(len, capsys.readouterr().out.splitlines())) > 80
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    main(["graph", "flows.py:doubled"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 40


def test_help_has_examples_and_exit_codes(capsys):
    """In lines as they were written."""
    assert main(["graph", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "\n    daskflow graph etl.py:etl --check\n" in shown
    assert "\n    2  --check found an error\n" in shown
    assert os.linesep in shown

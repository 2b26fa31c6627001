"""A target leads to its flow, or to one message that says what is wrong where."""

from __future__ import annotations

import sys

import pytest

from daskflow.errors import TargetError
from daskflow.targets import load_flow

ONE = "from daskflow import flow\n@flow\ndef etl(): ...\n"
TWO = ONE + "@flow(name='nightly')\ndef other(): ...\nimport math\nlimit = 3\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file into the working folder; what is imported from there is forgotten again."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    yield write
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("target", ["targets_one.py:etl", "targets_one.py", "./targets_one.py:etl"])
def test_a_file_leads_to_its_flow(write, target):
    """By name, or without one where there is only one."""
    write("targets_one.py", ONE)
    assert load_flow(target).name == "etl"


def test_a_file_is_imported_once(write):
    """A second look gives the same flow."""
    write("targets_one.py", ONE)
    assert load_flow("targets_one.py:etl") is load_flow("targets_one.py")


def test_a_module_leads_to_its_flow(write):
    """Looked for from the working folder, dots and all."""
    write("targets_package/__init__.py", "")
    write("targets_package/flows.py", ONE)
    assert load_flow("targets_package.flows:etl").name == "etl"
    assert load_flow("targets_package.flows").name == "etl"


def test_a_flow_may_be_called_by_its_own_name(write):
    """The variable's name comes first, then the flow's."""
    write("targets_two.py", TWO)
    assert load_flow("targets_two.py:other") is load_flow("targets_two.py:nightly")


def test_modules_beside_a_file_import(write):
    """Its folder is first on the path, wherever the command was started."""
    write("elsewhere/targets_helper.py", "from daskflow import flow\n@flow\ndef aid(): ...\n")
    write("elsewhere/targets_main.py", "from targets_helper import aid\n" + ONE)
    write("elsewhere/targets_face.py", "from targets_helper import aid\n")
    assert load_flow("elsewhere/targets_main.py").name == "etl"  # its own goes before aid
    assert load_flow("elsewhere/targets_face.py").name == "aid"


PROBLEMS = {
    "nothing": (":etl", "':etl' names no file or module: say FILE.py:flow or module:flow"),
    "no file": ("none.py:etl", "none.py is no file: TARGET is FILE.py:flow or module:flow"),
    "a folder": ("./some", "some is a folder: TARGET is"),
    "no Python": ("./some/text", "some/text is no Python file: its name has to end in .py"),
    "taken": ("json.py", "json.py: a module called 'json' is in use already; give the file an"),
    "which": ("two.py", "which flow of two.py? its flows: two.py:etl, two.py:other"),
    "none of that name": (
        "two.py:elt",
        "two.py has no flow 'elt'; its flows: two.py:etl, two.py:o",
    ),
    "no flow": ("two.py:limit", "two.py:limit is a int, not a flow: decorate it with @flow"),
    "none at all": ("empty.py", "which flow of empty.py? there is no flow in it: decorate a"),
    "syntax": ("syntax.py", "syntax.py does not import: line 2: SyntaxError: '(' was never closed"),
    "raises": ("raises.py", "raises.py does not import: line 3: ZeroDivisionError: division by"),
    "mute": ("mute.py", "mute.py does not import: line 1: RuntimeError"),
    "stops": ("stops.py", "stops.py does not import: line 2: SystemExit: 3"),
    "in the library": ("library.py", "library.py does not import: line 2: JSONDecodeError: Exp"),
    "ours": ("ours.py", "ours.py does not import: line 2: DefinitionError: "),
    "runs": ("runs.py", "runs.py does not import: line 4: DefinitionError: flow 'etl' is run whi"),
    "no module": ("none.at_all:etl", "there is no module 'none.at_all', neither in "),
    "module fails": ("raises:etl", "raises does not import: "),
    "module needs": ("needs:etl", "ModuleNotFoundError: No module named 'not_there'"),
}


@pytest.mark.parametrize(("target", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_is_one_message(write, target, problem):
    """It says where, what, and what to do."""
    write("two.py", TWO)
    write("some/text", "")
    write("json.py", ONE)
    write("empty.py", "")
    write("syntax.py", "\nprint(\n")
    write("raises.py", "def f():\n  return 1\nf() / 0\n")
    write("mute.py", "raise RuntimeError\n")
    write("stops.py", "import sys\nsys.exit(3)\n")
    write("library.py", "import json\njson.loads('[')\n")
    write("ours.py", "from daskflow import task\n@task(retry=3)\ndef f(): ...\n")
    write("runs.py", ONE + "etl.run()\n")
    write("needs.py", "import not_there\n")
    with pytest.raises(TargetError) as caught:
        load_flow(target)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_problem_beside_the_file_is_told_where_it_is(write):
    """The message names the file and the line that are wrong."""
    path = write("targets_helper.py", "\nnone\n")
    write("targets_main.py", "import targets_helper\n" + ONE)
    with pytest.raises(TargetError) as caught:
        load_flow("targets_main.py")
    told = f"targets_main.py does not import: {path}, line 2: NameError: name 'none' is not defined"
    assert str(caught.value) == told
    assert "targets_main" not in sys.modules

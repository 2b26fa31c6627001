"""``daskflow doctor``: what it prints, and with which code it ends."""

from __future__ import annotations

import io
from importlib import import_module

import pytest
from rich.console import Console

from daskflow.cli.doctor import total_of
from daskflow.diagnosis import examining
from daskflow.diagnosis.findings import ok, problem, refusal, warning

FOUND = [
    ok("python", "3.11.7"),
    warning("memory", "there is no limit", "start them with --memory-limit"),
    problem("workers", "tcp://w:1 does not answer within 5 s", "start another"),
]


@pytest.fixture
def found(monkeypatch):
    """Let so many of the findings be found."""

    def found(number):
        monkeypatch.setattr(examining, "examine", lambda address: iter(FOUND[:number]))

    return found


def test_this_machine(store, daskflow, told):
    """Without an address: where runs and results are kept, and that all is well."""
    code, output, errors = daskflow("doctor")
    assert (code, errors) == (0, "")
    assert "ok       store        /" in output
    assert "scheduler" not in output
    assert output.endswith("\nall is well\n")
    findings = told("doctor")["findings"]
    assert {one["level"] for one in findings} == {"ok"}
    assert {"python", "packages", "settings", "store", "results", "disk", "ports"} <= {
        one["what"] for one in findings
    }


def test_the_settings_may_name_a_cluster(store, daskflow, monkeypatch):
    """What flows would run on is looked at; an address that is given goes before."""
    monkeypatch.setenv("DASKFLOW_EXECUTOR", "tcp://nonsense")
    code, output, _ = daskflow("doctor")
    assert code == 1
    assert "problem  scheduler    'tcp://nonsense' is not the address of a Dask scheduler" in output
    assert "\n                      one looks like tcp://host:8786\n" in output
    assert "'tcp://other' is not" in daskflow("doctor", "--address", "tcp://other")[1]


def test_settings_that_cannot_be_read(store, daskflow, monkeypatch):
    """Nothing more can be looked at; a setting that is wrong is told like anything else."""
    monkeypatch.setenv("DASKFLOW_ENGINE__WINDOW", "0")
    code, output, _ = daskflow("doctor")
    assert code == 1
    assert "problem  settings     engine.window is '0'" in output
    assert "ports" not in output


@pytest.mark.parametrize("command", [("ls",), ("run", "flows.py:etl"), ("watch", "last")])
def test_a_wrong_setting_is_one_line_for_every_command(daskflow, write, monkeypatch, command):
    """Where it is set, and what it may be; no traceback."""
    write("flows.py", "from daskflow import flow\n\n@flow\ndef etl(): ...\n")
    monkeypatch.setenv("DASKFLOW_ENGINE__WINDOW", "0")
    code, output, errors = daskflow(*command)
    assert (code, output) == (1, "")
    assert errors == (
        "the settings: engine.window is '0': Input should be greater than or equal to 1: "
        "mend or remove DASKFLOW_ENGINE__WINDOW, or what a file says"
    )


def test_an_error_that_is_none_of_ours_is_not_hidden(store, daskflow, monkeypatch):
    """A mistake of the engine's own stays one."""

    def mistaken(_):
        raise ValueError("a mistake")

    monkeypatch.setattr(examining, "examine", mistaken)
    with pytest.raises(ValueError, match="a mistake"):
        daskflow("doctor")


def test_each_finding_is_a_line_with_its_cure_below(found, daskflow):
    """And a line that says how many there are to mend."""
    found(3)
    code, output, _ = daskflow("doctor")
    assert code == 1
    assert output.splitlines() == [
        "ok       python       3.11.7",
        "warning  memory       there is no limit",
        "                      start them with --memory-limit",
        "problem  workers      tcp://w:1 does not answer within 5 s",
        "                      start another",
        "",
        "1 problem, 1 warning",
    ]


def test_a_warning_is_no_problem(found, daskflow):
    """Exit code 0."""
    found(2)
    assert daskflow("doctor")[0] == 0


def test_machines_get_one_document(found, daskflow):
    """Whatever was found, with the same exit code."""
    found(3)
    code, output, _ = daskflow("doctor", "--output", "json")
    assert code == 1
    assert '"level": "problem"' in output
    assert '"cure": "start another"' in output


def test_a_narrow_terminal(found, daskflow, monkeypatch):
    """What is long is wrapped below where it begins."""
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=44)
    monkeypatch.setattr(import_module("daskflow.cli.display"), "make_console", lambda: console)
    found(3)
    daskflow("doctor")
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert lines[4:6] == [
        "problem  workers      tcp://w:1 does not",
        "                      answer within 5 s",
    ]
    assert max(map(len, lines)) <= 44


def test_how_many_there_are_to_mend():
    """Problems first; what is well is not counted."""
    assert total_of(FOUND) == "1 problem, 1 warning"
    assert total_of([FOUND[1], FOUND[1]]) == "2 warnings"
    assert total_of(FOUND[:1]) == "all is well"


def test_an_error_of_ours_names_the_cure():
    """Behind a semicolon; where there is none, it is all told."""
    one = refusal("store", ValueError("it is locked; wait"))
    assert (one.level.value, one.found, one.cure) == ("problem", "it is locked", "wait")
    assert refusal("store", ValueError("gone")).found == "gone"

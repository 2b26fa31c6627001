"""The command in this process: its exit codes and its one readable message for each mistake."""

from __future__ import annotations

import os
import runpy
import signal
import sys

import pytest

from daskflow.cli import Exit, main
from daskflow.cli.exits import exit_of
from daskflow.states import Cancelled, Crashed, Failed, Paused, Success

FLOWS = """
import signal, threading
from daskflow import Pause, context, flow, manual_only, task

@task
def double(n: int) -> int:
    print("doubling", n)
    return 2 * n

@task
def fail(n: int) -> int:
    raise ValueError("no luck")

@task
def interrupt() -> None:
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

@task
def terminate() -> None:
    signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)

@flow
def terminated():
    return terminate()

@flow
def doubled(numbers: list[int] = [1]):
    return double.map(numbers)

@flow
def broken():
    return fail(1)

@flow
def interrupted():
    return interrupt()

@task
def review(n: int) -> int:
    if not context.resumed:
        raise Pause(f"is {n} too much?")
    return n

@task(trigger=manual_only)
def publish(numbers: list[int]) -> None:
    print("published")

@flow
def paused():
    return publish(double.map(review.map(list(range(30)))))

@flow
def reviewed():
    return publish([1])

@flow
def untraceable():
    return 1 / 0
"""


def test_a_run_that_succeeds(write, daskflow):
    """Exit code 0; what tasks print and what the flow returned are on standard output."""
    write("flows.py", FLOWS)
    asked = ("run", "flows.py:doubled", "-p", "numbers=[4, 5]", "--executor", "local")
    code, output, errors = daskflow(*asked)
    assert (code, errors) == (0, "")
    assert "doubling 4\n" in output
    assert output.endswith("returned\n  [8, 10]\n")


def test_a_run_that_fails(write, daskflow):
    """Exit code 2 and the traceback of the task."""
    write("flows.py", FLOWS)
    code, output, _ = daskflow("run", "flows.py:broken", "--executor", "threads")
    assert code == Exit.FAILED
    assert "ValueError: no luck" in output


@pytest.mark.parametrize("executor", ["local", "threads"])
def test_a_run_that_is_paused(write, daskflow, executor):
    """Exit code 4; who waits for approval and why; in memory nobody can give it from outside."""
    write("flows.py", FLOWS)
    code, output, _ = daskflow("run", "flows.py:paused", "--executor", executor)
    assert code == Exit.PAUSED
    assert " review[3] Paused: is 3 too much?\n" in output
    head = ": waits for approval: review[0], review[1], review[2] and 27 more\n"
    assert head in output
    assert "30 Paused" in output
    summary = output.partition("waiting for approval\n")[2].splitlines()
    assert summary[:2] == ["  review[0]: is 0 too much?", "  review[1]: is 1 too much?"]
    assert summary[20].strip() == "and 10 task runs more"
    assert summary[21:23] == ["", "next"]
    assert "lives in this process, and ends with it" in summary[23]
    assert "run.approve()" in summary[24]
    assert "published" not in output


def test_a_run_that_waits_for_one(write, daskflow):
    """What waits for nothing but approval needs no reason; how long the run took is told."""
    write("flows.py", FLOWS)
    code, output, _ = daskflow("run", "flows.py:reviewed", "--executor", "local")
    assert code == Exit.PAUSED
    assert "Paused after 0." in output
    assert "waiting for approval\n  publish\n" in output


def test_a_run_that_is_interrupted(write, daskflow):
    """Exit code 3 and how far it got."""
    write("flows.py", FLOWS)
    code, output, _ = daskflow("run", "flows.py:interrupted", "--executor", "threads")
    assert code == Exit.CANCELLED
    assert "nterrupted after" in output


def test_a_run_that_is_terminated(write, daskflow):
    """SIGTERM is the same; who takes it himself keeps it, and is alone with it."""
    write("flows.py", FLOWS)
    code, output, _ = daskflow("run", "flows.py:terminated", "--executor", "threads")
    assert code == Exit.CANCELLED
    assert "nterrupted after" in output
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    heard = []
    signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
    try:
        code, output, _ = daskflow("run", "flows.py:terminated", "--executor", "threads")
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert (code, heard) == (Exit.SUCCESS, [1])


def test_an_interrupted_process_ends_without_waiting(write, monkeypatch):
    """It leaves with exit code 3, past all that would wait for the tasks that still run."""
    left = []
    monkeypatch.setattr(os, "_exit", left.append)  # the real one would end the tests
    write("flows.py", FLOWS)
    main(["run", "flows.py:interrupted", "--executor", "threads"])
    assert left == [Exit.CANCELLED]


def test_ctrl_c_before_there_is_a_run(write, monkeypatch):
    """While the file is imported it is the same: exit code 3."""
    left = []
    monkeypatch.setattr(os, "_exit", left.append)  # the real one would end the tests
    write("early.py", "raise KeyboardInterrupt\n")
    main(["run", "early.py"])
    assert left == [Exit.CANCELLED]


def test_the_package_is_the_command_too(monkeypatch, capsys):
    """``python -m daskflow.cli`` does what ``daskflow`` does."""
    monkeypatch.setattr(sys, "argv", ["daskflow", "version"])
    with pytest.raises(SystemExit) as left:
        runpy.run_module("daskflow.cli", run_name="__main__")
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("daskflow ")


def test_the_flow_keeps_its_own_executor(write, daskflow):
    """Without an option nothing is overridden."""
    write(
        "own.py",
        FLOWS.replace("@flow\n", "@flow(executor=LocalExecutor())\n", 1).replace(
            "import Pause", "import LocalExecutor, Pause"
        ),
    )
    assert daskflow("run", "own.py:doubled")[0] == 0


MISTAKES = {
    "unknown parameter": (["flows.py:doubled", "-p", "n=1"], "unknown: n. It takes (numbers"),
    "missing parameter": (["strict.py"], "missing: day. It takes (day: datetime.date)"),
    "wrong type": (
        ["flows.py:doubled", "-p", "numbers=x"],
        "numbers: Input should be a valid list",
    ),
    "the cure": (["strict.py"], "Give parameters as --param NAME=VALUE"),
    "no file": (["none.py:etl"], "none.py is no file: TARGET is FILE.py:flow or module:flow"),
    "which flow": (["flows.py"], "flows.py:doubled, flows.py:broken"),
    "untraceable": (["flows.py:untraceable"], "ZeroDivisionError: division by zero"),
    "executor": (["flows.py:doubled", "--executor", "spark"], "'spark' is not one of 'local'"),
    "workers": (["flows.py:doubled", "--workers", "0"], "0 is not in the range x>=1"),
    "no target": ([], "Missing argument 'TARGET'"),
    "parameters' file": (["strict.py", "--params-file", "none.json"], "none.json cannot be read"),
}


@pytest.mark.parametrize(("asked", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_has_one_message(write, daskflow, monkeypatch, asked, message):
    """Exit code 1, nothing ran, and the message names the thing and the cure."""
    monkeypatch.setenv("DASKFLOW_EXECUTOR", "local")
    write("flows.py", FLOWS)
    write(
        "strict.py",
        "import datetime\nfrom daskflow import flow\n@flow\ndef strict(day: datetime.date): ...\n",
    )
    code, output, errors = daskflow("run", *asked)
    assert (code, output) == (1, "")
    assert message in errors
    assert "Traceback" not in errors


def test_verbose_shows_where_it_comes_from(write, daskflow, capsys, monkeypatch):
    """The traceback, and then the message all the same."""
    monkeypatch.setenv("DASKFLOW_EXECUTOR", "local")
    write("flows.py", FLOWS)
    assert main(["run", "flows.py:untraceable", "--verbose"]) == 1
    errors = capsys.readouterr().err
    assert "return 1 / 0" in errors
    assert "Error: ZeroDivisionError: division by zero" in errors


def test_a_usage_error_is_exit_code_1(capsys):
    """Click's own code for it, 2, says here that a run failed."""
    assert main(["run", "--frob"]) == 1
    assert "No such option '--frob'" in capsys.readouterr().err.replace(": --frob", " '--frob'")
    assert main(["frob"]) == 1


def test_the_command_alone_explains_itself(capsys):
    """What it can do, on standard error, for nothing was done."""
    assert main([]) == 1
    assert "Run flows of Python functions on Dask" in capsys.readouterr().err


def test_help_has_an_example_and_the_exit_codes(capsys):
    """Both for the group and for run, in lines as they were written."""
    assert main(["--help"]) == 0
    assert "\n    daskflow run etl.py:etl --param limit=100\n" in capsys.readouterr().out
    assert main(["run", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "daskflow run [OPTIONS] TARGET" in shown
    assert "--param days='[\"2013-01-01\"]'\n" in shown
    assert "\n    2  the run failed\n" in shown
    assert "\\b" not in shown


def test_the_version(capsys):
    """Name and number."""
    import daskflow

    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"daskflow {daskflow.__version__}\n"


@pytest.mark.parametrize(
    ("state", "code"),
    [(Success(), 0), (Failed(), 2), (Crashed(), 2), (Cancelled(), 3), (Paused(), 4)],
)
def test_each_state_has_its_exit_code(state, code):
    """As the help says."""
    assert exit_of(state) == code

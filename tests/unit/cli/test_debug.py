"""The command that makes one call of a run once more: with which inputs, and what it shows."""

import subprocess
import sys
from pathlib import Path

import pytest

from daskflow import Settings
from daskflow.cli import Exit
from daskflow.stores.choice import choose_store, close_stores

FLOWS = """
from pathlib import Path
import numpy as np
from daskflow import Fail, LocalExecutor, Skip, all_finished, context, flow, task
from lib import inverse

@task
def load(n: int, most: int) -> dict[str, int]:
    return {"n": n, "most": most}

@task(persist_result=True)
def large(n: int) -> np.ndarray:
    return np.full(2_000, n)

@task
def loose(n: int) -> np.ndarray:
    return np.full(2_000, n)

@task(retries=1)
def divide(row: dict[str, int], xs: np.ndarray, table: list[int]) -> float:
    with Path("ledger").open("a") as ledger:
        ledger.write(f"{context.task_run_name} {context.attempt} {context.run_name}\\n")
    print("dividing", len(table))
    by = row["n"] + int(xs[0])
    return row["most"] * inverse(by)

@task(trigger=all_finished)
def judge(results: list[float]) -> str:
    return [type(one).__name__ for one in results]

@task(trigger=all_finished)
def total(xs: np.ndarray, ys: list[float]) -> float:
    return float(xs.sum())

class Odd:
    def __repr__(self):
        raise ValueError("never")

@task
def odd() -> Odd:
    return Odd()

@task
def many() -> list[str]:
    return [c * 90 for c in "abcdefghijklmnopqrstuvwxyz"]

@task
def show(odd: Odd, many: list[str]) -> None:
    pass

@task
def left_out() -> None:
    raise Skip("not today")

@task(trigger=all_finished)
def after(x: None) -> str:
    return repr(x)

@task
def behind(x: float) -> None:
    pass

@flow(executor=LocalExecutor(), run_name="tonight")
def etl(ns: list[int], most: int = 12):
    results = divide.map(load.map(ns, [most] * 3), large.map([0, 0, 1]), [[1]] * 3)
    show(odd(), many())
    behind(total(loose(1), results), wait_for=[results])
    return judge(results), after(left_out())
"""
LIB = "def inverse(n):\n    return 1 / n\n"


@pytest.fixture
def run(write, daskflow, tmp_path, monkeypatch):
    """A run of that flow in which one child has failed; gives what calls ``daskflow debug``."""
    monkeypatch.setenv("DASKFLOW_STORE__URL", f"sqlite:///{tmp_path / 'runs.db'}")
    monkeypatch.setenv("DASKFLOW_HOME", str(tmp_path))
    write("flows.py", FLOWS)
    write("lib.py", LIB)
    assert daskflow("run", "flows.py:etl", "-p", "ns=[3, 0, 1]")[0] == Exit.FAILED
    Path("ledger").unlink()
    yield lambda *asked, **more: daskflow("debug", "tonight", *asked, **more)
    close_stores()


def test_a_call_that_returns(run, tmp_path, monkeypatch):
    """Its inputs, parameters, small and durable ones, are what they were; its value is shown."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    code, output, errors = run("divide[0]")
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0] == "divide[0] of etl / tonight, called here with"
    assert lines[1] == "  row = {'n': 3, 'most': 12}"
    assert lines[2].startswith("  xs = array([0, 0, 0")
    assert "  table = [1]" in lines
    assert lines[-4:] == ["dividing 1", "", "returned", "  4.0"]
    assert (tmp_path / "ledger").read_text() == "divide[0] 1 tonight\n"


def test_a_call_that_raises(run):
    """Exit code 2, and the traceback without the frames of daskflow; it is as the last attempt."""
    code, output, _ = run("divide[1]")
    assert code == Exit.FAILED
    trace = output.partition("\n\n")[2].splitlines() or output.splitlines()
    assert trace[-1] == "ZeroDivisionError: division by zero"
    assert 'flows.py", line' in output
    assert "daskflow/runtime" not in output
    assert Path("ledger").read_text() == "divide[1] 2 tonight\n"


def test_the_run_stays_as_it_was(run):
    """Nothing is written into its history, and no run is made."""
    store = choose_store(None, Settings())
    before = store.runs()
    run("divide[0]")
    assert store.runs() == before


@pytest.mark.parametrize("raised", ["here", "in what is installed"])
def test_the_debugger_starts_at_the_users_frame(run, write, raised):
    """In the innermost line of the user's own, also where a library raised below it."""
    if raised == "in what is installed":
        write("lib.py", "import json\ndef inverse(n):\n    return json.loads('{')\n")
    ended = subprocess.run(
        [sys.executable, "-m", "daskflow.cli", "debug", "tonight", "divide[1]", "--pdb"],
        input="p n\nup\np by\nq\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == Exit.FAILED
    asked = ended.stdout.partition("\n> ")[2]
    assert asked.partition("(")[0].endswith("/lib.py")
    assert asked.partition("(Pdb) > ")[2].partition("(")[0].endswith("/flows.py")
    assert asked.count("(Pdb) 0\n") == 2


def test_what_was_passed_on_for_a_failure(run):
    """What a trigger let through is what the call gets: exceptions, None for a skip."""
    code, output, _ = run("judge")
    assert code == 0
    assert "ZeroDivisionError('division by zero')" in output
    assert output.endswith("returned\n  ['float', 'ZeroDivisionError', 'float']\n")


@pytest.mark.parametrize(("task", "why"), [("after", "Skipped("), ("behind", "TriggerFailed(")])
def test_what_was_not_called_is_not_called_here(run, task, why):
    """There are no inputs that it had; the message says why it was not."""
    code, output, errors = run(task)
    assert (code, output) == (Exit.ERROR, "")
    assert f"{task} was not called in run 'tonight', so there is nothing to repeat: {why}" in errors


def test_what_was_not_kept_is_named(run):
    """A large value that was not durable, and what has none: nothing is called."""
    code, output, errors = run("total")
    assert (code, output) == (Exit.ERROR, "")
    assert "total cannot be called here, for these inputs of it were not kept:" in errors
    assert "  xs: loose was large; persist_result=True keeps its value" in errors
    assert "ys" not in errors


def test_values_that_are_hard_to_show(run):
    """One that cannot be shown is named by its type, one that is long is cut."""
    code, output, _ = run("show")
    assert code == 0
    assert "  odd = <repr-error 'never'>\n" in output
    assert "  many = [\n" in output
    assert "... +16" in output


def test_a_call_that_ends_by_a_signal(run):
    """It is told what the signal says."""
    code, output, _ = run("left_out")
    assert (code, output.splitlines()[-1]) == (0, "ended Skipped: not today")
    assert "  nothing\n" in output


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("divide", r"divide has 3 task runs: say which, divide[0] for the first"),
        ("divide[7]", r"the run has no task run divide[7]"),
        ("devide", "the flow has no node 'devide'; its nodes: load, large, divide"),
    ],
)
def test_what_is_no_task_run(run, asked, message):
    """One message, and nothing is called."""
    code, output, errors = run(asked)
    assert (code, output) == (Exit.ERROR, "")
    assert message in errors

"""Runs that are cancelled, approved and rejected from another process than drives them."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from daskflow import Settings
from daskflow.stores.choice import choose_store, close_stores
from daskflow.testing import Gate
from tests.acceptance.commands import daskflow
from tests.contract.waiting import eventually

COMMAND = [sys.executable, "-m", "daskflow.cli"]
FLOWS = """
import threading
from pathlib import Path
from daskflow import Static, _crash_points, context, flow, manual_only, resource_manager, task
from daskflow.testing import Gate

@task
def quick(x: int) -> int:
    return x

@task
def hold(x: int, gate: str) -> int:
    Gate(gate).wait()
    return x

@task(retries=1, retry_delay_seconds=3600)
def later(x: int) -> int:
    if context.attempt == 1:
        raise ValueError("once")
    return x

@task(trigger=manual_only)
def decide() -> int:
    return 7

@resource_manager
class Tray:
    def __init__(self, note: str):
        self.note = note
    def setup(self) -> str:
        return "tray"
    def cleanup(self, tray: str) -> None:
        Path(self.note).write_text("cleaned up")

@task
def stuck(gate: str) -> None:
    with open(gate + "/came", "a") as came:
        came.write(".")
    threading.Event().wait(100)

@flow(run_name="mine")
def endless(gate: str):
    return stuck(gate)

@flow(run_name="mine")
def midst(gate: str):
    return hold(quick(1), gate), quick.map(range(20))

@flow(run_name="mine")
def retry(gate: str):
    return later(1)

@flow(run_name="mine")
def paused(gate: str):
    return hold(1, gate), decide()

@flow(run_name="mine")
def waiting(gate: str):
    return decide()

@flow(run_name="mine")
def traced(gate: Static[str]):
    Gate(gate).wait()
    return quick(1)

@flow(run_name="mine")
def submitted(gate: Static[str]):
    _crash_points.arm("run.leased", Gate(gate).wait)
    return hold(quick(1), gate + "-2")

@flow(run_name="mine")
def reported(gate: Static[str]):
    _crash_points.arm("journal.committed", Gate(gate).wait)
    return quick.map(range(20)), decide()

@flow(run_name="mine")
def tray(gate: str):
    with Tray(gate + ".note") as made:
        return decide(wait_for=[made])
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the flows, a store, and a gate."""
    (tmp_path / "flows.py").write_text(FLOWS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DASKFLOW_STORE__URL", f"sqlite:///{tmp_path}/runs.db")
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield Gate(tmp_path / "gate")
    close_stores()
    sys.modules.pop("flows", None)


@contextmanager
def driven(name, gate, *options):
    """Let another process drive a flow meanwhile."""
    asked = ["run", f"flows.py:{name}", "--param", f"gate={gate.path}", *options]
    process = subprocess.Popen([*COMMAND, *asked], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def state_of(task=None):
    """Return the kind of state of the newest run, or of one of its tasks, once there is one."""
    from daskflow.history.reading import read_run

    store = choose_store(None, Settings())
    if not store.runs():
        return None
    read = read_run(store, "last")
    return type(read.record.node_state(task) if task else read.state).__name__


PHASES = {
    "midst": lambda gate: gate.came() > 0,
    "retry": lambda gate: state_of("later") == "Retrying",
    "paused": lambda gate: gate.came() > 0 and state_of("decide") == "Paused",
}


@pytest.mark.parametrize("name", PHASES)
def test_a_run_that_another_process_drives(here, name):
    """It ends as Cancelled, tells who wanted that, and goes on to Success when it is resumed."""
    with driven(name, here, "--executor", "threads") as process:
        eventually(lambda: PHASES[name](here), 60)
        ended = daskflow("cancel", "mine")
        assert ended.returncode == 0, ended.stderr
        assert "mine: Cancelled('cancelled by " in ended.stdout
        assert "daskflow resume mine" in ended.stdout
        process.communicate(timeout=30)
        assert process.returncode == 3
    assert "Cancelling  cancelled by " in daskflow("events", "mine").stdout
    assert daskflow("audit", "mine").returncode == 0
    here.open()
    again = daskflow("resume", "mine", "--executor", "threads")
    if name == "paused":
        assert again.returncode == 4
        again = daskflow("approve", "mine", "--executor", "threads")
    assert again.returncode == 0, again.stdout + again.stderr


@pytest.mark.parametrize("name", ["submitted", "reported"])
def test_a_driver_that_is_at_something_else(here, name):
    """It hears of it when it has submitted, or told the store; nothing of it is left behind."""
    with driven(name, here, "--executor", "threads") as process:
        eventually(lambda: here.came() > 0, 60)
        with subprocess.Popen(
            [*COMMAND, "cancel", "mine"], stdout=subprocess.PIPE, text=True
        ) as cancel:
            asked = cancel.stdout.readline()
            here.open()
            told, _ = cancel.communicate(timeout=30)
        assert (cancel.returncode, "was asked to cancel it" in asked) == (0, True)
        assert "mine: Cancelled('cancelled by " in told
        process.communicate(timeout=30)
        assert process.returncode == 3
    assert daskflow("audit", "mine").returncode == 0
    Gate(f"{here.path}-2").open()
    again = daskflow("resume", "mine", "--executor", "threads")
    if name == "reported":
        assert again.returncode == 4
        again = daskflow("approve", "mine", "--executor", "threads")
    assert again.returncode == 0, again.stdout + again.stderr


def test_a_flow_that_is_still_traced(here):
    """There is no run yet that could be cancelled; who started it ends it."""
    with driven("traced", here, "--executor", "threads") as process:
        eventually(lambda: here.came() > 0, 60)
        unknown = daskflow("cancel", "mine")
        assert unknown.returncode == 1
        assert "no run" in unknown.stderr
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        assert process.returncode not in {None, 0}
    assert state_of() is None


def test_what_waits_in_a_run_that_goes_on_is_approved(here):
    """By an order to its driver, who says what it did, or why not."""
    with driven("paused", here, "--executor", "threads") as process:
        eventually(lambda: PHASES["paused"](here), 60)
        wrong = daskflow("approve", "mine", "hold")
        assert (wrong.returncode, "hold is not paused" in wrong.stderr) == (1, True)
        ended = daskflow("approve", "mine", "decide")
        assert (ended.returncode, "mine: approved: decide; " in ended.stdout) == (0, True)
        eventually(lambda: state_of("decide") == "Success")
        here.open()
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert "approved by " in daskflow("events", "mine").stdout


def test_a_run_that_nobody_drives(here):
    """It is ended by whoever cancels it; what has ended is not cancelled."""
    assert daskflow("run", "flows.py:waiting", "--param", "gate=x", "--executor", "local")
    ended = daskflow("cancel", "mine")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert state_of() == state_of("decide") == "Cancelled"
    assert daskflow("audit", "mine").returncode == 0
    again = daskflow("cancel", "mine")
    assert again.returncode == 1
    assert "has ended Cancelled('cancelled by " in again.stderr


def test_a_run_that_nobody_drives_is_cleaned_up(here, tmp_path, monkeypatch):
    """Its code is imported for that."""
    asked = ("run", "flows.py:tray", "--param", f"gate={here.path}", "--executor", "local")
    assert daskflow(*asked).returncode == 4
    monkeypatch.setenv("DASKFLOW_EXECUTOR", "local")
    ended = daskflow("cancel", "mine")
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "gate.note").read_text() == "cleaned up"
    assert (state_of(), state_of("Tray.cleanup")) == ("Cancelled", "Success")


def test_a_run_whose_driver_was_killed(here):
    """The cancel is carried out by whoever gives it."""
    with driven("midst", here, "--executor", "threads") as process:
        eventually(lambda: here.came() > 0, 60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert daskflow("cancel", "mine").returncode == 0
    assert state_of() == "Cancelled"


def test_what_ran_when_the_driver_was_killed_is_told(here):
    """It is Running in the store by then; who resumes says that it runs again, and as what."""
    with driven("midst", here, "--executor", "threads") as process:
        eventually(lambda: state_of("hold") == "Running", 60)
        process.send_signal(signal.SIGKILL)
        process.wait()
    here.open()
    again = daskflow("resume", "mine", "--executor", "threads")
    assert again.returncode == 0, again.stderr
    told = " ".join(daskflow("events", "mine").stdout.split())  # it may be wrapped
    assert "hold Pending its driver was lost: it runs again" in told
    assert daskflow("audit", "mine").returncode == 0


def test_a_driver_that_is_terminated_cancels_its_run(here):
    """By a service manager or a batch system: its body is stopped, and the run can be resumed."""
    with driven("midst", here, "--executor", "threads") as process:
        eventually(lambda: here.came() > 0, 60)
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "interrupted after" in told
    assert "daskflow resume mine" in told
    assert state_of() == "Cancelled"
    here.open()
    assert daskflow("resume", "mine", "--executor", "threads").returncode == 0


def test_the_first_ctrl_c_cancels_the_second_leaves(here):
    """Both with exit code 3 and the line that goes on; the first waits for what does not stop."""
    with driven("endless", here, "--executor", "threads") as process:
        eventually(lambda: here.came() > 0, 60)
        process.send_signal(signal.SIGINT)
        line = next(line for line in process.stdout if "once more leaves at once" in line)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=10)
    assert line
    assert process.returncode == 3
    assert "daskflow resume mine" in rest

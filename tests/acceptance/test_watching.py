"""``daskflow watch`` in a process of its own, beside the one that drives the run."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.contract.processes import environment, kill_group, script
from tests.contract.waiting import Gate, eventually

SCRIPT = """
import time
from pathlib import Path
from daskflow import LocalExecutor, Skip, flow, task

@task
def load(n: int) -> int:
    if n == 2:
        raise Skip("not two")
    return n

@task(log_prints=True)
def work(values: list[int]) -> int:
    Path({folder!r}, "begun").touch()
    while not Path({folder!r}, "gate").exists():
        time.sleep(0.02)
    print("the gate is open")
    return len(values)

@flow(executor=LocalExecutor(), run_name="night", block_size=1)
def etl(ns: list[int]):
    return work(load.map(ns))

if __name__ == "__main__":
    etl.run(ns=[1, 2, 3])
"""
WATCH = [sys.executable, "-m", "daskflow.cli", "watch", "night"]


@pytest.fixture
def settings(tmp_path):
    """Say where runs are kept."""
    home = tmp_path / "home"
    return {"DASKFLOW_HOME": str(home), "DASKFLOW_STORE__URL": f"sqlite:///{home / 'runs.db'}"}


@pytest.fixture
def driver(settings, tmp_path):
    """Start a driver whose second task waits at a gate."""
    process = script(tmp_path, SCRIPT.format(folder=str(tmp_path)), wait=False, **settings)
    eventually((tmp_path / "begun").exists, 60)
    yield process
    kill_group(process)
    process.communicate()


@pytest.fixture
def watching(driver, settings, tmp_path):
    """Start the command beside the driver."""
    begun = []

    def start(*options, **more):
        words = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
        variables = environment(**settings, TERM="xterm", COLUMNS="90", LINES="24")
        process = subprocess.Popen([*WATCH, *options], cwd=tmp_path, env=variables, **words)
        begun.append(process)
        return process

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def lines_until(process, wanted):
    """Return the lines that a process prints until one of them holds what is wanted."""
    lines = [""]
    while wanted not in lines[-1]:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        lines.append(line)
    return lines[1:]


def test_lines_come_as_it_goes_on(watching, driver, tmp_path):
    """What was unhappy, then the end; both processes end with the code of success."""
    process = watching()
    assert " load[1] Skipped: not two\n" in "".join(lines_until(process, "load[1]"))
    Gate(tmp_path / "gate").open()
    rest, errors = process.communicate(timeout=60)
    assert (process.returncode, driver.wait(60)) == (0, 0)
    assert errors.count("the gate is open") == 1  # as the driver shows it
    assert "etl / night: Success in " in rest
    assert "\x1b" not in rest


def rest_of(terminal):
    """Return what is shown in a terminal until its other side is closed."""
    shown = b""
    with suppress(OSError):  # that is how its end is told
        while piece := os.read(terminal, 65536):
            shown += piece
    os.close(terminal)
    return shown.decode()


def test_a_terminal_sees_the_tasks_move(watching, tmp_path):
    """A row for each, as where the run is driven; in the end the summary alone."""
    ours, theirs = pty.openpty()
    process = watching(stdin=theirs, stdout=theirs, stderr=theirs, text=False)
    os.close(theirs)
    shown = ""
    while "work" not in shown or "2/3" in shown:
        shown += os.read(ours, 65536).decode()
    Gate(tmp_path / "gate").open()
    shown += rest_of(ours)
    assert process.wait(60) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "etl / night  0:" in text
    assert "load  ━━━━━━━━━━━━━━━━  3/3  2 Success, 1 Skipped" in text
    assert "work  ────────────────  0/1" in text


def test_ctrl_c_leaves_the_run_alone(watching, driver, tmp_path):
    """It says so; the driver drives on to a good end."""
    process = watching()
    lines_until(process, "load[1]")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "etl / night goes on, 3 of 4 task runs had finished" in errors
    assert "daskflow watch night" in errors
    Gate(tmp_path / "gate").open()
    assert driver.wait(60) == 0


def test_a_driver_that_is_killed_is_told(watching, driver):
    """With the line that lets the run go on; as the last document for machines, too."""
    people, machines = watching(), watching("--output", "json")
    lines_until(people, "load[1]")
    lines_until(machines, "load[1]")
    kill_group(driver)
    told, _ = people.communicate(timeout=60)
    assert people.returncode == 2
    assert "etl / night: Crashed (driver lost): nobody drives it any more; it was Running" in told
    assert "  daskflow resume night   goes on where it stopped" in told
    end = json.loads(machines.communicate(timeout=60)[0].splitlines()[-1])
    assert (machines.returncode, end["reason"]) == (2, "driver lost")

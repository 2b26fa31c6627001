"""``daskflow logs`` beside a driver, and what ``daskflow run`` shows of lines meanwhile."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import closing

import pytest

from tests.contract.processes import environment, kill_group, script
from tests.contract.waiting import Gate, eventually

SCRIPT = """
import time
from pathlib import Path
from daskflow import flow, get_run_logger, task

@task(log_prints=True)
def work(folder: str) -> None:
    print("begun")
    for number in range(300):  # more would not fit into the pipe that nobody reads
        get_run_logger().info("line %d", number)
    time.sleep(0.2)
    get_run_logger().warning("waits")
    while not Path(folder, "gate").exists():
        time.sleep(0.02)
    print("done")

@flow(run_name="night")
def etl(folder: str = {folder!r}):
    work(folder)

if __name__ == "__main__":
    etl.run()
"""


@pytest.fixture
def store(tmp_path):
    """Say where runs are kept, and where they run."""
    return {
        "DASKFLOW_HOME": str(tmp_path / "home"),
        "DASKFLOW_EXECUTOR": "threads",
        "DASKFLOW_LOGGING__LINES": "40",
        "DASKFLOW_STORE__URL": f"sqlite:///{tmp_path / 'home' / 'runs.db'}",
    }


def daskflow(store, folder, *arguments, **words):
    """Start the command in a process of its own."""
    command = [sys.executable, "-m", "daskflow.cli", *arguments]
    words = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **words}
    return subprocess.Popen(
        command, env=environment(**store), cwd=folder, start_new_session=True, **words
    )


@pytest.fixture
def driver(store, tmp_path):
    """A process whose only task has said that it waits, and does."""
    process = script(tmp_path, SCRIPT.format(folder=str(tmp_path)), wait=False, **store)

    def waits():
        """The run is there, and has said so."""
        told = daskflow(store, tmp_path, "logs", "last", "--level", "warning")
        return "waits" in told.communicate(timeout=60)[0]

    try:
        eventually(waits, 60)
        yield process
    finally:
        kill_group(process)
        process.communicate()


@pytest.mark.slow
def test_lines_are_followed_from_another_process(driver, store, tmp_path):
    """Those that were there, those that come, and then the end of the run is the command's."""
    follower = daskflow(store, tmp_path, "logs", "night", "-f")
    try:
        lines = []
        while not lines or "waits" not in lines[-1]:
            lines.append(follower.stdout.readline())
        assert lines[0].endswith("INFO work attempt 1 | begun\n")
        Gate(tmp_path / "gate").open()
        rest, errors = follower.communicate(timeout=60)
    finally:
        kill_group(follower)
    assert rest.splitlines()[-1].endswith("| done")
    assert (follower.returncode, errors) == (0, "")
    assert driver.wait(60) == 0


@pytest.mark.slow
def test_who_has_seen_enough_may_go(driver, store, tmp_path):
    """As ``| head`` does: that is no error."""
    told = daskflow(store, tmp_path, "logs", "night")
    assert "begun" in told.stdout.readline()
    told.stdout.close()
    with closing(told.stderr):
        assert told.stderr.read() == ""
    assert told.wait(60) == 0


@pytest.mark.slow
def test_lines_stand_above_the_live_rows(store, tmp_path):
    """In a terminal, while the task runs on a cluster; each once."""
    (tmp_path / "etl.py").write_text(SCRIPT.format(folder=str(tmp_path)), encoding="utf-8")
    here, there = pty.openpty()
    words = {"DASKFLOW_EXECUTOR": "dask", "DASKFLOW_CLUSTER__WORKERS": "1", "TERM": "xterm"}
    shown = b""
    process = daskflow(
        {**store, **words}, tmp_path, "run", "etl.py:etl", stdout=there, stderr=there, text=False
    )
    os.close(there)
    try:
        while b"work attempt 1 | waits" not in shown:
            shown += os.read(here, 65_536)
        assert process.poll() is None
        Gate(tmp_path / "gate").open()
        while part := _read(here):
            shown += part
        assert process.wait(60) == 0
    finally:
        kill_group(process)
        os.close(here)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    for line in ("begun", "waits", "done", "line 0", "line 299"):
        assert len(re.findall(rf"work attempt 1 \| {line}\s", text)) == 1, line
    assert "lines were dropped here" in text


def _read(terminal):
    """Return what was written to a terminal; nothing when the last writer is gone."""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""

"""A doctor at real clusters: whoever does not fit, or does not answer, is named within seconds."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.contract.processes import environment, scheduler, worker
from tests.contract.waiting import eventually

pytestmark = pytest.mark.slow

ROOT = str(Path(__file__).parents[2])  # so that workers have the modules of these tests
OLD_PYTHON = """
import platform
platform.python_version = lambda: "3.10.2"
"""


@pytest.fixture
def doctor(tmp_path):
    """Ask the command in a process of its own; gives its exit code, what it found, and seconds."""

    def doctor(address, seconds=10, **variables):
        home = tmp_path / "home"
        words = {
            "DASKFLOW_HOME": str(home),
            "DASKFLOW_STORE__URL": f"sqlite:///{home / 'runs.db'}",
            "DASKFLOW_ENGINE__CONNECT_TIMEOUT": str(seconds),
        }
        before = time.monotonic()
        asked = ("doctor", "--address", address, "--output", "json")
        ended = subprocess.run(
            [sys.executable, "-m", "daskflow.cli", *asked],
            env=environment(**words, **variables),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        assert "Traceback" not in ended.stderr
        findings = json.loads(ended.stdout)["findings"]
        assert all(one["cure"] for one in findings if one["level"] != "ok")
        return ended.returncode, findings, time.monotonic() - before

    return doctor


def worst(findings):
    """Return what was found wrong of each thing, the level with it."""
    return {one["what"]: (one["level"], one["found"]) for one in findings if one["level"] != "ok"}


def address_of(folder, name):
    """Return the address under which a worker has told that it is there."""
    from distributed import Client

    with Client(json.loads((folder / "scheduler.json").read_text())["address"]) as client:

        def look():
            workers = client.scheduler_info(n_workers=-1)["workers"]
            return next((one for one, known in workers.items() if known["name"] == name), None)

        return eventually(look, 30)


@pytest.fixture
def pair(tmp_path):
    """A scheduler with a dashboard and two workers; gives its address, and one to be stopped."""
    page = ("--dashboard", "--dashboard-address", "127.0.0.1:0")
    with (
        scheduler(tmp_path, *page) as (_, address),
        worker(tmp_path, address, "--name", "first"),
        worker(tmp_path, address, "--name", "second") as second,
    ):
        address_of(tmp_path, "first")
        yield address, (address_of(tmp_path, "second"), second)


def test_a_worker_that_is_stopped_is_told(pair, doctor):
    """All was well before; it is named within seconds, and the other one is looked at."""
    address, (found, process) = pair
    code, findings, _ = doctor(address)
    assert (code, set(worst(findings))) == (0, {"saturation"})
    assert {"scheduler", "tracker", "dashboard", "versions", "memory", "clocks", "network"} <= {
        one["what"] for one in findings
    }
    process.send_signal(signal.SIGSTOP)
    code, findings, seconds = doctor(address, 2)
    assert code == 1
    assert worst(findings)["workers"] == (
        "problem",
        f"{found} (host 127.0.0.1) does not answer within 2 s",
    )
    tried = [one["found"] for one in findings if one["what"] == "results"]
    assert "1 of 2 workers have tried file:///" in tried[-1]
    assert seconds < 30


def test_workers_that_do_not_fit(tmp_path, doctor):
    """Another Python, other files below the same URL, no limit, a clock that is wrong."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    before = tmp_path / "before.py"
    before.write_text(OLD_PYTHON + LATE, encoding="utf-8")
    place = {"FSSPEC_DIR_TARGET_PROTOCOL": "file", "PYTHONPATH": ROOT}
    with (
        scheduler(tmp_path) as (_, address),
        worker(
            tmp_path,
            address,
            *("--name", "odd", "--memory-limit", 0, "--preload", before),
            **place,
            FSSPEC_DIR_PATH=str(tmp_path / "there"),
        ),
    ):
        odd = address_of(tmp_path, "odd")
        code, findings, _ = doctor(
            address,
            DASKFLOW_RESULTS__URL="dir://results",
            FSSPEC_DIR_PATH=str(tmp_path / "here"),
            **place,
        )
    wrong = worst(findings)
    host = os.uname().nodename
    assert code == 1
    assert wrong["versions"][0] == "problem"
    assert wrong["versions"][1].endswith(f" here, 3.10.2 on {odd} (host {host})")
    assert wrong["results"] == (
        "problem",
        f"what is kept at dir://results is not to be seen on {odd} (host {host})",
    )
    assert wrong["memory"] == ("warning", f"there is no limit on {odd} (host {host})")
    assert wrong["clocks"][0] == "warning"
    assert "60.0 s ahead of this one" in wrong["clocks"][1]
    assert wrong["dashboard"][0] == "warning"
    assert list((tmp_path / "there").iterdir()) == []


LATE = """
import daskflow.timing
from daskflow.timing import SystemClock

class Late(SystemClock):
    def now(self):
        return super().now() + 60.0

daskflow.timing._clock = Late()
"""


def test_a_scheduler_that_takes_no_tracker(tmp_path, doctor):
    """And may not be asked what it has; the cure has the line that starts it with the tracker."""
    blocked = '["register_scheduler_plugin", "run_function"]'
    variables = {"DASK_DISTRIBUTED__SCHEDULER__BLOCKED_HANDLERS": blocked}
    with scheduler(tmp_path, **variables) as (_, address):
        code, findings, _ = doctor(address)
    wrong = worst(findings)
    assert code == 1
    assert wrong["tracker"][0] == "problem"
    cures = {one["what"]: one["cure"] for one in findings}
    assert "--preload daskflow.executors.tracker" in cures["tracker"]
    assert wrong["versions"] == (
        "warning",
        "it is not known what is installed on the scheduler",
    )
    assert wrong["workers"] == ("warning", "there is none")


def test_where_nobody_answers(doctor):
    """Neither where nobody listens, nor where somebody does who is no scheduler."""
    code, findings, _ = doctor("tcp://127.0.0.1:1", 0.5)
    assert (code, worst(findings)["scheduler"][0]) == (1, "problem")
    assert "within 0.5 s" in worst(findings)["scheduler"][1]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        code, findings, seconds = doctor(f"tcp://127.0.0.1:{silent.getsockname()[1]}", 0.5)
    assert (code, worst(findings)["scheduler"][0]) == (1, "problem")
    assert seconds < 30

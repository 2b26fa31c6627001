"""The commands that read a store, in another process than the driver, and behind its end."""

from __future__ import annotations

import json

import pytest

from daskflow.stores.choice import close_stores
from tests.acceptance import commands
from tests.contract.processes import kill_group, script
from tests.contract.waiting import Gate, eventually

SCRIPT = """
import time
from pathlib import Path
from daskflow import LocalExecutor, flow, task

@task
def load(n: int) -> int:
    return n

@task
def work(values: list[int]) -> int:
    Path({folder!r}, "begun").touch()
    while not Path({folder!r}, "gate").exists():
        time.sleep(0.02)
    return sum(values)

@flow(executor=LocalExecutor(), run_name="night", block_size=1)
def etl(ns: list[int]):
    return work(load.map(ns))

if __name__ == "__main__":
    etl.run(ns=[1, 2, 3])
"""


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Say where runs are kept."""
    said = {
        "DASKFLOW_HOME": str(tmp_path / "home"),
        "DASKFLOW_STORE__URL": f"sqlite:///{tmp_path / 'home' / 'runs.db'}",
    }
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    yield said
    close_stores()


@pytest.fixture
def daskflow(store):
    """Call the command; gives its exit code and its JSON document."""

    def call(*arguments):
        ended = commands.daskflow(*arguments, "--output", "json")
        assert ended.stderr == ""
        return ended.returncode, json.loads(ended.stdout)

    return call


@pytest.fixture
def driver(store, tmp_path):
    """Start a driver whose second task waits at a gate."""
    process = script(tmp_path, SCRIPT.format(folder=str(tmp_path)), wait=False, **store)
    eventually((tmp_path / "begun").exists, 60)
    yield process
    kill_group(process)
    process.communicate()


def seen(daskflow):
    (run,) = daskflow("ls")[1]["runs"]
    return run["name"], run["state"], run.get("reason")


def loaded(daskflow):
    """Return what is shown of the run once its first three task runs are durable."""

    def look():
        _, told = daskflow("show", "night")
        return told if told["nodes"][0]["counts"] == {"Success": 3} else None

    return eventually(look)


def test_a_run_is_read_while_it_goes_on(driver, daskflow, tmp_path):
    """Who drives it is told, and nothing of it is forgotten; in the end all is well."""
    shown = loaded(daskflow)
    assert seen(daskflow) == ("night", "Running", None)
    assert shown["driver"].endswith(f", process {driver.pid}")
    assert daskflow("gc", "--older-than", "0s", "--keep-last", "0")[1]["forgotten"] == []
    Gate(tmp_path / "gate").open()
    driver.wait(60)
    assert seen(daskflow) == ("night", "Success", None)
    assert daskflow("audit")[0] == 0
    assert daskflow("db", "check")[0] == 0


def test_a_run_whose_driver_was_killed(driver, daskflow, tmp_path):
    """It has crashed, what waits leads to that, and the history is whole; then it is forgotten."""
    loaded(daskflow)
    kill_group(driver)
    assert seen(daskflow) == ("night", "Crashed", "driver lost")
    _, told = daskflow("show", "last")
    assert told["next"][0]["command"] == "daskflow resume night"
    _, story = daskflow("why", "last", "work")
    assert [reason["who"] for reason in story["reasons"]] == ["work", "night"]
    assert daskflow("events", "last")[1]["events"][0]["state"] == "Running"
    assert daskflow("audit", "last")[1]["findings"] == []
    code, told = daskflow("gc", "--older-than", "0s", "--keep-last", "0")
    assert (code, [run["name"] for run in told["forgotten"]]) == (0, ["night"])
    assert daskflow("ls")[1]["runs"] == []

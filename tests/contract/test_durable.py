"""A driver is killed, another process resumes its run: what runs again, by the ledger."""

from collections import Counter

import pytest

from daskflow.entries import SegmentTold
from daskflow.results.signing import Signer
from daskflow.states import Success
from daskflow.stores.sql import SqlStore
from daskflow.stores.sqlite import SqlitePlace
from tests.contract.processes import kill_group, script
from tests.contract.waiting import Gate, eventually
from tests.semantics.ledger import Ledger

pytestmark = [pytest.mark.outside, pytest.mark.slow, pytest.mark.timeout(180)]

FRAMES = 6
SCRIPT = """
import os, sys, time
import numpy as np
import pandas as pd
from pathlib import Path
from daskflow import DaskExecutor, LocalExecutor, flow, task

def note(text):
    file = os.open({folder!r} + "/ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{{text}}\\n".encode())
    os.close(file)

@task
def make(n: int) -> pd.DataFrame:
    note(f"make {{n}}")
    return pd.DataFrame({{"x": np.full(131_072, float(n))}})  # 1 MiB

@task
def add_up(frames: list[pd.DataFrame]) -> float:
    note("add_up")
    while not Path({folder!r}, "gate").exists():
        time.sleep(0.02)
    return float(sum(frame["x"].sum() for frame in frames))

@flow(executor={executor}, persist_result={persist})
def case(ns: list[int]):
    return add_up(make.map(ns))

if __name__ == "__main__":
    if os.environ["WHAT"] == "run":
        case(list(range({frames})))
    else:
        print(case.resume("last").result())
"""


def accepted(store, run_id):
    """Return how many successes of ``make`` are in the history of a run."""
    told = [one.entry for one in store.entries(run_id) if isinstance(one.entry, SegmentTold)]
    return sum(one.segment.codes.count(Success.code) for one in told if one.segment.node == "make")


@pytest.mark.parametrize("persist", [True, False])
@pytest.mark.parametrize("where", ["local", "cluster"])
def test_the_driver_is_killed(request, tmp_path, monkeypatch, where, persist):
    """With persist_result no accepted body runs again; without it each does, once."""
    file = tmp_path / "home" / "daskflow.db"
    monkeypatch.setenv("DASKFLOW_HOME", str(tmp_path / "home"))
    store_of = {"DASKFLOW_STORE__URL": f"sqlite:///{file}"}
    executor = "LocalExecutor()"
    if where == "cluster":
        address = request.getfixturevalue("cluster").scheduler_address
        executor = f"DaskExecutor(address={address!r})"
    text = SCRIPT.format(folder=str(tmp_path), executor=executor, persist=persist, frames=FRAMES)
    ledger, gate = Ledger(tmp_path / "ledger"), Gate(tmp_path / "gate")
    driver = script(tmp_path, text, wait=False, WHAT="run", **store_of)
    try:
        eventually(lambda: "add_up" in ledger.lines(), 60)
        store = SqlStore(SqlitePlace(file), Signer(file.with_name("daskflow.db.key").read_bytes()))
        eventually(lambda: accepted(store, store.runs()[0].id) == FRAMES)
        store.close()
    finally:
        kill_group(driver)
        driver.communicate()
    gate.open()
    printed, _ = script(tmp_path, text, WHAT="resume", **store_of)
    assert float(printed) == 131_072.0 * sum(range(FRAMES))
    again = Counter(line for line in ledger.lines() if line.startswith("make"))
    assert again == {f"make {n}": 1 if persist else 2 for n in range(FRAMES)}

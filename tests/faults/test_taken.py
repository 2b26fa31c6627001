"""What Dask takes from a lost worker is not begun once more by Dask: only the driver decides."""

import math
import os
import signal
import time

import pytest

from daskflow import flow, task, unmapped
from daskflow.states import Crashed, Failed, Success
from daskflow.triggers import all_finished
from tests.contract.waiting import Gate, eventually
from tests.faults.tasks import large, small
from tests.semantics.ledger import Ledger


@task
def hold(xs, gate, ledger):
    """Wait, and tell by which process."""
    ledger.note(f"hold {os.getpid()}")
    gate.wait()
    return [len(x) if isinstance(x, bytes) else x for x in xs]


@task
def die(x, ledger):
    ledger.note("die")
    os.kill(os.getpid(), signal.SIGKILL)


@task(trigger=all_finished)
def survey(x):
    return repr(x)


def _killed(run, ledger):
    """Kill the worker that holds what `hold` waits with."""
    eventually(lambda: any(line.startswith("hold") for line in ledger.lines()))
    pid = next(int(line.split()[1]) for line in ledger.lines() if line.startswith("hold"))
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("size", [1, None], ids=["single", "grouped"])
def test_30_what_was_accepted_runs_once(frail, ledger, tmp_path, size):
    """The only holder of accepted small results dies: none of their bodies is called again."""
    gate = Gate(tmp_path / "gate")
    held = flow(executor=frail, block_size=size)(lambda: hold(_small(ledger), gate, ledger))
    run = held.submit()
    eventually(lambda: run["small"].state.is_successful() and len(run["small"]) == 4)
    eventually(lambda: all(child.state.is_successful() for child in run["small"]))
    _killed(run, ledger)
    gate.open()
    assert run.wait(60).result() == [1, 2, 3, 4]
    lines = [line for line in ledger.lines() if line.startswith("small")]
    assert sorted(lines) == [f"small {x}" for x in (1, 2, 3, 4)]
    assert {type(found.state) for found in run.task_runs} == {Success}


def test_what_was_persisted_runs_once(frail, ledger, tmp_path):
    """The only holder of large results that are persisted dies: their files are read."""
    gate = Gate(tmp_path / "gate")
    options = {"executor": frail, "persist_result": True}
    held = flow(**options)(lambda: hold(_large(ledger), gate, ledger))
    run = held.submit()
    eventually(lambda: len(run["large"]) == 4)
    eventually(lambda: all(child.state.is_successful() for child in run["large"]))
    _killed(run, ledger)
    gate.open()
    assert run.wait(60).result() == [100_000] * 4
    lines = [line for line in ledger.lines() if line.startswith("large")]
    assert sorted(lines) == [f"large {x}" for x in (1, 2, 3, 4)]
    assert run.state.is_successful()


def test_bare_dask_runs_them_again(frail, frail_cluster, ledger):
    """The control: on the same cluster Dask alone repeats what was finished and is lost."""
    from distributed import Client, wait

    with Client(frail_cluster.scheduler_address) as client:
        bodies = [client.submit(small.fn, x, ledger, pure=False) for x in range(8)]
        wait(bodies)
        holders = {address for found in client.who_has(bodies).values() for address in found}
        assert len(ledger.lines()) == 8
        pid = client.run(os.getpid, workers=[min(holders)])[min(holders)]
        os.kill(pid, signal.SIGKILL)
        assert client.gather(bodies) == list(range(8))
    assert len(ledger.lines()) > 8
    assert set(ledger.starts()) == {f"small {x}" for x in range(8)}


@task
def spin(x, ledger):
    """Take long on the worker that was the first one to begin."""
    ledger.note(f"spin {x} {os.getpid()}")
    is_slow = ledger.lines()[0].endswith(f" {os.getpid()}")
    until = time.monotonic() + (0.1 if is_slow else 0.0)
    while time.monotonic() < until:
        pass
    return x


@pytest.mark.slow
def test_what_is_stolen_is_not_taken(frail, frail_cluster, ledger, tmp_path, monkeypatch):
    """An idle worker steals from a busy one: nothing of it is marked, each body is called once."""
    scheduler = frail_cluster.scheduler
    thief = scheduler.extensions["stealing"]
    monkeypatch.setattr(scheduler, "WORKER_SATURATION", math.inf)  # all are assigned at once

    @flow(executor=frail, block_size=1)
    def stealing():
        return spin.map(range(40), unmapped(ledger))

    other = Ledger(tmp_path / "other")
    # both know the code: who still has to import it would be idle too late
    flow(executor=frail, block_size=1)(lambda: small.map(range(40), unmapped(other))).run()
    before = sum(thief.metrics["request_count_total"].values())
    run = stealing.submit()
    run.wait(60)
    assert run.result() == list(range(40))
    assert sum(thief.metrics["request_count_total"].values()) > before
    assert sorted(int(line.split()[1]) for line in ledger.lines()) == list(range(40))
    assert not [event for event in run.events() if "again" in event.state.message]


def _small(ledger):
    return small.map([1, 2, 3, 4], unmapped(ledger))


def _large(ledger):
    return large.map([1, 2, 3, 4], unmapped(ledger))


def test_what_was_lost_and_is_needed_is_made_again_and_told(frail, ledger, tmp_path):
    """Large results that were on the dead worker alone are made again, with the reason told."""
    gate = Gate(tmp_path / "gate")
    held = flow(executor=frail)(lambda: hold(_large(ledger), gate, ledger))
    run = held.submit()
    eventually(lambda: len(run["large"]) == 4)
    eventually(lambda: all(child.state.is_successful() for child in run["large"]))
    _killed(run, ledger)
    gate.open()
    assert run.wait(60).result() == [100_000] * 4
    told = [event.state.message for event in run.events() if "runs again" in event.state.message]
    assert any("value was lost" in message for message in told)


def test_31_a_body_that_always_kills_its_worker(frail, ledger):
    """It is Crashed when its `infra_retries` are used up; what depends on it asks its trigger."""
    deadly = flow(executor=frail)(lambda: survey(die.with_options(infra_retries=2)(1, ledger)))
    run = deadly.run()
    state = run[die].state
    assert (type(state), state.reason) == (Crashed, "worker lost")
    assert type(run.state) is Success
    assert "worker was lost" in run[survey].result()
    assert ledger.lines().count("die") == 3
    assert type(run.state) is not Failed

"""Workers and schedulers that are killed: every run ends, and what was done stays done."""

import os
import signal
import time
from pathlib import Path

import pytest

from daskflow import DaskExecutor, FlowRunFailedError, flow, task
from daskflow.states import Cancelled, Crashed, Failed, Success, TriggerFailed
from daskflow.triggers import all_finished
from tests.contract.processes import kill_group, scheduler, worker
from tests.contract.waiting import eventually


@task
def inc(x):
    return x + 1


@task
def die(x):
    """Kill the worker, each time."""
    os.kill(os.getpid(), signal.SIGKILL)


@task
def die_once(x, ledger):
    """Kill the worker, but for the second time."""
    ledger.note(x)
    if len(ledger.lines()) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


@task
def total(xs):
    return sum(xs)


@task(trigger=all_finished)
def survey(xs):
    return len(xs)


def test_a_worker_killed_once_costs_nothing_but_time(frail, ledger):
    """Dask begins the body elsewhere; all task runs end in Success, with the right values."""

    @flow(executor=frail, block_size=1)
    def once(xs):
        return die_once(total(inc.map(xs)), ledger)

    run = once.run(list(range(10)))
    assert run.result() == 55
    assert {type(found.state) for found in run.task_runs} == {Success}
    assert len(run.task_runs) == 12


@pytest.mark.slow
def test_a_body_that_always_kills_its_worker_ends(frail):
    """Its task run is Crashed and says so; the others are as they were, triggers decide on.

    Nothing else is on its way when it begins: Dask would take that for guilty as well.
    """

    @flow(executor=frail, block_size=1)
    def deadly(xs):
        before = inc.map(xs)
        dead = die(total(before))
        return inc(dead), survey([dead, 1]), before

    run = deadly.run([0, 1, 2, 3, 4])
    assert {type(found.state) for found in run["inc"]} == {Success}
    assert type(run[total].state) is Success
    assert type(run[die].state) is Crashed
    assert run[die].state.reason == "worker lost"
    assert type(run["inc-2"].state) is TriggerFailed
    assert run[survey].result() == 2
    assert run["inc"].result() == [1, 2, 3, 4, 5]
    assert type(run.state) is Failed


@pytest.mark.parametrize("whose", ["scheduler", "both"])
def test_a_scheduler_killed_in_the_midst_ends_the_run(tmp_path, gate, whose, monkeypatch):
    """Where none comes back, as Crashed, with its address; what had ended keeps its state."""
    for name in ("SCHEDULER_TIMEOUT", "CONNECT_TIMEOUT"):
        monkeypatch.setenv(f"DASKFLOW_ENGINE__{name}", "2")

    @task
    def stay(x):
        gate.wait()

    with (
        scheduler(tmp_path) as (process, address),
        worker(tmp_path, address, PYTHONPATH=str(Path.cwd())) as hand,
    ):

        @flow(executor=DaskExecutor(address=address), block_size=1)
        def staying(xs):
            return stay.map(inc.map(xs))

        run = staying.submit([1, 2])
        eventually(lambda: run["inc"][0].state.is_successful() if len(run["inc"]) else False)
        for one in [process] if whose == "scheduler" else [process, hand]:
            kill_group(one)
        before = time.monotonic()
        run.wait(20)
        assert time.monotonic() - before < 10.0
    assert type(run.state) is Crashed
    assert f"the scheduler at {address} was lost" in run.state.message
    assert type(run["inc"][0].state) is Success
    assert run["inc"][0].result() == 2
    assert {type(found.state) for found in run["stay"]} == {Cancelled}
    with pytest.raises(FlowRunFailedError, match="Crashed"):
        run.result()


def test_a_run_after_its_scheduler_died_says_so(tmp_path):
    """What connects to an address finds it gone, though this process was connected before."""
    with scheduler(tmp_path) as (process, address), worker(tmp_path, address):

        @flow(executor=DaskExecutor(address=address))
        def one():
            return inc(0)

        run = one.run()
        assert run.result() == 1
        kill_group(process)
    eventually(lambda: run._session._hub.client.status == "closed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DASKFLOW_ENGINE__CONNECT_TIMEOUT", "0.5")
        with pytest.raises(Exception, match=f"no Dask scheduler answers at '{address}'"):
            one.run()


def test_a_large_value_is_gone_with_its_scheduler(tmp_path):
    """Reading it is an error that says what to do, not a wait without end."""

    @task
    def make(size):
        return bytes(size)

    with scheduler(tmp_path) as (process, address), worker(tmp_path, address):

        @flow(executor=DaskExecutor(address=address))
        def heap():
            return make(100_000)

        run = heap.run()
        kill_group(process)
        eventually(lambda: run._session._hub.client.status == "closed")
        with pytest.raises(Exception, match="was not kept"):
            run.result()

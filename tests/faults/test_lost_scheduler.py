"""The scheduler is killed while a run is on its cluster."""

import os
import signal
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import daskflow
from daskflow import DaskExecutor, LocalExecutor, flow, task, unmapped
from daskflow.states import Crashed, Success
from tests.contract.processes import descendants, kill_group, scheduler, worker
from tests.contract.waiting import eventually, is_alive
from tests.faults.tasks import large, small

ROOT = str(Path(__file__).parents[2])  # so that workers have the modules of these tests


@task
def hold(xs, ys, gate, ledger):
    ledger.note("hold")
    gate.wait()
    return [*xs, *map(len, ys)]


def held(executor, gate, ledger, **options):
    """Return a flow that waits for a gate when the rest of it is accepted."""

    @flow(executor=executor, block_size=1, **options)
    def holding():
        xs = small.map([1, 2, 3, 4], unmapped(ledger))
        return hold(xs, large.map([1, 2], unmapped(ledger)), gate, ledger)

    return holding


@contextmanager
def cluster_at(folder):
    """Run a scheduler and a worker meanwhile; give the scheduler's process and address."""
    with scheduler(folder) as (process, address), worker(folder, address, PYTHONPATH=ROOT):
        yield process, address


def kill_while_held(process, run, ledger):
    """Kill a scheduler when all before the gate is accepted."""
    eventually(lambda: is_holding(run, ledger), 60)
    kill_group(process)


def starts(ledger, name):
    return sorted(line for line in ledger.lines() if line.startswith(name))


def is_holding(run, ledger):
    """All before the gate is accepted."""
    return "hold" in ledger.lines() and all(
        found.state.is_successful() for found in run.task_runs if found.node != "hold"
    )


def told(run):
    """Return what the run itself went through."""
    return [
        (type(event.state), getattr(event.state, "reason", ""))
        for event in run.events()
        if event.name == run.name
    ]


def host():
    """Return the process that holds the temporary cluster of this one."""
    for pid in descendants(os.getpid()):
        if b"daskflow.executors.host" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


def test_a_temporary_cluster_is_started_anew(gate, ledger, caplog):
    """The run goes on by itself; what was accepted and kept does not run again; all is tidy."""
    run = held(DaskExecutor(workers=2), gate, ledger).submit()
    eventually(lambda: is_holding(run, ledger), 60)
    before = host()
    theirs = descendants(before)
    os.kill(before, signal.SIGKILL)
    eventually(lambda: "was lost" in caplog.text, 5)
    gate.open()
    assert run.wait(90).result() == [1, 2, 3, 4, 100_000, 100_000]
    assert starts(ledger, "small") == [f"small {x}" for x in (1, 2, 3, 4)]
    assert starts(ledger, "large") == ["large 1", "large 1", "large 2", "large 2"]
    assert ledger.lines().count("hold") == 2
    crashed = (Crashed, "scheduler lost")
    assert [kind for kind, _ in told(run)][-1] is Success
    assert told(run).count(crashed) == 1
    assert host() != before
    eventually(lambda: not any(map(is_alive, theirs)), 20)
    daskflow.shutdown()


def test_a_scheduler_comes_back_at_its_address(gate, ledger, tmp_path, caplog):
    """With other workers: the run goes on there."""
    with ExitStack() as stack:
        first, address = stack.enter_context(cluster_at(tmp_path))
        run = held(DaskExecutor(address=address), gate, ledger).submit()
        kill_while_held(first, run, ledger)
        eventually(lambda: "was lost" in caplog.text, 5)
        (tmp_path / "scheduler.json").unlink()
        port = address.rpartition(":")[2]
        _, again = stack.enter_context(scheduler(tmp_path, "--port", port))
        assert again == address
        stack.enter_context(worker(tmp_path, address, PYTHONPATH=ROOT))
        gate.open()
        assert run.wait(90).result() == [1, 2, 3, 4, 100_000, 100_000]
    assert starts(ledger, "small") == [f"small {x}" for x in (1, 2, 3, 4)]
    assert (Crashed, "scheduler lost") in told(run)


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_scheduler_that_does_not_come_back(gate, ledger, tmp_path, monkeypatch, is_kept):
    """The run is Crashed, says how it goes on, and does: what was accepted stands."""
    monkeypatch.setenv("DASKFLOW_ENGINE__SCHEDULER_TIMEOUT", "0.5")
    monkeypatch.setenv("DASKFLOW_ENGINE__CONNECT_TIMEOUT", "1")
    url = f"sqlite:///{tmp_path}/runs.db" if is_kept else "memory://"
    with ExitStack() as stack:
        first, address = stack.enter_context(cluster_at(tmp_path))
        holding = held(DaskExecutor(address=address), gate, ledger, store=url, run_name="held")
        run = holding.submit()
        kill_while_held(first, run, ledger)
        run.wait(20)
    assert (type(run.state), run.state.reason) == (Crashed, "scheduler lost"), run.state
    assert f"the scheduler at {address} was lost" in run.state.message
    assert ("`daskflow resume held`" in run.state.message) is is_kept
    assert told(run)[-1] == (Crashed, "scheduler lost")
    gate.open()
    again = holding.with_options(executor=LocalExecutor()).resume("held")
    assert again.result() == [1, 2, 3, 4, 100_000, 100_000]
    assert starts(ledger, "small") == [f"small {x}" for x in (1, 2, 3, 4)]


def test_a_run_that_waits_for_a_scheduler_can_be_cancelled(gate, ledger, tmp_path, monkeypatch):
    """It does not wait until the time is over."""
    monkeypatch.setenv("DASKFLOW_ENGINE__SCHEDULER_TIMEOUT", "600")
    monkeypatch.setenv("DASKFLOW_ENGINE__CONNECT_TIMEOUT", "1")
    with ExitStack() as stack:
        first, address = stack.enter_context(cluster_at(tmp_path))
        run = held(DaskExecutor(address=address), gate, ledger).submit()
        kill_while_held(first, run, ledger)
        run.cancel()
        run.wait(20)
    assert type(run.state).__name__ == "Cancelled"

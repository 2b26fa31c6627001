"""A worker that is stopped past every timeout, and wakes up when its work was done by others."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

from daskflow import DaskExecutor, context, flow, task, unmapped
from daskflow.states import Success
from tests.contract.processes import scheduler, worker
from tests.contract.waiting import Gate, eventually

ROOT = str(Path(__file__).parents[2])  # so that workers have the modules of these tests


@task
def hold(x, gate, ledger):
    ledger.note(f"{context.get().task_run_name} begins {os.getpid()}")
    gate.wait()
    ledger.note(f"{context.get().task_run_name} ends {os.getpid()}")
    return context.get().attempt


def test_a_worker_that_wakes_up_too_late(ledger, tmp_path):
    """Its body runs twice, as the history tells; only what the other returned is accepted."""
    gate = Gate(tmp_path / "gate", seconds=60)
    late = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "2s"}  # which Dask makes five of
    with ExitStack() as stack:
        _, address = stack.enter_context(scheduler(tmp_path, **late))
        workers = [
            stack.enter_context(worker(tmp_path, address, PYTHONPATH=ROOT)) for _ in range(3)
        ]
        given = unmapped(gate), unmapped(ledger)
        here = flow(executor=DaskExecutor(address=address), block_size=1)
        run = here(lambda: hold.map(range(3), *given)).submit()
        eventually(lambda: len(ledger.lines()) == 3, 60)
        name, _, pid = ledger.lines()[0].rsplit(" ", 2)
        (victim,) = [one for one in workers if one.pid == int(pid)]
        os.kill(victim.pid, signal.SIGSTOP)
        lost = f"{name} Pending('its worker was lost: it runs again')"
        eventually(lambda: lost in [f"{e.name} {e.state}" for e in run.record.events], 60)
        gate.open()
        run.wait(60)
        assert {type(found.state) for found in run["hold"]} == {Success}
        assert {f.name: f.result() for f in run["hold"]} == {
            f.name: 1 + (f.name == name) for f in run["hold"]
        }
        ended = f"{name} ends {pid}"
        assert ended not in ledger.lines()
        os.kill(victim.pid, signal.SIGCONT)
        eventually(lambda: ended in ledger.lines())
        eventually(lambda: victim.poll() is not None, 30)
        starts = [line.split()[0] for line in ledger.lines() if " begins " in line]
        assert {f.name: f.attempt for f in run["hold"]} == {
            f.name: starts.count(f.name) for f in run["hold"]
        }
        assert len(starts) == 4

"""Nobody waits for what is not theirs: long bodies, wide runs beside small ones, large values."""

import time

import pytest

from daskflow import DaskExecutor, LocalExecutor, flow, task, unmapped
from tests.contract.waiting import eventually

WIDE, FEW = 20_000, 10


@pytest.fixture(params=["threads", "cluster"])
def two_at_a_time(request):
    """Each executor that runs two blocks at the same time."""
    if request.param == "threads":
        return LocalExecutor(threads=2)
    return DaskExecutor(address=request.getfixturevalue("cluster").scheduler_address)


def states_of(run):
    return [type(child.state).__name__ for child in run.task_runs]


@pytest.mark.slow
@pytest.mark.parametrize("held", [0, 17, 39])
def test_one_long_body_holds_up_no_other(two_at_a_time, ledger, gate, held):
    """While one child of 40 runs on and on, all others of its block, and of its map, end."""

    def wait_at(x, held):
        if x == held:
            gate.wait()
        return x

    waiting = ledger.task(wait_at, name="wait")
    run = flow(lambda: waiting.map(range(40), held=unmapped(held)), name="held", executor=two_at_a_time).submit()
    eventually(lambda: states_of(run).count("Success") == 39)
    assert states_of(run)[held] in {"Pending", "Running"}
    gate.open()
    run.wait(30)
    assert run.result() == list(range(40))
    assert set(ledger.starts().values()) == {1}


@pytest.mark.slow
def test_a_small_run_does_not_wait_for_a_wide_one(cluster):
    """Ten task runs that begin behind 20,000 end long before those do."""

    @task
    def doze(x):
        time.sleep(0.001)  # as long as a small body takes
        return x

    executor = DaskExecutor(address=cluster.scheduler_address)
    dozing = flow(lambda xs: doze.map(xs), name="dozing", executor=executor)
    wide = dozing.submit(range(WIDE))
    t = time.monotonic()
    eventually(lambda: "Success" in states_of(wide))
    print("first", time.monotonic() - t)
    t = time.monotonic()
    assert len(dozing.run(range(FEW)).result()) == FEW
    print("small", time.monotonic() - t)
    assert not wide.state.is_finished()
    assert states_of(wide).count("Success") < WIDE / 2
    wide.wait(60)
    print("wide", time.monotonic() - t)
    assert wide.state.is_successful()

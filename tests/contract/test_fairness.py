"""Nobody waits for what is not theirs: long bodies, wide runs beside small ones, large values."""

import time

import dask
import pytest
from distributed import Client, LocalCluster

from daskflow import DaskExecutor, LocalExecutor, flow, task, unmapped
from daskflow.executors import tracker
from tests.contract.waiting import eventually

pytestmark = pytest.mark.outside

WIDE, MANY, FEW = 20_000, 2_000, 10


@pytest.fixture(params=["threads", "cluster"])
def two_at_a_time(request):
    """Each executor that runs two blocks at the same time."""
    if request.param == "threads":
        return LocalExecutor(threads=2)
    return DaskExecutor(address=request.getfixturevalue("cluster").scheduler_address)


def states_of(run):
    return [type(child.state).__name__ for child in run.task_runs]


def held_up(executor, ledger, gate, held, width=40, **options):
    """Begin a map of 40 children of which one waits at a gate; return its run."""

    def wait_at(x, held):
        if x == held:
            gate.wait()
        return x

    waiting = ledger.task(wait_at, name="wait")
    made = flow(
        lambda: waiting.map(range(width), held=unmapped(held)),
        name="held",
        executor=executor,
        **options,
    )
    return made.submit()


@pytest.mark.slow
def test_one_long_body_holds_up_no_other(two_at_a_time, ledger, gate):
    """While one child of 40 runs on and on, all others of its block and of its map succeed."""
    run = held_up(two_at_a_time, ledger, gate, held=0)
    eventually(lambda: states_of(run).count("Success") == 39)
    assert states_of(run)[0] == "Running"
    gate.open()
    run.wait(30)
    assert run.result() == list(range(40))
    assert set(ledger.starts().values()) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("held", [17, 39])
def test_what_stands_behind_a_long_body_is_begun_elsewhere(two_at_a_time, ledger, gate, held):
    """Wherever the long one is in its block, all others end meanwhile, and that is told."""
    run = held_up(two_at_a_time, ledger, gate, held)
    eventually(lambda: len(ledger.starts()) == 40)
    eventually(lambda: states_of(run).count("Success") == 39)
    assert states_of(run)[held] == "Running"
    assert not run.state.is_finished()
    gate.open()
    run.wait(30)
    assert run.result() == list(range(40))
    assert set(ledger.starts().values()) == {1}


@pytest.mark.slow
@pytest.mark.parametrize(("saturation", "size"), [(10.0, None), (1.1, 1), (1.1, None)])
def test_what_a_worker_was_sent_does_not_wait_behind_a_long_body(
    monkeypatch, ledger, gate, saturation, size
):
    """Where workers are sent much at a time, whole blocks would wait behind it.

    And what comes when it is known to be long moves at once, before somebody looks.
    """
    monkeypatch.setattr(tracker, "_UNLOAD_SECONDS", 3600.0)
    monkeypatch.setattr(tracker, "_LOOK_SECONDS", 3600.0)
    words = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    chosen = dask.config.set({"distributed.scheduler.worker-saturation": saturation})
    with chosen, LocalCluster(**words) as cluster, Client(cluster):
        # by itself Dask moves them too, some seconds later
        cluster.scheduler.periodic_callbacks["stealing"].stop()
        words = {"width": MANY, "block_size": size}
        held_up(DaskExecutor(), ledger, gate, None, **words).wait(30)  # Dask learns: they are short
        run = held_up(DaskExecutor(), ledger, gate, int(0.4567 * MANY), **words)
        eventually(lambda: len(ledger.lines()) == 2 * MANY)
        assert not run.state.is_finished()
        gate.open()
        run.wait(30)
        assert run.result() == list(range(MANY))
    assert len(ledger.lines()) == 2 * MANY


@pytest.mark.slow
def test_a_small_run_does_not_wait_for_a_wide_one(cluster):
    """Ten task runs that begin behind 20,000 end while those still run."""

    @task
    def doze(x):
        time.sleep(0.001)  # as long as a small body takes
        return x

    executor = DaskExecutor(address=cluster.scheduler_address)
    dozing = flow(lambda xs: doze.map(xs), name="dozing", executor=executor)
    wide = dozing.submit(range(WIDE))
    eventually(lambda: "Success" in states_of(wide))
    assert dozing(range(FEW)) == list(range(FEW))
    assert not wide.state.is_finished()
    wide.wait(60)
    assert wide.state.is_successful()


def bulky(x):
    """Return what is not small, so that a few fill a block of a small budget."""
    return bytes([x % 256]) * 10_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kept", "blocks"), [(0, [200]), (25_000, range(67, 200)), (64 << 20, [8])]
)
def test_a_block_that_is_full_ends_early_and_nothing_else_changes(
    two_at_a_time, ledger, monkeypatch, kept, blocks
):
    """Its rest runs in other blocks: the same values and states, each body called once."""
    monkeypatch.setenv("DASKFLOW_ENGINE__BLOCK_BYTES", str(kept))
    monkeypatch.setenv("DASKFLOW_ENGINE__BLOCK_SECONDS", "600")  # that is not what ends it
    making, adding = ledger.task(bulky), ledger.task(lambda xs: sum(map(len, xs)), name="add")
    run = flow(lambda: adding(making.map(range(200))), name="full", executor=two_at_a_time).run()
    assert run.result() == 200 * 10_000
    assert set(states_of(run)) == {"Success"}
    assert set(ledger.starts().values()) == {1}
    assert len({*run.record.nodes["bulky"].blocks}) in blocks

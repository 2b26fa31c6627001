"""Runs on a Dask cluster: which one, what of a run is where, and that nothing of it stays."""

import gc
import os
import signal
import socket
import time

import pytest
from distributed import Client, LocalCluster

from daskflow import DaskExecutor, ExecutorError, LocalExecutor, flow, task, unmapped
from daskflow.executors import session
from daskflow.executors.choice import choose_executor
from daskflow.executors.tracker import Tracker
from daskflow.settings import Settings
from tests.contract.blocks import Opened
from tests.contract.processes import scheduler, script, worker
from tests.contract.waiting import eventually
from tests.semantics.ledger import Ledger

LARGE = 50_000_000  # bytes

pytestmark = pytest.mark.filterwarnings("ignore:Sending large graph:UserWarning")


@task
def inc(x):
    return x + 1


@task
def total(xs):
    return sum(xs)


@task
def make(size):
    return bytes(size)


@task
def length(data):
    return len(data)


class Cargo:
    """A value too large to ride with a state, which writes down where it is unpickled."""

    def __init__(self, ledger):
        self.ledger = ledger
        self.weight = bytes(100_000)

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.ledger.note(os.getpid())


@task
def load(path):
    return Cargo(Ledger(path))


@task
def weigh(cargo):
    return len(cargo.weight)


@pytest.fixture(params=["near", "cluster"])
def some_cluster(request):
    """A cluster within this process, and one of two worker processes."""
    return request.getfixturevalue("near_cluster" if request.param == "near" else "cluster")


@pytest.fixture
def executor(some_cluster):
    return DaskExecutor(address=some_cluster.scheduler_address)


def traces(cluster, run_id):
    """Return all that a scheduler knows of a run."""
    there = cluster.scheduler
    tracker = there.plugins[Tracker.name]
    found = [key for key in list(there.tasks) if run_id in str(key)]
    found += [name for name in list(there.clients) if name.startswith(f"daskflow-{run_id}")]
    return found + [name for name in list(tracker.runs) if run_id in name]


def test_nothing_of_a_run_stays_on_the_scheduler(some_cluster, executor):
    """Once nobody has the run any more, neither tasks nor holders nor its spec are there."""

    @flow(executor=executor)
    def sums(xs):
        return total(inc.map(xs))

    run = sums.run(list(range(20)))
    run_id = run.id
    assert run.result() == 210
    assert traces(some_cluster, run_id)
    del run

    def is_gone():
        """Nothing of it is there; threads that had it in hand may be the last to let it go."""
        gc.collect()
        return not traces(some_cluster, run_id)

    eventually(is_gone)


def test_graphs_of_others_are_left_alone(some_cluster, executor, caplog):
    """Whatever their keys look like: the tracker does not take them apart, so it logs nothing."""
    assert flow(lambda: inc(1), executor=executor)() == 2
    with Client(some_cluster) as client:
        value = client.get({"x": (inc.fn, 1), ("y", 0): (inc.fn, "x"), 7: (inc.fn, ("y", 0))}, 7)
    assert value == 4
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_released_blocks_leave_the_scheduler(some_cluster, executor):
    """Ends and inner ones, though later plans were built on them and they were fetched."""
    one = Opened.on(executor)
    one.submit({1: (), 2: (1,)})
    one.submit({3: (1, 2), 4: (3,)})
    one.hear(4)
    one.fetch(1, 2, 3, 4)
    assert traces(some_cluster, one.run_id)
    one.release(1, 2, 3, 4)
    eventually(lambda: not [key for key in traces(some_cluster, one.run_id) if type(key) is tuple])
    one.session.close()
    eventually(lambda: not traces(some_cluster, one.run_id))


def test_nothing_stays_of_a_driver_that_was_killed(cluster, tmp_path):
    """Neither of the run that it had ended nor of the one in which it was; the cluster goes on."""
    text = f"""
import os, signal
from daskflow import DaskExecutor, flow, task, unmapped

@task
def inc(x):
    return x + 1

@task
def die(x, driver):
    os.kill(driver, signal.SIGKILL)

@flow(executor=DaskExecutor(address={cluster.scheduler_address!r}))
def fine(xs):
    return inc.map(inc.map(xs))

@flow(executor=DaskExecutor(address={cluster.scheduler_address!r}))
def deadly(xs, driver):
    return die.map(inc.map(xs), driver=unmapped(driver))

run = fine.run([1, 2, 3])
deadly.run([1], os.getpid())
"""
    before = set(cluster.scheduler.clients)
    process = script(tmp_path, text, wait=False)
    assert process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    tracker = cluster.scheduler.plugins[Tracker.name]

    def gone():
        """The scheduler has forgotten the client, its mailbox and both runs."""
        clients = set(cluster.scheduler.clients) | set(tracker.mailboxes)
        runs = [run for run in tracker.runs.values() if run.client not in before]
        return not clients - before and not runs

    eventually(gone)

    @flow(executor=DaskExecutor(address=cluster.scheduler_address))
    def after():
        return inc(1)

    assert after() == 2


@pytest.mark.slow
@pytest.mark.alone
def test_independent_tasks_run_at_a_time_from_the_first_run_on():
    """Four tasks of two seconds on four workers: each on its own, and at a moment all of them."""

    @task
    def nap():
        time.sleep(2.0)  # the work, whose overlap is measured

    @flow
    def naps():
        return [nap() for _ in range(4)]

    with (
        LocalCluster(
            n_workers=4,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
        ) as cluster,
        Client(cluster),
    ):
        before = time.perf_counter()
        run = naps.run()
        took = time.perf_counter() - before
    assert run.state.is_successful()
    assert len({found.worker for found in run.task_runs}) == 4
    assert max(found.started for found in run.task_runs) < min(
        found.ended for found in run.task_runs
    )
    assert took < 6.0  # one behind the other they take eight


def test_values_stay_off_the_driver_until_asked_for(cluster, tmp_path):
    """Neither while a run goes on nor for its result does a value come that nobody reads."""
    ledger = Ledger(tmp_path / "unpickled")

    @flow(executor=DaskExecutor(address=cluster.scheduler_address))
    def weights(path):
        cargo = load.map([path, path, path])
        return {"cargo": cargo, "weights": weigh.map(cargo)}

    run = weights.run(str(tmp_path / "unpickled"))
    assert [found.result() for found in run[weigh]] == [100_000] * 3
    assert str(os.getpid()) not in ledger.lines()
    assert run[load][1].result().weight == bytes(100_000)
    assert str(os.getpid()) in ledger.lines()


def test_large_values_can_be_read_after_the_run(executor):
    """50 MB returned by a task, and by each of two children, after `run` has returned."""

    @flow(executor=executor)
    def heaps(size):
        return make(size), make.map([size, 10, size])

    run = heaps.run(LARGE)
    one, several = run.result()
    assert one == bytes(LARGE)
    assert [len(data) for data in several] == [LARGE, 10, LARGE]
    assert run["make-2"][2].result() == bytes(LARGE)


def test_large_arrays_can_be_read_after_the_run(executor):
    """50 MB of numpy's, whose buffers travel apart from the pickle."""
    numpy = pytest.importorskip("numpy")

    @task
    def ramp(n):
        return numpy.arange(n, dtype="float64")

    @flow(executor=executor)
    def ramps(n):
        return ramp.map([n, 3])

    run = ramps.run(LARGE // 8)
    first, second = run.result()
    assert (first == numpy.arange(LARGE // 8)).all()
    assert second.tolist() == [0.0, 1.0, 2.0]


def test_a_large_parameter_and_a_large_constant(executor):
    """50 MB each: as an argument, passed whole to every child, and mapped over."""
    constant = [bytes([n]) * (LARGE // 10) for n in range(10)]

    @task
    def look(item, whole):
        return item[0], len(item), len(whole)

    @flow(executor=executor)
    def looks(data):
        return length(data), look.map(constant, whole=unmapped(data)), length.map(data)

    run = looks.run([bytes(LARGE // 2), bytes(LARGE // 2)])
    whole, each, parts = run.result()
    assert whole == 2
    assert each == [(n, LARGE // 10, 2) for n in range(10)]
    assert parts == [LARGE // 2, LARGE // 2]


def test_the_active_client_is_used(cluster, monkeypatch):
    """A flow that names no executor runs where the active `distributed.Client` is."""
    monkeypatch.delenv("DASKFLOW_EXECUTOR", raising=False)

    @task
    def here():
        return os.getpid()

    @flow
    def where():
        return here()

    with Client(cluster) as client:
        pids = client.run(os.getpid)
        run = where.run()
        assert run.result() in pids.values()
        assert run[here].worker in pids


def test_the_setting_names_the_executor(near_cluster, monkeypatch):
    """``DASKFLOW_EXECUTOR``: local, threads, dask, an address; anything else is refused."""

    def chosen(name):
        monkeypatch.setenv("DASKFLOW_EXECUTOR", name)
        return choose_executor(Settings())

    assert isinstance(chosen("local"), LocalExecutor)
    assert chosen("local").threads is None
    assert chosen("threads").threads >= 1
    assert repr(chosen("dask")) == "DaskExecutor()"
    address = near_cluster.scheduler_address
    assert chosen(address).address == address

    @flow
    def one():
        return inc(0)

    assert one() == 1
    with pytest.raises(ExecutorError, match="no executor is called 'spark'"):
        chosen("spark")


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    """The error comes within the connect timeout, names the address and says what to look at."""
    monkeypatch.setenv("DASKFLOW_ENGINE__CONNECT_TIMEOUT", "0.5")

    @flow(executor=DaskExecutor(address="tcp://127.0.0.1:9"))
    def nowhere():
        return inc(0)

    before = time.monotonic()
    with pytest.raises(ExecutorError, match=r"tcp://127\.0\.0\.1:9.*is it running") as caught:
        nowhere()
    assert time.monotonic() - before < 5.0
    assert "0.5 s" in str(caught.value)


@pytest.mark.slow
def test_what_answers_but_is_no_scheduler_is_named(monkeypatch):
    """Something takes the connection and stays silent: the error does not come much later."""
    monkeypatch.setenv("DASKFLOW_ENGINE__CONNECT_TIMEOUT", "0.5")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"

        @flow(executor=DaskExecutor(address=address))
        def nowhere():
            return inc(0)

        before = time.monotonic()
        with pytest.raises(ExecutorError, match=f"no Dask scheduler answers at '{address}'"):
            nowhere()
    assert time.monotonic() - before < 10.0


def test_an_address_that_is_none_is_named():
    """What cannot be an address at all is refused with the same words."""

    @flow(executor=DaskExecutor(address="nonsense://here"))
    def nowhere():
        return inc(0)

    with pytest.raises(ExecutorError, match="nonsense://here"):
        nowhere()


BLOCKED = {"DASK_DISTRIBUTED__SCHEDULER__BLOCKED_HANDLERS": '["register_scheduler_plugin"]'}


@pytest.mark.parametrize("how", [BLOCKED, {"knows_daskflow": False}], ids=["blocked", "unknown"])
def test_a_scheduler_that_refuses_the_tracker(tmp_path, how):
    """The error names the scheduler and both cures."""
    with scheduler(tmp_path, **how) as (_, address):

        @flow(executor=DaskExecutor(address=address))
        def refused():
            return inc(0)

        with pytest.raises(ExecutorError, match=address) as caught:
            refused()
    assert "install the same daskflow" in str(caught.value)
    assert "--preload daskflow.executors.tracker" in str(caught.value)


LOOSE = """
from pathlib import Path
from beside import Pair, swap
from daskflow import DaskExecutor, flow, task

@task
def turn(pair: Pair) -> Pair:
    return swap(pair)

@flow
def turns(pairs):
    return turn.map(turn.map(pairs))

executor = DaskExecutor(address=Path("address").read_text())
print(turns.with_options(executor=executor)([Pair(1, 2), Pair(3, 4)]))
"""
BESIDE = """
from dataclasses import dataclass

@dataclass
class Pair:
    left: int
    right: int

def swap(pair):
    return Pair(pair.right, pair.left)
"""


@pytest.mark.slow
def test_a_loose_file_runs_on_workers_that_never_saw_its_folder(tmp_path):
    """With the module beside it, on a scheduler that lets no plugin in but has the tracker."""
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir()
    away.mkdir()
    (home / "beside.py").write_text(BESIDE, encoding="utf-8")
    preloaded = ("--preload", "daskflow.executors.tracker")
    with scheduler(away, *preloaded, **BLOCKED) as (_, address), worker(away, address):
        (home / "address").write_text(address, encoding="utf-8")
        printed, complaints = script(home, LOOSE)
    assert printed == "[Pair(left=1, right=2), Pair(left=3, right=4)]\n"
    assert complaints == ""


def test_a_scheduler_that_hands_out_slowly_is_hinted_at(cluster, monkeypatch, caplog):
    """Once, and only where it costs much; nothing is changed there."""
    monkeypatch.setattr(session, "_MANY", 20)
    caplog.set_level("INFO", "daskflow")
    made = flow(lambda xs: inc.map(xs), name="made", block_size=1)
    with Client(cluster.scheduler_address):
        made.run(range(5))
        assert "worker-saturation" not in caplog.text
        for _ in range(2):
            made.run(range(30))
    assert caplog.text.count("distributed.scheduler.worker-saturation: 10") == 1

"""The ways to say which cluster, and what becomes of it: whose it is, how long it is there."""

import gc
import logging
from pathlib import Path
from urllib.request import urlopen

import pytest
from distributed import LocalCluster

from daskflow import DaskExecutor, ExecutorError, flow, shutdown, task
from daskflow.executors import owned
from daskflow.states import Pending
from tests.contract.blocks import Opened
from tests.contract.processes import scheduler, worker
from tests.contract.waiting import eventually

WORDS = {"processes": False, "n_workers": 1, "threads_per_worker": 2}


@task
def make(size):
    return bytes(size)


@task
def broken(x):
    raise ValueError("on purpose")


@flow
def heaps(sizes):
    return make.map(sizes)


@flow
def breaks():
    return broken(1)


def warned(caplog):
    """Return what daskflow has warned of."""
    return [record.getMessage() for record in caplog.records if record.name == "daskflow"]


def cluster_of(executor):
    """Return the cluster that an executor has made."""
    return owned._clusters[executor]


def test_a_given_cluster_stays_as_it_is(cluster):
    """Used by two executors, and still there when they and all that is ours are gone."""
    before = dict(cluster.scheduler_info["workers"])
    executor = DaskExecutor(cluster=cluster)
    run = heaps.with_options(executor=executor).run([10_000, 3])
    assert [len(value) for value in run.result()] == [10_000, 3]
    assert heaps.with_options(executor=DaskExecutor(cluster=cluster))([1]) == [bytes(1)]
    assert {found.worker for found in run.task_runs} <= set(before)
    del executor, run
    gc.collect()
    shutdown()
    assert cluster.status.name == "running"
    assert dict(cluster.scheduler_info["workers"]).keys() == before.keys()
    assert getattr(cluster, "_adaptive", None) is None


def test_a_cluster_of_a_class_belongs_to_its_executor():
    """Its runs share it, what they hold can be read later, `shutdown` ends it; it comes back."""
    executor = DaskExecutor(cluster_class=LocalCluster, cluster_kwargs=WORDS)
    ours = heaps.with_options(executor=executor)
    first, second = ours.run([100_000]), ours.run([10])
    made = cluster_of(executor)
    assert first.link.removesuffix(first.id) == second.link.removesuffix(second.id)
    with urlopen(first.link) as page:
        assert page.status == 200
    assert first.result() == [bytes(100_000)]
    assert first._session.threads == 2
    shutdown()
    assert made.status.name == "closed"
    assert ours([5]) == [bytes(5)]
    assert cluster_of(executor) is not made
    shutdown()


@pytest.mark.slow
def test_a_cluster_that_starts_without_workers_grows(caplog):
    """Nobody complains; wider blocks are cut when workers are there; what is held stays there."""
    words = {"processes": False, "threads_per_worker": 1}
    adapt = {"minimum": 0, "maximum": 2, "interval": "50ms", "wait_count": 1}
    executor = DaskExecutor(
        cluster_class="distributed.LocalCluster", cluster_kwargs=words, adapt_kwargs=adapt
    )
    ours = heaps.with_options(executor=executor)
    assert Opened.on(executor).session.threads == 4
    assert cluster_of(executor).scheduler.workers == {}
    run = ours.run([100_000] * 8)
    told = [event for event in run.events() if isinstance(event.state, Pending)]
    assert (told, warned(caplog)) == ([], [])
    assert 1 <= run._session.threads <= 2
    workers = cluster_of(executor).scheduler.workers
    eventually(lambda: len(workers) == 1)  # the last one keeps what is held
    assert run.result() == [bytes(100_000)] * 8
    del run
    gc.collect()
    eventually(lambda: not workers)
    assert ours([3]) == [bytes(3)]
    shutdown()


def test_without_any_worker_it_is_told_once(caplog):
    """For all that waits: tasks, and a large literal. With the first worker the run goes on."""

    @task
    def size(data, more):
        return len(data) + len(more)

    @flow
    def sizes(data):
        return size.named("one")(data, []), size.named("two")(data, [1])

    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as given,
        caplog.at_level(logging.WARNING, "daskflow"),
    ):
        executor = DaskExecutor(cluster=given)
        run = sizes.with_options(executor=executor).submit(bytes(200_000))
        (event,) = [next(e for e in run.events() if isinstance(e.state, Pending))]
        assert event.name in {"one", "two"}
        assert event.state.message == "the cluster has no workers"
        given.scale(1)
        assert run.wait(20).result() == (200_000, 200_001)
        assert len([e for e in run.events() if isinstance(e.state, Pending)]) == 1
    assert warned(caplog) == [f"{event.name} waits: the cluster has no workers"]


def client_of(executor):
    return Opened.on(executor).session._hub.client


def test_clients_with_other_words_are_not_mixed_up(near_cluster):
    """One client for each place and words, whoever asks; one that is closed is opened again."""
    address = near_cluster.scheduler_address
    plain, again = client_of(DaskExecutor(address)), client_of(DaskExecutor(address))
    one, same = (client_of(DaskExecutor(address, client_kwargs={"name": "one"})) for _ in "ab")
    other = client_of(DaskExecutor(address, client_kwargs={"name": "other"}))
    assert (plain is again, one is same) == (True, True)
    assert len({plain.id, one.id, other.id}) == 3
    assert ("-one-" in one.id, "-other-" in other.id) == (True, True)
    one.close()
    assert client_of(DaskExecutor(address, client_kwargs={"name": "one"})).status == "running"
    assert (plain.status, other.status) == ("running", "running")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"nonsense": 1}, "cannot be made with timeout=, nonsense=: .*nonsense"),
        ({"timeout": "soon"}, "timeout='soon' is no time: say seconds, or '10s'"),
    ],
)
def test_words_that_a_client_does_not_know(near_cluster, words, told):
    """The message names the scheduler and the words."""
    executor = DaskExecutor(near_cluster.scheduler_address, client_kwargs=words)
    with pytest.raises(ExecutorError, match=told):
        heaps.with_options(executor=executor).run([1])


def test_a_timeout_of_ones_own():
    """It counts for this client instead of the setting."""
    executor = DaskExecutor("tcp://127.0.0.1:9", client_kwargs={"timeout": "300ms"})
    with pytest.raises(ExecutorError, match=r"tcp://127\.0\.0\.1:9' within 0\.3 s"):
        heaps.with_options(executor=executor).run([1])


def test_each_run_has_a_performance_report(tmp_path):
    """It is there when `run` returns, whatever became of the run, in a folder that was not.

    The scheduler has a process of its own: Dask's dashboards disturb each other in one.
    """
    path = tmp_path / "reports" / "{run_id}.html"
    with (
        scheduler(tmp_path, has_dashboard=True) as (_, address),
        worker(tmp_path, address, PYTHONPATH=str(Path.cwd())),
    ):
        executor = DaskExecutor(address=address, performance_report_path=path)
        for one in (
            heaps.with_options(executor=executor).run([1]),
            breaks.with_options(executor=executor).run(),
        ):
            page = (tmp_path / "reports" / f"{one.id}.html").read_text(encoding="utf-8")
            assert f"flow run {one.id} of daskflow" in page
            assert "Task Stream" in page
    assert one.state.is_failed()


def test_a_report_that_cannot_begin(near_cluster, monkeypatch, tmp_path):
    """A scheduler that lets nobody run functions on it says so before anything runs."""
    monkeypatch.delitem(near_cluster.scheduler.handlers, "run_function")
    executor = DaskExecutor(cluster=near_cluster, performance_report_path=tmp_path / "a.html")
    with pytest.raises(ExecutorError, match=r"does not begin .* leave out perf"):
        heaps.with_options(executor=executor).run([1])


def test_a_report_that_cannot_be_written_fails_no_run(near_cluster, tmp_path, caplog):
    """The log says which, and why."""
    (tmp_path / "file").touch()
    path = str(tmp_path / "file" / "report.html")
    executor = DaskExecutor(cluster=near_cluster, performance_report_path=path)
    with caplog.at_level(logging.WARNING, "daskflow"):
        assert heaps.with_options(executor=executor)([2]) == [bytes(2)]
    (told,) = warned(caplog)
    assert told.startswith(f"the performance report {path} was not written: ")

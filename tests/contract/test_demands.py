"""What tasks ask of their worker: who runs them, when, and what is told while nobody can."""

import logging

import pytest
from distributed import LocalCluster

from daskflow import DaskExecutor, LocalExecutor, flow, task, unmapped
from daskflow.demands import Demand
from daskflow.events import Complaint
from daskflow.executors.local import LocalSession
from daskflow.states import Pending, Success
from tests.contract.blocks import Opened
from tests.contract.processes import scheduler, worker
from tests.contract.waiting import eventually


@task
def load(n):
    return n


@task
def total(xs):
    return sum(xs)


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    """A scheduler and two workers, processes of their own: 'plain', and 'disk' that has DISK=2."""
    folder = tmp_path_factory.mktemp("apart")
    with (
        scheduler(folder) as (_, address),
        worker(folder, address, "--name", "plain"),
        worker(folder, address, "--name", "disk", "--resources", "DISK=2"),
    ):
        executor = DaskExecutor(address=address)
        eventually(lambda: len(workers_of(executor)) == 2, 30.0)
        yield executor


def workers_of(executor):
    """Return the addresses of an executor's workers by their names."""
    client = Opened.on(executor).session._hub.client
    found = client.scheduler_info(n_workers=-1)["workers"]
    return {info["name"]: address for address, info in found.items()}


def ran_on(run, node):
    """Return where the task runs of a node ran."""
    return {found.worker for found in run.task_runs if found.node == node}


def told(run):
    """Return what was told of tasks that nobody can run."""
    return [
        (event.name, event.state.message) for event in run.events() if type(event.state) is Pending
    ]


def test_task_runs_go_where_their_demand_is_met(apart, block_size, tmp_path):
    """Mapped over a late width, at a retry, in a reduce; those without a demand go anywhere."""

    @task(resources={"DISK": 1}, retries=1, retry_delay_seconds=0)
    def scan(n, marks):
        mark = marks / str(n)
        if n % 2 and not mark.exists():
            mark.touch()
            raise OSError("busy")
        return n

    @task(workers=["disk", "nobody"], priority=3)
    def join(xs, data):
        return sum(xs) + len(data)

    @task
    def widths(n):
        return list(range(n))

    @flow(executor=apart, block_size=block_size)
    def case(n, data):
        scanned = scan.map(load.map(widths(n)), marks=unmapped(tmp_path))
        return join(scanned, data)

    run = case.run(12, bytes(100_000))
    assert run.result() == 66 + 100_000
    disk = workers_of(apart)["disk"]
    assert ran_on(run, "scan") == ran_on(run, "join") == {disk}
    assert {found.attempt for found in run.task_runs if found.node == "scan"} == {1, 2}
    assert told(run) == []


@pytest.mark.slow
def test_what_nobody_can_run_is_told_and_goes_on_when_somebody_comes(apart, tmp_path, caplog):
    """Within seconds, once for each task; the rest of the run goes on meanwhile."""

    @task(resources={"GPU": 1})
    def train(n):
        return n

    @task(workers="late")
    def publish(xs):
        return sum(xs)

    @task(workers="late")
    def check(n):
        return n

    @flow(executor=apart)
    def case(xs):
        return publish(train.map(load.map(xs))), check.map(xs), total(load.map(xs))

    with caplog.at_level(logging.WARNING, "daskflow"):
        run = case.submit(list(range(40)))
        unhappy = (event for event in run.events() if type(event.state) is Pending)
        first = {event.name: event for event in (next(unhappy), next(unhappy))}
        assert first["train"].state.message == (
            "no worker has resources GPU=1; 1 worker has DISK=2; 1 worker has none"
        )
        assert first["check"].state.message.startswith(
            "no worker is named 'late'; there are 'disk'"
        )
        assert all(event.at - run.started_at < 8.0 for event in first.values())
        eventually(lambda: isinstance(run["total"].state, Success))
        assert isinstance(run["train"][0].state, Pending)
        place = apart.address, "--name", "late", "--resources", "GPU=1"
        with worker(tmp_path, *place):
            assert run.wait(30).result() == (780, list(range(40)), 780)
            late = {workers_of(apart)["late"]}
        assert ran_on(run, "train") == ran_on(run, "publish") == ran_on(run, "check") == late
    assert len(told(run)) == 2
    warned = [one.getMessage() for one in caplog.records if one.name == "daskflow"]
    assert sorted(line.partition(":")[0] for line in warned) == ["check waits", "train waits"]


@pytest.mark.slow
def test_a_name_may_move_to_another_worker(apart, tmp_path, gate):
    """What asks for it runs on the one that has it now."""

    @task(workers="roving")
    def where(n):
        from distributed import get_worker

        return get_worker().address

    @task
    def held(_, n):
        gate.wait()
        return n

    @flow(executor=apart)
    def case():
        first = where(1)
        return first, where.named("second")(held(first, 2))

    place = apart.address, "--name", "roving"
    with worker(tmp_path, *place):
        run = case.submit()
        eventually(lambda: isinstance(run["where"].state, Success))
    eventually(lambda: "roving" not in workers_of(apart))
    with worker(tmp_path, *place):
        eventually(lambda: "roving" in workers_of(apart))
        there = workers_of(apart)["roving"]
        gate.open()
        assert run.wait(30).result()[1] == there


def test_names_that_are_numbers():
    """Dask counts the workers of a local cluster; the one that is asked for may come later."""

    @task(workers="0")
    def first(n):
        return n

    @task(workers="1")
    def second(n):
        return n

    @flow
    def case(xs):
        return first.map(xs), second.map(xs)

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0"
    ) as cluster:
        executor = DaskExecutor(cluster=cluster)
        run = case.with_options(executor=executor).submit([1, 2, 3])
        eventually(lambda: len(run["first"]) == 3)
        eventually(lambda: isinstance(run["first"][2].state, Success))
        assert isinstance(run["second"][0].state, Pending)
        cluster.scale(2)
        assert run.wait(20).result() == ([1, 2, 3], [1, 2, 3])
        workers = workers_of(executor)
        assert (ran_on(run, "first"), ran_on(run, "second")) == ({workers[0]}, {workers[1]})


def test_higher_priorities_go_first(ledger, gate):
    """Of one priority an urgent pass goes first; one of a higher priority before both."""
    words = {"processes": False, "n_workers": 1, "threads_per_worker": 1}
    executor = DaskExecutor(cluster_class="distributed.LocalCluster", cluster_kwargs=words)
    one = Opened.on(executor)
    one.submit({1: ()}, lambda _: gate.wait())
    one.submit(dict.fromkeys(range(11, 17), ()), ledger.note)
    one.submit(dict.fromkeys(range(21, 25), ()), ledger.note, urgent=True)
    one.submit(dict.fromkeys(range(31, 35), ()), ledger.note, demand=Demand(priority=1))
    one.submit(
        dict.fromkeys(range(41, 45), ()), ledger.note, urgent=True, demand=Demand(priority=1)
    )
    eventually(lambda: one.has_taken(44))
    gate.open()
    one.hear(19)
    one.session.close()
    started = [line[0] for line in ledger.lines()]
    at_hand = started.index("4")  # what the worker had before the others came
    assert started[:at_hand] in ([], ["1"])
    assert started[at_hand:] == sorted(started[at_hand:], reverse=True)


def test_nobody_complains_of_what_runs(begin):
    """On no executor; those in this process run whatever is demanded."""
    one = begin()
    demand = Demand(priority=2)
    if isinstance(one.session, LocalSession):
        demand = Demand((("GPU", 8),), 2, ("nobody",))
    one.submit({1: (), 2: (1,)}, demand=demand)
    one.hear(2)
    assert one.session.complaints() == []
    one.session.finish()
    assert one.fetch(2)[0][0] == 2


class Complaining(LocalSession):
    """A session that has something to complain of, once."""

    numbers = (1, 99)

    def complaints(self):
        """Complain of the first block, and of one that has reported or never was."""
        numbers, self.numbers = self.numbers, ()
        return [Complaint(self._run_id, number, f"not {number}") for number in numbers]


def test_a_complaint_that_comes_too_late_is_not_told(gate, caplog):
    """Only of a block that is still awaited; the record of the task run stays as it is."""

    class Executor(LocalExecutor):
        def open(self, run_id, spec, pack):
            return Complaining(run_id, spec, self.threads)

    @task
    def held(n):
        gate.wait()
        return n

    @flow(executor=Executor(threads=2))
    def case():
        return held(1)

    with caplog.at_level(logging.WARNING, "daskflow"):
        run = case.submit()
        event = next(event for event in run.events() if type(event.state) is Pending)
        gate.open()
        assert run.wait(10).result() == 1
    assert (event.name, event.state.message) == ("held", "not 1")
    assert told(run) == [("held", "not 1")]
    assert run["held"].state.is_successful()
    assert [one.getMessage() for one in caplog.records] == ["held waits: not 1"]

"""A run watched through its store: what is new is read, until there is nothing more to see."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from daskflow import LocalExecutor, MemoryStore, Pause, Skip, context, flow, task
from daskflow.entries import RunMoved
from daskflow.errors import StoreBusyError, UnknownRunError
from daskflow.history import watching
from daskflow.history.watching import WatchedRun
from daskflow.states import Cancelled, Crashed, Failed, Paused, Pending, Running, Success
from daskflow.stores.history import Holder, RunRow
from tests.contract.waiting import eventually

GATE = threading.Event()


@task
def load(n: int) -> int:
    if n == 1:
        raise Skip("not one")
    return n


@task
def gated(values: list[int]) -> int:
    assert GATE.wait(30)
    return len(values)


@task
def ask(n: int) -> int:
    if not context.resumed:
        raise Pause("sure?")
    return n


@flow(executor=LocalExecutor(threads=2), name="etl", block_size=1, run_name="night")
def etl(numbers: list[int]):
    return gated(load.map(numbers))


@pytest.fixture
def store():
    GATE.clear()
    return MemoryStore()


def counts(run):
    return [(node.node, node.total, dict(node.counts)) for node in run.progress()]


def look(watched):
    watched.look()
    return watched


def row(state, **fields):
    return RunRow("1" * 32, "owl", "etl", state, **{"created": 1.0, **fields})


def test_what_is_new_is_read_and_only_that(store):
    """Behind the last entry that was read; in the end all is as it is for whoever drives it."""
    asked = []

    class Counting:
        def __getattr__(self, name):
            return getattr(store, name)

        def entries(self, run_id, behind, **more):
            found = store.entries(run_id, behind, **more)
            asked.append((behind, len(found)))
            return found

    live = etl.with_options(store=store).submit(numbers=[0, 1, 2])
    eventually(lambda: counts(live)[0][2] == {"Success": 2, "Skipped": 1})
    watched = WatchedRun(Counting(), "night")
    eventually(lambda: counts(look(watched)) == counts(live))
    assert (type(watched.state), watched.is_over, watched.ended_at) == (Running, False, None)
    before = len(asked)
    watched.look()
    assert [number for _, number in asked[before:]] == [0]
    GATE.set()
    live.wait()
    watched.wait()
    assert (type(watched.state), watched.is_over) == (Success, True)
    assert counts(watched) == counts(live)
    assert [event.name for event in watched.record.events] == ["night", "load[1]", "night"]
    behind = [behind for behind, _ in asked]
    assert behind == sorted(behind)
    assert sum(number for _, number in asked) == behind[-1] == watched.row.version


def test_events_come_as_they_happen(store):
    """Those that were there first of all; the last one is the end."""
    live = etl.with_options(store=store).submit(numbers=[0, 1])
    eventually(lambda: any(type(e.state).__name__ == "Skipped" for e in live.record.events))
    watched = WatchedRun(store, "last")
    events = watched.events()
    assert type(next(events).state) is Running
    assert next(events).name == "load[1]"
    GATE.set()
    assert [type(event.state) for event in events] == [Success]


def test_a_run_that_waits_for_a_person_is_over(store):
    """What waits is known; while its driver has it still, it may go on by itself."""
    flow(lambda: ask(1), executor=LocalExecutor(), store=store, name="etl").run()
    watched = WatchedRun(store, "last")
    assert (type(watched.state), watched.is_over) == (Paused, True)
    assert watched.record.paused == {("ask", 0)}
    store.create(row(Paused()), "op")
    lease = store.lease("1" * 32, Holder("ada", "tower", 7))
    watched = WatchedRun(store, "owl")
    assert not watched.is_over
    assert str(watched.read().holder) == "ada@tower, process 7"
    lease.release()
    watched.wait()
    assert watched.is_over


def test_what_is_logged_is_heard_from_then_on(store):
    """In its order, with the task run; what was logged before is not heard once more."""
    heard = []

    @task(log_prints=True)
    def told(values: list[int]) -> int:
        print("before")  # noqa: T201 - it is what is tested
        assert GATE.wait(30)
        print("behind")  # noqa: T201
        return len(values)

    made = flow(lambda: told([1]), executor=LocalExecutor(threads=2), store=store, name="etl")
    live = made.submit()
    eventually(lambda: [line.message for line in live.logs()] == ["before"])
    watched = WatchedRun(store, "last", heard.append)
    GATE.set()
    watched.wait()
    assert [(line.task_run, line.message) for line in heard] == [("told", "behind")]


def test_a_run_that_has_ended_is_over_at_once(store):
    """With all that there is to tell of it."""
    live = flow(lambda: load(1), executor=LocalExecutor(), store=store, name="etl").run()
    watched = WatchedRun(store, live.id[:8])
    assert (watched.is_over, watched.name, watched.flow_name) == (True, live.name, "etl")
    assert (watched.started_at, watched.ended_at) == (live.started_at, live.ended_at)
    assert [type(event.state).__name__ for event in watched.events()] == [
        "Running",
        "Skipped",
        "Success",
    ]


def test_a_run_that_lost_its_driver_is_over(store, monkeypatch):
    """It has crashed; that is looked for when nothing comes for a while."""
    monkeypatch.setattr(watching, "_QUIET_SECONDS", 0.1)
    store.create(row(Pending()), "op")
    lease = store.lease("1" * 32, Holder("ada", "tower", 7))
    store.write(lease, [RunMoved(2.0, Running())], "1", {"state": Running(), "started": 2.0})
    watched = WatchedRun(store, "owl")
    assert (watched.is_over, watched.started_at) == (False, 2.0)
    lease.release()
    watched.wait()
    assert watched.is_over
    assert (type(watched.state), watched.state.reason) == (Crashed, "driver lost")


def test_a_run_that_was_just_made_has_no_driver_yet(store, monkeypatch):
    """It is waited for, for a moment; one that is older has lost its own."""
    monkeypatch.setattr(watching, "now", lambda: 2.5)
    store.create(row(Pending()), "op")
    watched = WatchedRun(store, "owl")
    assert (watched.is_over, watched.started_at) == (False, 1.0)
    monkeypatch.setattr(watching, "now", lambda: 3.5)
    assert WatchedRun(store, "owl").is_over


@pytest.mark.parametrize("state", [Failed("x"), Cancelled("y")])
def test_an_end_that_comes_between_two_looks(store, monkeypatch, state):
    """What was written before it is read, though it came behind what was asked for first."""
    store.create(row(Pending(), graph={}), "op")
    lease = store.lease("1" * 32, Holder("ada", "tower", 7))
    watched = WatchedRun(store, "owl")
    run = store.run

    def ended(run_id):
        store.write(lease, [RunMoved(5.0, state)], "2", {"state": state, "ended": 5.0})
        return run(run_id)

    store.write(lease, [RunMoved(4.0, Running())], "1", {"state": Running()})
    monkeypatch.setattr(store, "run", ended)
    watched.look()
    assert watched.is_over
    assert [type(event.state) for event in watched.record.events] == [Running, type(state)]


def test_a_store_that_is_locked_for_a_moment(store, monkeypatch):
    """Is no reason to watch no more; one that stays so is."""
    store.create(row(Pending()), "op")
    lease = store.lease("1" * 32, Holder("ada", "tower", 7))
    watched = WatchedRun(store, "owl")
    entries = store.entries

    def locked(*_, **__):
        raise StoreBusyError("locked")

    monkeypatch.setattr(store, "entries", locked)
    watched.look()
    monkeypatch.setattr(store, "entries", entries)
    store.write(lease, [RunMoved(4.0, Running())], "1", {"state": Running()})
    watched.look()
    assert type(watched.state) is Running
    monkeypatch.setattr(store, "entries", locked)
    monkeypatch.setattr(watching, "_PATIENCE", 0.0)
    with pytest.raises(StoreBusyError):
        watched.look()


def test_a_run_that_there_is_not(store):
    """The error is that of all who look for runs."""
    store.create(replace(row(Success()), name="elk"), "op")
    with pytest.raises(UnknownRunError, match="no run is called 'owl'"):
        WatchedRun(store, "owl")

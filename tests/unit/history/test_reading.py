"""Runs read from a store: as they are, without their code."""

from __future__ import annotations

import pytest

from daskflow import (
    LocalExecutor,
    MemoryStore,
    Pause,
    Skip,
    case,
    context,
    flow,
    manual_only,
    states,
    task,
)
from daskflow.definition.outlining import outline_of
from daskflow.entries import RunMoved, SpaceEnded, SpaceOpened
from daskflow.errors import UnknownRunError, UnknownTaskError
from daskflow.history.reading import (
    find_task,
    names_in,
    read_run,
    record_of,
    seen_state,
    when,
    with_names,
)
from daskflow.runtime.views import progress_of
from daskflow.states import Cached, Cancelled, Crashed, Paused, Pending, Running, Success
from daskflow.stores.history import Holder, RunRow
from daskflow.timing import as_datetime

HERE = LocalExecutor()


@task
def numbers(n: int) -> list[int]:
    return list(range(n))


@task(retries=1, retry_delay_seconds=0)
def picky(n: int) -> int:
    if n == 1:
        raise Skip("not one")
    if n == 2 and context.attempt == 1:
        raise TimeoutError("closed")
    if n == 3:
        raise ValueError("no three")
    return n


@task(trigger=manual_only)
def publish(values: list[int]) -> int:
    return len(values)


@task
def ask(n: int) -> int:
    if n == 2 and not context.resumed:
        raise Pause("two?")
    return n


def mixed(n: int):
    values = picky.map(numbers(n))
    with case(n, 7):
        picky.map(values)
    return publish(ask.map(numbers(3))), picky.map(picky(3))


@pytest.fixture
def store():
    return MemoryStore()


def run(function, store, **parameters):
    return flow(function, executor=HERE, store=store, name="etl").run(**parameters)


def happened(run):
    return [(event.name, type(event.state)) for event in run.record.events]


@pytest.mark.parametrize("n", [0, 2, 4])
def test_a_run_is_read_as_it_is(store, n):
    """All task runs are in the states that they are in, whether they exist or not."""
    live = run(mixed, store, n=n)
    found = read_run(store, "last")
    assert progress_of(found.record) == progress_of(live.record)
    assert happened(found) == happened(live)
    assert (type(found.state), found.holder) == (Paused, None)
    while isinstance(live.state, Paused):
        live.reject(message="enough")
    found = read_run(store, live.name)
    assert happened(found) == happened(live)
    assert progress_of(found.record) == progress_of(live.record)
    assert (type(found.state), found.holder) == (states.Failed, None)


def test_a_run_is_read_without_its_code(store):
    """What is restored has the names of the tasks, not their functions."""
    run(mixed, store, n=1)
    node = read_run(store, "last").record.graph.nodes["picky"]
    assert node.task.name == "picky"
    assert node.task.fn is not picky.fn


@pytest.mark.parametrize("state", [Running(), Pending(), states.Cancelling()])
def test_a_run_that_nobody_drives_has_crashed(state):
    """Where its row says that it goes on; where somebody drives it, it does."""
    row = RunRow("1", "owl", "etl", state, 1.0)
    seen = seen_state(row, is_held=False)
    assert (type(seen), seen.reason) == (Crashed, "driver lost")
    assert type(state).__name__ in seen.message
    assert seen_state(row, is_held=True) is state


@pytest.mark.parametrize("state", [Paused(), Success(), Cancelled(), states.Retrying()])
def test_a_run_that_waits_or_has_ended_needs_no_driver(state):
    """It is in the state that its row says."""
    assert seen_state(RunRow("1", "owl", "etl", state, 1.0), is_held=False) is state


@flow
def lanes(n: int):
    return picky.map(numbers(n))


ROW = RunRow("1", "owl", "etl", Success(), 1.0, graph=outline_of(lanes.graph()))
ENDED = SpaceEnded("picky", 0, Cancelled("stopped", as_datetime(7.0)))


def test_mapped_tasks_that_were_cancelled_before_they_had_children():
    """They are Cancelled; where a resume gave them children these count."""
    record = record_of(ROW, [ENDED])
    assert str(record.node_state("picky")) == "Cancelled('stopped')"
    assert record.total("picky") == 1
    assert [(event.at, event.name) for event in record.events] == [(7.0, "picky")]
    resumed = record_of(ROW, [ENDED, SpaceOpened("picky", 0, 2)])
    assert resumed.total("picky") == 2


def test_entries_of_what_the_graph_has_not_are_left_out():
    """A history may tell of tasks that a later version of the flow does not have."""
    record = record_of(ROW, [SpaceOpened("gone", 0, 2), RunMoved(1.0, Running())])
    assert set(record.nodes) == {"numbers", "picky"}


def test_a_task_run_is_found_by_its_name(store):
    """A node, or one task run of it, with or without the index."""
    run(mixed, store, n=4)
    record = read_run(store, "last").record
    assert find_task(record, "numbers") == ("numbers", ())
    assert find_task(record, "picky") == ("picky", ())
    assert find_task(record, "picky[3]") == ("picky", (3,))
    assert find_task(record, "picky-2[0]") == ("picky-2", (0,))  # it has no children


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("nothing", r"no task 'nothing'; its tasks: numbers, picky"),
        ("picky[4]", r"no 'picky\[4\]': there are 4 of these, counted from 0"),
        ("picky[0, 0]", r"no 'picky\[0, 0\]': of an index task 'picky' has 1 at most"),
        ("numbers[0]", r"no 'numbers\[0\]': of an index task 'numbers' has none"),
        ("picky[x]", r"no task 'picky\[x\]'"),
    ],
)
def test_a_task_run_that_there_is_not(store, wanted, told):
    """The error names it and what there is."""
    run(mixed, store, n=4)
    with pytest.raises(UnknownTaskError, match=told):
        find_task(read_run(store, "last").record, wanted)


@pytest.mark.parametrize("wanted", ["last", "owl"])
def test_an_empty_store_says_what_to_do(store, wanted):
    """Whatever run is asked for."""
    with pytest.raises(UnknownRunError, match=r"no runs in memory://, .* DASKFLOW_STORE__URL="):
        read_run(store, wanted)


def test_runs_of_one_name_are_listed(store):
    """One of them is meant; a run that there is not is told of differently."""
    for number in "12":
        store.create(RunRow(number * 32, "owl", "etl", Success(), 1.0), number)
    with pytest.raises(UnknownRunError, match=r"2 runs are called 'owl': 11111111 .*, 22222222 "):
        read_run(store, "owl")
    with pytest.raises(UnknownRunError, match=r"no run is called 'eagle' .*`daskflow ls`"):
        read_run(store, "eagle")
    assert read_run(store, "22").row.id == "2" * 32


def test_a_cached_value_is_told_by_the_name_of_the_run_that_made_it(store):
    """An id is for machines; a run that is forgotten has no name any more."""
    store.create(RunRow("ab12", "owl", "etl", Success(), 1.0), "op")
    name_of = names_in(store)
    made = with_names(Cached("made by ab12/load[3]"), name_of)
    assert made == Cached("made by load[3] of run owl")
    gone = with_names(Cached("made by abcdef0123/load"), name_of)
    assert gone.message == "made by load of run abcdef01, which is not kept any more"
    for same in (Cached("as a handler said"), Success("made by ab12/load")):
        assert with_names(same, name_of) == same


def test_an_instant_for_machines():
    """ISO 8601 in UTC, with a Z."""
    assert when(0.0) == "1970-01-01T00:00:00.000Z"


def test_a_run_that_was_resumed_by_a_changed_flow(store):
    """It is read with the graph that it has by now."""

    def before():
        return publish([1])

    def after():
        return numbers(publish([1, 2]))

    run_before = run(before, store)
    run_before._keeper.close()  # as if its driver were gone
    again = flow(after, executor=HERE, store=store, name="etl").resume("last")
    again.approve()
    found = read_run(store, "last")
    assert found.row.id == run_before.id
    assert progress_of(found.record) == progress_of(again.record)
    assert [node.node for node in progress_of(found.record)] == ["publish", "numbers"]


class _Ending(MemoryStore):
    """A store whose run ends at the moment in which somebody asks who drives it."""

    def holder(self, run_id):
        lease = self.lease(run_id, Holder("me", "here", 1))
        self.write(lease, [RunMoved(2.0, Success())], "end", {"state": Success(), "ended": 2.0})
        lease.release()
        return super().holder(run_id)


def test_a_run_that_ends_while_it_is_read():
    """It has not lost its driver: it has ended."""
    store = _Ending()
    store.create(RunRow("ab12", "owl", "etl", Running(), 1.0), "op")
    found = read_run(store, "owl")
    assert (type(found.state), found.row.ended, found.holder) == (Success, 2.0, None)


def test_who_drives_a_run_is_read(store):
    """As long as somebody does."""
    store.create(RunRow("ab12", "owl", "etl", Running(), 1.0), "op")
    lease = store.lease("ab12", Holder("me", "here", 7))
    assert str(read_run(store, "owl").holder) == "me@here, process 7"
    assert type(read_run(store, "owl").state) is Running
    lease.release()
    assert type(read_run(store, "owl").state) is Crashed

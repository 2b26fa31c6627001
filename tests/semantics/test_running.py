"""A body that takes long shows as Running, and does not keep quiet what ended before it."""

from daskflow import flow, task, unmapped
from daskflow.history.reading import read_run
from daskflow.settings import Settings
from daskflow.states import Running, Success
from daskflow.stores.choice import choose_store
from tests.contract.waiting import eventually


@task
def hold(x, at, gate):
    """Wait at the gate, where the input says so."""
    if x == at:
        gate.wait()
    return x


@task
def double(x):
    return 2 * x


def states(run, node):
    """Return the kinds of the states of a mapped node's children."""
    return [type(child.state) for child in run.task_runs if child.node == node]


def test_a_long_body_is_running_and_what_ended_before_it_is_told(patient, tmp_path, gate):
    """In one block: the first two have ended, the third runs; others see the same in the store."""
    url = f"sqlite:///{tmp_path}/runs.db"

    def case():
        return hold.map(range(3), unmapped(2), unmapped(gate))

    run = flow(case, executor=patient, block_size=3, store=url).submit()
    eventually(lambda: states(run, "hold") == [Success, Success, Running])
    state = run["hold"][2].state
    assert state.attempt == 1
    assert state.timestamp is not None
    assert state.message.startswith("on ")
    (progress,) = run.progress()
    assert progress.counts == {"Success": 2, "Running": 1}
    assert eventually(lambda: seen_by_others(url, run) == [Success, Success, Running])
    assert run["hold"][1].result() == 1
    gate.open()
    assert run.wait(30).result() == [0, 1, 2]
    assert states(run, "hold") == seen_by_others(url, run) == [Success] * 3


def seen_by_others(url, run):
    """Return the kinds of the states of the children as the store has them."""
    record = read_run(choose_store(url, Settings()), run.id).record
    return [type(record.state("hold", place)) for place in range(3)]


def test_of_a_lane_the_first_nodes_are_told(patient, gate):
    """One lane, two nodes: the first has ended while the second runs."""

    def case():
        return hold.map(double.map([1]), unmapped(2), unmapped(gate))

    run = flow(case, executor=patient, block_size=1).submit()
    eventually(lambda: states(run, "hold") == [Running])
    assert states(run, "double") == [Success]
    gate.open()
    assert run.wait(30).result() == [2]


def test_of_nodes_that_are_not_mapped_the_first_are_told(patient, gate):
    """A chain in one block: what ended before the long one is known, what comes behind waits."""

    def case():
        return double(hold(double(double(1)), 4, gate))

    run = flow(case, executor=patient, block_size=8).submit()
    eventually(lambda: states(run, "hold") == [Running])
    assert states(run, "double") + states(run, "double-2") == [Success, Success]
    assert str(run["double-3"].state) == "Pending"
    gate.open()
    assert run.wait(30).result() == 8

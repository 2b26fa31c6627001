"""What cannot travel: told before the run where that can be known, else by the task run."""

import threading

import pytest

from daskflow import DefinitionError, flow, task
from daskflow.states import Crashed, Success


class Torn:
    """A value that can be pickled and not unpickled."""

    def __init__(self, number):
        self.number = number

    def __setstate__(self, state):
        raise RuntimeError(f"torn {state['number']}")


class LargeTorn(Torn):
    """The same, too large to travel with the spec."""

    def __init__(self, number):
        super().__init__(number)
        self.weight = bytes(100_000)


@task
def inc(x):
    return x + 1


@task
def number_of(torn):
    return torn.number


@task
def make_torn(number):
    return Torn(number)


def test_a_closure_that_cannot_travel_names_its_task(frail):
    """The flow is refused before it runs, and the message says which task it is."""
    lock = threading.Lock()

    @task
    def locked(x):
        with lock:
            return x

    @flow(executor=frail)
    def closed():
        return locked(inc(1))

    with pytest.raises(DefinitionError, match=r"task 'locked' cannot be sent.*lock"):
        closed()


def test_a_constant_that_cannot_travel_is_named(frail):
    """So is a value that a flow hands to a task."""

    @flow(executor=frail)
    def constants():
        return number_of(threading.Lock())

    with pytest.raises(DefinitionError, match=r"cannot be sent to workers.*lock"):
        constants()


def test_a_parameter_that_cannot_travel_is_named(frail):
    """So is a parameter."""

    @flow(executor=frail)
    def parameters(torn):
        return number_of(torn)

    with pytest.raises(DefinitionError, match=r"'torn' cannot be sent to workers.*lock"):
        parameters(threading.Lock())


@pytest.mark.parametrize("kind", [Torn, LargeTorn])
@pytest.mark.parametrize("block_size", [1, None], ids=["single", "grouped"])
def test_a_mapped_constant_that_arrives_torn(frail, kind, block_size):
    """The flow ends; what needed it is Crashed with the exception's own words."""

    @flow(executor=frail, block_size=block_size)
    def torn():
        return number_of.map([kind(1), kind(2), kind(3)])

    run = torn.run()
    assert type(run.state).__name__ in {"Failed", "Crashed"}
    for found in run[number_of]:
        assert type(found.state) is Crashed
        assert "torn" in found.state.message


def test_what_does_not_need_a_torn_constant_runs(frail):
    """Another branch of the same flow is not touched by it."""

    @flow(executor=frail, block_size=1)
    def half_torn():
        return number_of(LargeTorn(1)), inc(1)

    run = half_torn.run()
    assert type(run[number_of].state) is Crashed
    assert type(run[inc].state) is Success


def test_a_result_that_arrives_torn_at_the_driver(frail):
    """The run has ended well; who reads the value meets what its class raised."""

    @flow(executor=frail)
    def torn_result():
        return make_torn(1)

    run = torn_result.run()
    assert run.state.is_successful()
    with pytest.raises(RuntimeError, match="torn 1"):
        run.result()


@task
def count(torn):
    return len(torn)


def test_a_result_that_arrives_torn(frail):
    """Whoever needs it is Crashed, in words, wherever it was made; the flow ends."""

    @flow(executor=frail, block_size=1)
    def torn_results():
        return count(make_torn.map([1, 2, 3, 4]))

    run = torn_results.run()
    assert {type(found.state) for found in run[make_torn]} == {Success}
    assert type(run[count].state) is Crashed
    assert "torn" in run[count].state.message

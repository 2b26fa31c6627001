"""What `daskflow.testing` gives works on every executor, one task run in a block and many."""

import pytest

from daskflow import Skip, flow, successful, task
from daskflow.testing import OK, FaultPlan, Gate, assert_states, calls, frozen_time, with_fakes
from tests.contract.waiting import eventually


@task(retries=2, retry_delay_seconds=3600)
def load(day):
    return 10 * day


total = task(sum, name="total")


@flow
def week(days):
    return total(successful(load.map(days)))


def fake(day):
    return -day


@pytest.fixture
def run(executor, block_size):
    """Run a flow there, with blocks of that size."""
    options = {"executor": executor, "block_size": block_size}
    return lambda flow, *args: flow.with_options(**options).run(*args)


def test_a_fault_plan_with_retries_in_hours(run, tmp_path):
    """Each input goes by its list, in whichever process, and every body is counted."""
    plan = FaultPlan(tmp_path / "calls", {2: [OSError("1"), OSError("2"), OK], 3: [Skip("-")]})
    with frozen_time(), with_fakes({load: plan.around(load)}):
        made = run(week, [1, 2, 3, 4])
    states = ["Success", "Success", "Skipped", "Success"]
    assert_states(made, {load: states, total: "Success"}, flow="Success")
    assert made.result() == 70
    assert {name: count for name, count in calls(made).items() if name != "total"} == {
        "load[0]": 1,
        "load[1]": 3,
        "load[2]": 1,
        "load[3]": 1,
    }
    assert [plan.calls(day) for day in (1, 2, 3, 4)] == [1, 3, 1, 1]


def test_fakes(run):
    """A function of the test's travels in the place of the task's."""
    with with_fakes({load: fake}):
        assert run(week, [1, 2]).result() == -3
    assert run(week, [1, 2]).result() == 30


def test_gates(executor, block_size, tmp_path):
    """Bodies are held up where they run, and all go on."""
    gate = Gate(tmp_path / "gate")

    @task
    def wait_at(x):
        gate.wait()
        return x

    @flow(executor=executor, block_size=block_size)
    def held():
        return wait_at.map([1, 2])

    made = held.submit()
    gate.until_waiting(1)
    assert not made.state.is_finished()
    gate.open()
    assert made.wait(30).result() == [1, 2]
    assert eventually(lambda: gate.came() == 2)

"""``daskflow approve`` and ``reject``: decided in another process than the one that waited."""

import pytest

FLOW = """
from daskflow import LocalExecutor, Pause, context, flow, task

@task
def pay(amount: int) -> int:
    if amount > 100 and not context.resumed:
        raise Pause(f"{amount} is a lot")
    return amount

@flow(executor=LocalExecutor(), run_name="mine")
def refunds(asked: list[int]) -> list[int]:
    return pay.map(asked)
"""


@pytest.fixture
def waiting(write, store, daskflow):
    """A run of which two task runs wait."""
    write("refunds.py", FLOW)
    code, told, _ = daskflow("run", "refunds.py:refunds", "--param", "asked=[20,250,300]")
    assert code == 4
    assert "daskflow approve mine 'pay[1]'   lets it go on" in told
    return store


def kinds(store):
    """Return the kind of the run's state."""
    return [type(row.state).__name__ for row in store.runs()]


def test_all_that_waits_is_approved(waiting, daskflow):
    """The run goes on to its end, in the process that approves."""
    code, told, _ = daskflow("approve", "mine")
    assert (code, kinds(waiting)) == (0, ["Success"])
    assert "[20, 250, 300]" in told


def test_one_is_approved_and_one_rejected(waiting, daskflow):
    """The run waits on until the last one is decided; who failed says why."""
    assert daskflow("approve", "mine", "pay[1]")[0] == 4
    code, told, _ = daskflow("reject", "mine", "pay[2]", "--message", "too much")
    assert (code, kinds(waiting)) == (2, ["Failed"])
    assert "rejected: too much" in told
    assert "daskflow rerun mine --failed   makes a new run" in told


def test_what_does_not_wait_is_not_approved(waiting, daskflow):
    """The run is left as it was, and can be approved."""
    code, _, why = daskflow("approve", "mine", "pay[0]")
    assert code == 1
    assert "pay[0] is not paused" in why
    assert kinds(waiting) == ["Paused"]
    assert daskflow("approve", "mine")[0] == 0
    code, _, why = daskflow("approve", "mine")
    assert (code, "ended Success, which is final" in why) == (1, True)

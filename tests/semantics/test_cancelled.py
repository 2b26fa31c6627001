"""A run that is cancelled: nothing more is begun, what was done stays done, and it can go on."""

import pytest

from daskflow import LocalExecutor, flow, manual_only, task, unmapped
from daskflow.errors import IllegalMoveError
from tests.contract.waiting import Gate, eventually
from tests.semantics.bodies import kinds, short


@pytest.fixture
def gate(tmp_path):
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.open()


def hold(x, gate):
    gate.wait()
    return x


def test_a_run_is_cancelled_while_it_goes_on(executor, ledger, do, gate):
    """Nobody waits for the bodies that run; what was finished is."""
    held = ledger.task(hold)

    @flow(executor=executor, block_size=1)
    def case():
        return held.map([1, 2, 3, 4, 5, 6], unmapped(gate), wait_for=[unmapped(do.ok())])

    run = case.submit()
    eventually(lambda: any(name.startswith("hold") for name in ledger.starts()))
    run.cancel()
    if isinstance(executor, LocalExecutor) and executor.threads is None:
        gate.open()  # the driver itself runs the bodies
    run.wait(30)
    assert (short(run.state), run.state.message) == ("CA", "cancelled by the user")
    assert (short(run["ok"].state), short(run["hold"][5].state)) == ("S", "CA")
    gate.open()
    again = case.resume(run.id)
    assert again.result() == [1, 2, 3, 4, 5, 6]
    assert ledger.starts()["ok"] == 1


def test_a_run_that_waits_is_cancelled(executor, do):
    """It ends, and can be resumed to wait again."""
    case = flow(lambda: do.inc.with_options(trigger=manual_only)(1), executor=executor)
    run = case.run()
    run.cancel()
    assert (short(run.wait(10).state), kinds(run)) == ("CA", {"inc": "CA"})
    with pytest.raises(IllegalMoveError, match="nothing is paused"):
        run.approve()
    again = case.resume(run.id)
    assert short(again.state) == "PA"
    again.approve()
    assert again.result() == 2


def test_a_run_that_has_ended_is_not_cancelled(do):
    """It stays as it is."""
    run = flow(lambda: do.inc(1)).run()
    run.cancel()
    assert short(run.state) == "S"


def test_what_was_cancelled_and_has_changed_is_named(executor):
    """Its code is still to run, so a resume asks whether the new one is meant."""

    def made(number):
        def wait():
            return number

        def other():
            return -number

        body = task(wait if number > 0 else other, name="wait", trigger=manual_only)
        return flow(lambda: body(), name="case", executor=executor)

    run = made(1).run()
    run.cancel()
    run.wait(10)
    with pytest.raises(IllegalMoveError, match="the code of wait has changed"):
        made(-1).resume(run.id)
    again = made(-1).resume(run.id, allow_code_change=True)
    again.approve()
    assert again.result() == 1

"""A run whose driver is stopped, or goes wrong: it has ended, and what it knows can be read."""

import threading

import pytest

from daskflow import FlowRunFailedError, IllegalMoveError, LocalExecutor, flow, manual_only
from daskflow.runtime.pausing import paused_runs
from daskflow.starting import prepare
from daskflow.states import Crashed
from tests.contract.waiting import eventually
from tests.semantics.bodies import kinds, short


class StoppedError(BaseException):
    """What no run expects: a second Ctrl-C, or the end of the process."""


def prepared(do, executor):
    """Return a run that is about to begin, in which something waits for a person."""
    manual = do.ident.with_options(trigger=manual_only)
    return prepare(flow(lambda: (manual(do.ok()), do.inc(1)), executor=executor), {})


def test_a_driver_that_is_stopped(executor, do, monkeypatch):
    """Whatever stops its thread, the run is Crashed, nobody waits for it, and the error goes up."""
    run = prepared(do, executor)

    def stop():
        raise StoppedError

    # what stops a thread in the middle comes from outside of everything that is ours
    monkeypatch.setattr(run._driver, "drive", stop)
    with pytest.raises(StoppedError):
        run.drive()
    assert run.wait(0).state == Crashed("the driver was stopped", run.ended, reason="driver")
    assert kinds(run) == {"ok": "CA", "ident": "CA", "inc": "CA"}
    with pytest.raises(IllegalMoveError):
        run.approve()


def test_a_driver_that_goes_wrong(executor, do, monkeypatch):
    """An error of ours crashes the run and is the cause of what its result raises."""
    run = prepared(do, executor)

    def fail():
        raise RuntimeError("not ours to raise")

    monkeypatch.setattr(run._driver, "drive", fail)  # no known bug makes it raise
    run.drive()
    assert (short(run.state), run.state.reason) == ("CR", "driver")
    assert run.state.message == "RuntimeError: not ours to raise"
    assert kinds(run)["inc"] == "CA"
    with pytest.raises(FlowRunFailedError) as caught:
        run.result()
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_run_that_ended_is_not_driven_again(executor, do):
    """An approval that comes when somebody else's has ended the run is told so."""
    run = prepared(do, executor)
    run.drive()
    found = paused_runs(run.record, None, None)  # as one who looked before the other approved
    run.approve()
    before = len(run.record.events)
    with pytest.raises(IllegalMoveError, match="has ended: nothing of it waits for approval"):
        run._give(lambda record: record.approve(*found[0]))
    assert short(run.state) == "S"
    assert len(run.record.events) == before


def test_an_order_while_it_parks_is_carried_out(do):
    """Given after the driver looked for the last time, before the run is at rest."""
    run = prepared(do, LocalExecutor())
    enter = run._enter
    given = []

    def enter_and_be_approved(state):
        """Come into the state, and be approved by another thread just then."""
        enter(state)
        if short(run.state) == "PA" and not given:
            other = threading.Thread(target=lambda: given.extend(run.approve()))
            other.start()
            other.join(30)

    run._enter = enter_and_be_approved  # the only place where that moment can be caught
    run.drive()
    assert given == ["ident"]
    assert short(run.state) == "S"


def test_a_run_is_at_rest_before_it_is_given_up(do):
    """Whoever waits for a parked run in another thread hears of it, and of its end."""
    run = prepared(do, LocalExecutor(threads=2))
    heard = []
    waiting = threading.Thread(target=lambda: heard.append(short(run.wait(30).state)))
    waiting.start()
    run.start()
    waiting.join(30)
    assert heard == ["PA"]
    run.approve()
    assert eventually(lambda: short(run.wait(30).state) == "S")

"""A run that goes on: from where it stood, matched by name, and not from where it had ended."""

import os
import signal

import pytest

from daskflow import (
    Fail,
    LocalExecutor,
    TaskRunError,
    all_finished,
    flow,
    manual_only,
    resource_manager,
    unmapped,
)
from daskflow.errors import IllegalMoveError
from tests.semantics.bodies import boom, collect, ident, inc, kinds, skip2
from tests.semantics.ledger import Ledger


@pytest.fixture
def made(executor, block_size):
    """Make a flow that runs on the executor in turn."""
    return lambda function, **words: flow(
        function, executor=executor, block_size=block_size, **words
    )


def lost(run):
    """Let a run be as if its driver and all of its workers were gone."""
    run._session.close()
    run._keeper.close()


@pytest.mark.parametrize("body", [inc, boom])
def test_a_run_that_has_ended_is_final(made, ledger, body):
    """Success and Failed: the error names the command that makes a new run of it."""
    f = made(lambda: ledger.task(body)(*[1] * (body is inc)), name="f")
    run = f.run()
    with pytest.raises(IllegalMoveError, match=f"`daskflow rerun {run.name} --failed`"):
        f.resume(run.id)


def test_nodes_are_matched_by_name(made, ledger):
    """A flow that was written anew goes on with what has the same names, wherever that stands."""
    up, wait, new = ledger.task(inc), ledger.task(ident, trigger=manual_only), ledger.task(collect)
    before = made(lambda: wait(up.named("first")(1), wait_for=[up.named("gone")(5)]), name="f")
    after = made(lambda: new([up.named("second")(2), wait(up.named("first")(1))]), name="f")
    run = before.run()
    lost(run)
    again = after.resume(run.id, allow_code_change=True)
    again.approve()
    assert again.result() == [3, 2]
    assert ledger.starts() == {"first": 1, "gone": 1, "ident": 1, "second": 1, "collect": 1}


def test_a_failure_with_a_result_passes_it_on(made, ledger):
    """What a consumer gets of it is the same behind a resume, and in a rerun."""

    def half():
        raise Fail("half of it", result=5)

    part, told = ledger.task(half), ledger.task(ident, trigger=all_finished)
    wait = ledger.task(inc, trigger=manual_only)
    f = made(lambda: told(part(), wait_for=[wait(1)]), name="f", reference_tasks=["ident"])
    run = f.run()
    lost(run)
    again = f.resume(run.id)
    again.approve()
    assert again.result() == 5
    assert f.rerun(again.id, from_task=told).result() == 5
    assert ledger.starts() == {"half": 1, "inc": 1, "ident": 2}


def test_a_run_that_was_cancelled_goes_on(ledger, tmp_path):
    """What it had not begun is begun; what was done stays done."""
    gate, up = tmp_path / "gate", ledger.task(inc)
    stop = ledger.task(lambda x: x if gate.exists() else _interrupt(), name="stop")
    f = flow(lambda: ledger.task(ident)(stop(up(1))), name="f", executor=LocalExecutor())
    with pytest.raises(KeyboardInterrupt):
        f.run()
    gate.touch()
    again = f.resume("last")
    assert again.result() == 2
    assert kinds(again) == {"inc": "S", "stop": "S", "ident": "S"}
    assert ledger.starts() == {"inc": 1, "stop": 2, "ident": 1}


def _interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_a_resource_is_cleaned_up_behind_a_resume(made, ledger, tmp_path):
    """It was set up before the driver was lost: what is inside goes on with it, then it goes."""
    diary, wait = Ledger(tmp_path / "diary"), ledger.task(ident, trigger=manual_only)

    @resource_manager
    class Tray:
        def setup(self):
            diary.note("setup")
            return "tray"

        def cleanup(self, tray):
            diary.note(f"cleanup of {tray}")

    def f():
        with Tray() as tray:
            return wait(tray)

    f = made(f)
    run = f.run()
    lost(run)
    again = f.resume(run.id)
    again.approve()
    assert again.result() == "tray"
    assert diary.lines() == ["setup", "cleanup of tray"]


def test_what_was_kept_of_a_map_comes_whole_where_it_is_asked_for_twice(made, ledger):
    """A child that gets its own element and all of them gets all of them behind a resume, too."""
    up, told = ledger.task(inc), ledger.task(lambda x, xs, y: (x, xs, y), name="told")
    wait = ledger.task(ident, trigger=manual_only)

    def f():
        values = up.map([1, 2, 3])
        return told.map(values, unmapped(values), unmapped(wait(0)))

    f = made(f)
    run = f.run()
    lost(run)
    again = f.resume(run.id)
    again.approve()
    assert again.result() == [(n, [2, 3, 4], 0) for n in (2, 3, 4)]
    assert ledger.starts()["inc[0]"] == 1


def test_kept_and_given_states_side_by_side(made, ledger):
    """What is kept of one child, and what a person said of the next, are not mixed up."""
    wait, told = ledger.task(skip2, trigger=manual_only), ledger.task(collect, trigger=all_finished)
    late = ledger.task(ident, trigger=manual_only)
    f = made(
        lambda: told(wait.map([1, 2, 3]), wait_for=[late(1)]), name="f", reference_tasks=["collect"]
    )
    run = f.run()
    run.approve("skip2", 0)
    run.reject("skip2", 1)
    run.approve("skip2", 2)
    lost(run)
    again = f.resume(run.id)
    again.approve()
    one, two, three = again.result()
    assert (one, type(two), three) == (1, TaskRunError, 3)

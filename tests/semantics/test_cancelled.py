"""A run that is cancelled: nothing more is begun, bodies are stopped, what was done stays done."""

import asyncio
import fcntl
import os
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from daskflow import (
    DaskExecutor,
    LocalExecutor,
    context,
    flow,
    manual_only,
    resource_manager,
    task,
    unmapped,
)
from daskflow.errors import IllegalMoveError
from daskflow.starting import prepare
from daskflow.states import Cancelled
from tests.contract.waiting import eventually
from tests.semantics.bodies import kinds, short


def hold(x, gate):
    gate.wait()
    return x


def hold_from_2(x, gate):
    """Wait, but for the first two."""
    if x > 2:
        gate.wait()
    return x


_MOST = 5.0  # seconds; what should be stopped would go on for thirty


def cancelled(run):
    """Cancel a run; see that it ends soon."""
    before = time.monotonic()
    run.cancel()
    run.wait(20)
    assert time.monotonic() - before < _MOST
    return run


def gone_on(case, run, gate, ledger):
    """Resume a run to its end; see that what had finished was not begun again."""
    done = {found.name for found in run.task_runs if found.state.is_finished()}
    done -= {found.name for found in run.task_runs if isinstance(found.state, Cancelled)}
    before = ledger.starts()
    gate.open()
    again = case.resume(run.id)
    after = ledger.starts()
    assert {name: before[name] for name in done} == {name: after[name] for name in done}
    assert short(again.state) == "S"
    return again


@pytest.mark.parametrize("size", [1, None], ids=["single", "grouped"])
def test_a_run_is_cancelled_while_it_goes_on(executor, ledger, do, gate, size):
    """Bodies that run are stopped, what waits is not begun, and what was finished is."""
    held = ledger.task(hold)

    @flow(executor=executor, block_size=size)
    def case():
        return held.map([1, 2, 3, 4, 5, 6], unmapped(gate), wait_for=[unmapped(do.ok())])

    run = case.submit()
    at_a_time = 1 if isinstance(executor, LocalExecutor) and executor.threads is None else 2
    eventually(lambda: sum(name.startswith("hold") for name in ledger.starts()) == at_a_time)
    cancelled(run)
    assert (short(run.state), run.state.message) == ("CA", "cancelled by the user")
    assert [short(run["ok"].state), short(run["hold"].state)] == ["S", "M[CA,CA,CA,CA,CA,CA]"]
    told = {run["hold"][i].name: run["hold"][i].attempt for i in range(6)}
    began = ledger.starts()
    assert {name: attempt for name, attempt in told.items() if attempt} == {
        name: began[name] for name in told if name in began
    }
    assert "cancelled while it ran" in {run["hold"][i].state.message for i in range(6)}
    again = gone_on(case, run, gate, ledger)
    assert again.result() == [1, 2, 3, 4, 5, 6]
    assert ledger.starts()["ok"] == 1


def test_in_the_midst_of_a_block(executor, ledger, gate):
    """What a block has finished is reported as finished, though another body of it is stopped."""
    held = ledger.task(hold_from_2)
    case = flow(lambda: held.map([1, 2, 3, 4, 5], unmapped(gate)), executor=executor, block_size=5)
    run = case.submit()
    eventually(lambda: "hold_from_2[2]" in ledger.starts())
    cancelled(run)
    assert short(run["hold_from_2"].state) == "M[S,S,CA,CA,CA]"
    assert [run["hold_from_2"][i].attempt for i in range(5)] == [1, 1, 1, 0, 0]
    assert gone_on(case, run, gate, ledger).result() == [1, 2, 3, 4, 5]


def test_the_last_body_that_ran_is_stopped(executor, ledger, do, gate):
    """The run is Cancelled, so it can go on, though something else in it had failed."""
    held = ledger.task(hold)
    case = flow(lambda: (do.boom(), held(1, gate)), executor=executor, block_size=1)
    run = case.submit()
    eventually(lambda: "hold" in ledger.starts())
    cancelled(run)
    assert (short(run.state), run.state.message) == ("CA", "cancelled by the user")
    told = [type(event.state).__name__ for event in run.events() if event.name == run.name]
    assert told == ["Running", "Cancelling", "Cancelled"]
    gate.open()
    assert kinds(case.resume(run.id)) == {"boom": "F", "hold": "S"}


def test_before_the_first_submission(executor, ledger, gate):
    """No body is begun."""
    held = ledger.task(hold)
    case = flow(lambda: held.map([1, 2], unmapped(gate)), executor=executor, name="case")
    run = prepare(case, {})
    run.cancel()
    run.drive()
    assert (short(run.state), ledger.starts()) == ("CA", {})
    assert gone_on(case, run, gate, ledger).result() == [1, 2]


def test_while_it_waits_for_a_retry(executor, ledger, gate):
    """The wait ends at once; the attempt that follows a resume is the second one."""

    def fail_once(x):
        if context.attempt == 1:
            raise ValueError("once")
        return x

    again = ledger.task(fail_once, retries=1, retry_delay_seconds=3600)
    case = flow(lambda: again(1), executor=executor)
    run = case.submit()
    eventually(lambda: short(run["fail_once"].state) == "R")
    cancelled(run)
    assert kinds(run) == {"fail_once": "CA"}
    made = gone_on(case, run, gate, ledger)
    assert (made.result(), made["fail_once"].attempt) == (1, 2)


def test_while_something_is_paused(patient, ledger, gate, do):
    """What waits for a person is cancelled as well; after a resume it waits again."""
    held, manual = ledger.task(hold), do.inc.with_options(trigger=manual_only)
    case = flow(lambda: (manual(1), held(1, gate)), executor=patient, block_size=1)
    run = case.submit()
    eventually(lambda: short(run["inc"].state) == "PA" and "hold" in ledger.starts())
    cancelled(run)
    assert kinds(run) == {"inc": "CA", "hold": "CA"}
    gate.open()
    again = case.resume(run.id)
    assert kinds(again) == {"inc": "PA", "hold": "S"}
    again.approve()
    assert again.result() == (2, 1)


def test_a_run_that_waits_is_cancelled(executor, do):
    """It ends, and can be resumed to wait again."""
    case = flow(lambda: do.inc.with_options(trigger=manual_only)(1), executor=executor)
    run = case.run()
    run.cancel("too late")
    assert (short(run.wait(10).state), kinds(run)) == ("CA", {"inc": "CA"})
    assert run.state.message == run["inc"].state.message == "too late"
    with pytest.raises(IllegalMoveError, match="nothing is paused"):
        run.approve()
    again = case.resume(run.id)
    assert short(again.state) == "PA"
    again.approve()
    assert again.result() == 2


def test_while_blocks_report(executor, ledger, gate):
    """Reports that are on their way count; no body that finished is called again."""
    quick = ledger.task(lambda x: x)
    case = flow(lambda: quick.named("quick").map(range(100)), executor=executor, block_size=1)
    run = case.submit()
    eventually(lambda: len(ledger.lines()) >= 5)
    cancelled(run)
    again = gone_on(case, run, gate, ledger) if short(run.state) == "CA" else run
    assert again.result() == list(range(100))


def test_a_run_that_has_ended_is_not_cancelled(do):
    """It stays as it is."""
    run = flow(lambda: do.inc(1)).run()
    run.cancel()
    assert short(run.state) == "S"


def test_where_all_had_finished_it_comes_too_late(executor, do):
    """What is left when the driver hears of it decides, not the wish."""
    run = prepare(flow(lambda: do.inc(1), executor=executor), {})

    def look():
        """Cancel as soon as all has finished, in the driver's thread."""
        if run.record.is_finished():
            run.cancel()

    # the only place where that moment can be caught
    run._driver.contact = replace(run._driver.contact, on_change=look)
    run.drive()
    assert (short(run.state), run.result()) == ("S", 2)


@contextmanager
def locked(url):
    """Keep a store from being written meanwhile, as another process would."""
    with Path(url.removeprefix("sqlite:///") + ".lock").open("r+", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_while_the_store_is_busy(patient, ledger, gate, tmp_path):
    """Bodies stop and the run is Cancelled; it is kept as soon as that can be."""
    url = f"sqlite:///{tmp_path}/runs.db"
    held = ledger.task(hold)
    case = flow(lambda: held(1, gate), executor=patient, store=url)
    run = case.submit()
    eventually(lambda: "hold" in ledger.starts())
    with locked(url):
        run.cancel()
        eventually(lambda: short(run.state) == "CA", _MOST)
    run.wait(20)
    assert gone_on(case, run, gate, ledger).result() == 1


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


# ----------------------------------------------------------------------------- bodies of all kinds


def in_c(x, folder):
    """Say that it is there, and wait until somebody opens the other end of a pipe.

    Both are done in C, with nothing of Python's between them that could be interrupted.
    """
    files = f"{folder}/{x}", f"{folder}/fifo"
    there, pipe = map(os.open, files, (os.O_CREAT, os.O_RDONLY))
    os.close(there)
    os.close(pipe)
    return x


def test_a_body_in_c_is_left_to_itself(patient, ledger, gate, tmp_path, monkeypatch):
    """It is waited for no longer than the grace; nobody knows what becomes of it."""
    monkeypatch.setenv("DASKFLOW_ENGINE__CANCEL_GRACE", "0.3")
    folder = tmp_path / "pipe"
    folder.mkdir()
    os.mkfifo(folder / "fifo")
    stuck = ledger.task(in_c)
    case = flow(lambda: stuck.map([1, 2, 3, 4], unmapped(folder)), executor=patient, block_size=1)
    run = case.submit()
    eventually(lambda: len(list(folder.iterdir())) == 3)
    cancelled(run)
    told = [run["in_c"][i].state.message for i in range(4)]
    unknown = "cancelled by the user; its outcome is unknown, for it still ran"
    assert sorted(told) == ["cancelled by the user"] * 2 + [unknown] * 2

    def let_go():
        """Somebody waits at the pipe."""
        try:
            os.close(os.open(folder / "fifo", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    eventually(let_go)
    assert len(ledger.lines()) == 2


def test_a_coroutine_is_stopped(executor, ledger, tmp_path):
    """Its loop cancels it, though it waits where no code runs."""
    there = tmp_path / "there"

    async def wait_for_ever():
        there.touch()  # its loop runs: one that is just being made would be left half made
        await asyncio.Event().wait()

    waiting = ledger.task(wait_for_ever)

    @flow(executor=executor)
    def case():
        return waiting()

    run = case.submit()
    eventually(there.exists)
    cancelled(run)
    assert run["wait_for_ever"].state.message == "cancelled while it ran"


def test_what_it_raises_for_that_is_no_failure(executor, ledger, gate):
    """An error that comes of the interruption ends no run as Failed, and costs no retry."""

    def give_up(x, gate):
        try:
            gate.wait()
        except BaseException as error:
            raise ValueError("gave up") from error
        if context.attempt == 2:
            raise ValueError("once")
        return x

    made = ledger.task(give_up, retries=1)
    case = flow(lambda: made(1, gate), executor=executor)
    run = case.submit()
    eventually(lambda: ledger.lines())
    cancelled(run)
    assert kinds(run) == {"give_up": "CA"}
    again = gone_on(case, run, gate, ledger)
    assert again["give_up"].attempt == 3


def test_a_body_that_swallows_it_meets_it_again(patient, ledger, gate):
    """A second later, as long as it goes on."""

    def swallow(gate):
        try:
            gate.wait()
        except BaseException:  # noqa: BLE001 - as badly written code does
            gate.wait()

    stubborn = ledger.task(swallow)
    run = flow(lambda: stubborn(gate), executor=patient).submit()
    eventually(lambda: ledger.lines())
    run.cancel()
    assert short(run.wait(20).state) == "CA"
    assert run["swallow"].state.message == "cancelled while it ran"


def test_hooks_hear_of_it_where_it_happens(executor, ledger, gate):
    """A body that was stopped on the worker, one that was not begun in the driver."""

    def note(_, run, state):
        ledger.note(f"{run.task_run_name}: {state.message}")

    held = ledger.task(hold, on_cancellation=note)
    case = flow(lambda: held.map([1, 2, 3], unmapped(gate)), executor=executor, block_size=3)
    run = case.submit()
    eventually(lambda: ledger.lines())
    cancelled(run)
    told = [line for line in ledger.lines() if ":" in line]
    assert sorted(told) == [
        "hold[0]: cancelled while it ran",
        "hold[1]: cancelled by the user",
        "hold[2]: cancelled by the user",
    ]


def test_a_child_run_is_cancelled_with_its_parent(executor, ledger, gate):
    """The run that a body has called ends before the body does."""
    held = ledger.task(hold)

    @flow
    def child():
        return held(1, gate)

    def call():
        return child()

    case = flow(lambda: ledger.task(call)(), executor=executor)
    run = case.submit()
    eventually(lambda: "hold" in ledger.starts())
    cancelled(run)
    assert kinds(run) == {"call": "CA"}
    before = ledger.starts()
    gate.open()
    assert case.resume(run.id).result() == 1
    assert before == {"call": 1, "hold": 1}


# -------------------------------------------------------------------------------- what is left then


class Tray:
    """Notes what happens to it in a ledger."""

    def __init__(self, ledger, gate=None):
        self.ledger, self.gate = ledger, gate

    def setup(self):
        self.ledger.note("setup")
        return "tray"

    def cleanup(self, resource):
        self.ledger.note(f"cleanup {resource}")
        if self.gate is not None:
            self.gate.wait()
            self.ledger.note("cleaned up")


@pytest.mark.parametrize("size", [1, None], ids=["single", "grouped"])
def test_a_resource_is_cleaned_up_behind_a_cancel(executor, ledger, gate, size):
    """What goes on sets it up again, and all that has used it runs again too."""
    tray = resource_manager(Tray)
    use, held = ledger.task(lambda tray: tray), ledger.task(hold)

    @flow(executor=executor, block_size=size)
    def case():
        with tray(ledger) as made:
            return held(use.named("use")(made), gate)

    run = case.submit()
    eventually(lambda: "hold" in ledger.starts())
    cancelled(run)
    assert kinds(run) == {"Tray.setup": "S", "use": "S", "hold": "CA", "Tray.cleanup": "S"}
    assert ledger.lines() == ["setup", "use", "hold", "cleanup tray"]
    gate.open()
    again = case.resume(run.id)
    assert again.result() == "tray"
    assert ledger.lines()[4:] == ["setup", "use", "hold", "cleanup tray"]
    told = [event.state.message for event in again.events() if event.name == "Tray.setup"]
    assert told == ["its resource was cleaned up: it runs again"]


def test_a_resource_that_was_not_set_up_is_not_cleaned_up(executor, ledger, gate):
    """Neither behind a setup that did not begin, nor one that was stopped."""

    class Slow(Tray):
        def setup(self):
            self.ledger.note("slow setup")
            gate.wait()

    tray, slow = resource_manager(Tray), resource_manager(Slow)

    @flow(executor=executor, block_size=1)
    def case():
        with slow(ledger) as first, tray(ledger):
            ledger.task(hold)(first, gate)

    run = case.submit()
    eventually(lambda: ledger.lines())
    cancelled(run)
    assert set(kinds(run).values()) == {"CA"}
    assert ledger.lines() in (["slow setup"], ["slow setup", "setup"]) or "cleanup tray" in (
        ledger.lines()
    )


def test_what_cleans_up_is_let_end(patient, ledger, gate):
    """However long it takes; it is not interrupted."""
    tray = resource_manager(Tray)

    @flow(executor=patient, block_size=1)
    def case():
        with tray(ledger, gate):
            pass
        return ledger.task(lambda: 1).named("other")()

    run = case.submit()
    eventually(lambda: "cleanup tray" in ledger.lines())
    run.cancel()
    with pytest.raises(TimeoutError):
        run.wait(0.5)
    gate.open()
    run.wait(20)
    assert "cleaned up" in ledger.lines()
    assert short(run["Tray.cleanup"].state) == "S"


def _left(dask_scheduler, run_id):
    return [key for key in dask_scheduler.tasks if run_id in str(key)]


def _busy(dask_worker):
    return dask_worker.state.executing_count


def test_the_cluster_is_left_clean(cluster, ledger, gate):
    """No key of the run, no thread in a body; what was queued on workers is never begun."""
    from distributed import Client

    executor = DaskExecutor(address=cluster.scheduler_address)
    held = ledger.task(hold)
    case = flow(lambda: held.map(range(30), unmapped(gate)), executor=executor, block_size=1)
    run = case.submit()
    eventually(lambda: len(ledger.lines()) == 2)
    cancelled(run)
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        eventually(lambda: not client.run_on_scheduler(_left, run_id=run.id))
        eventually(lambda: not any(client.run(_busy).values()))
    gate.open()
    assert len(ledger.lines()) == 2
    assert not [thread for thread in threading.enumerate() if thread.name == f"daskflow-{run.name}"]

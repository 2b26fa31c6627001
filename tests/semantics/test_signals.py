"""What a task, or its trigger, raises to end in a state of its choice; coroutines."""

import asyncio

import pytest

from daskflow import (
    Fail,
    Loop,
    Pause,
    Retry,
    Skip,
    Succeed,
    TaskRunError,
    TriggerFailedError,
    all_finished,
    context,
    task,
)
from tests.semantics.bodies import kinds, short
from tests.semantics.ledger import Ledger


def told(run, name):
    """Return the states that were told of a task run, in short."""
    return [short(event.state) for event in run.events() if event.name == name]


def give(signal):
    raise signal


def swallow(signal):
    try:
        raise signal
    except Exception:  # noqa: BLE001 - the claim is that this does not catch it
        return "swallowed"


ENDS = {
    "succeed": (Succeed("early", result=[7]), "S", "early", [7]),
    "bare": (Succeed(), "S", "", None),
    "skip": (Skip("nothing"), "SK", "nothing", None),
    "fail": (Fail("no", result=7), "F", "no", 7),
}


@pytest.mark.parametrize("body", [give, swallow])
def test_signals_end_a_task_run(play, do, ledger, body):
    """Each gives its state and message, past an except Exception, and passes its result."""
    ending = ledger.task(body)
    passed = do.collect.with_options(trigger=all_finished, skip_on_upstream_skip=False)

    def case():
        return [passed.named(f"after_{n}")(ending.named(n)(s)) for n, (s, *_) in ENDS.items()]

    run = play(case)
    for name, (_, kind, message, value) in ENDS.items():
        assert (short(run[name].state), run[name].state.message) == (kind, message)
        assert run[f"after_{name}"].result() == value
        assert run[name].attempt == 1


def test_signals_in_lanes(play, ledger):
    """A child that ends by a signal is a child like others, and its value is small or large."""
    ending = ledger.task(give)

    def case():
        return ending.map([Succeed(result=1), Succeed(result="x" * 100_000), Skip("so"), Succeed()])

    run = play(case)
    assert kinds(run) == {"give": "M[S,S,SK,S]"}
    assert run.result() == [1, "x" * 100_000, None, None]


def test_the_result_of_a_signal_must_travel(play, ledger):
    """A result that cannot be pickled crashes the task run, whichever signal passes it on."""

    def lock(kind):
        import threading

        raise kind(result=threading.Lock())

    ending = ledger.task(lock, retries=2)

    def case():
        return ending.map([Succeed, Fail, Loop])

    run = play(case)
    assert [child.state.reason for child in run["lock"]] == ["unserializable"] * 3
    assert [child.attempt for child in run["lock"]] == [1] * 3


def ready_at_three(x):
    if context.attempt < 3:
        raise Retry(f"not at {context.attempt}", delay=0.02)
    return x


def test_retry_is_no_failure(play, do, ledger):
    """Retry repeats the body though there are no retries; neighbours run once."""
    waiting = ledger.task(ready_at_three)

    def case():
        return do.inc(waiting(do.inc(0))), do.ident(5)

    run = play(case)
    assert run.result() == (2, 5)
    assert told(run, "ready_at_three") == ["R", "R"]
    assert ledger.starts() == {"inc": 1, "ready_at_three": 3, "inc-2": 1, "ident": 1}
    states = [event.state for event in run.events() if event.name == "ready_at_three"]
    assert [state.message for state in states] == ["not at 1", "not at 2"]
    waits = [(state.scheduled_for - state.timestamp).total_seconds() for state in states]
    assert waits == pytest.approx([0.02, 0.02], abs=1e-4)


def test_retry_in_lanes(play, do, ledger):
    """Only the children that asked for it run again."""
    waiting = ledger.task(ready_at_three)

    def case():
        return do.total(do.inc.map(waiting.map(do.rng(3))))

    run = play(case)
    assert run.result() == 6
    assert ledger.starts()["inc[1]"] == 1
    assert [child.attempt for child in run["ready_at_three"]] == [3, 3, 3]


def retry_and_fail():
    """Ask for another attempt, fail, and again."""
    if context.attempt % 2:
        raise Retry
    raise ValueError(f"attempt {context.attempt}")


def test_retry_costs_no_retries(play, ledger):
    """With retries=1 the second failure is final, however many Retry came between."""
    both = ledger.task(retry_and_fail, retries=1)

    def case():
        return both()

    run = play(case)
    assert told(run, "retry_and_fail") == ["R", "R", "R", "F"]
    messages = [e.state.message for e in run.events() if e.name == "retry_and_fail"]
    assert messages[:2] == [
        "asked to be run again",
        "attempt 1 of 2 failed: ValueError: attempt 2",
    ]
    assert run["retry_and_fail"].attempt == 4
    with pytest.raises(ValueError, match="attempt 4"):
        run.result()


def always_again():
    raise Retry("not yet")


def double_delay(count):
    return 0.01 * count


@pytest.mark.parametrize(
    ("delay", "waits"),
    [(0.01, [0.01] * 3), ([0.01, 0.03], [0.01, 0.03, 0.03]), (double_delay, None)],
)
def test_retry_ends_at_a_setting(play, ledger, monkeypatch, delay, waits):
    """More than max_signalled_retries of them fail the task run; retries do not help.

    Without a delay of its own it waits as after a failure.
    """
    monkeypatch.setenv("DASKFLOW_ENGINE__MAX_SIGNALLED_RETRIES", "3")
    again = ledger.task(always_again, retries=5, retry_delay_seconds=delay)

    def case():
        return again()

    run = play(case)
    assert told(run, "always_again") == ["R", "R", "R", "F"]
    assert run["always_again"].attempt == 4
    assert run["always_again"].state.message == (
        "asked to be retried more than 3 times (max_signalled_retries): not yet"
    )
    found = [
        (event.state.scheduled_for - event.state.timestamp).total_seconds()
        for event in run.events()
        if short(event.state) == "R" and event.name == "always_again"
    ]
    assert found == pytest.approx(waits or [0.01, 0.02, 0.03], abs=1e-4)
    with pytest.raises(TaskRunError, match="always_again: Retry: not yet"):
        run.result()


def broken_delay(count):
    raise KeyError("delays")


def test_a_delay_that_raises_ends_it(play, ledger):
    """The rule's error is told beside the signal's message."""
    again = ledger.task(always_again, retry_delay_seconds=broken_delay)

    def case():
        return again()

    run = play(case)
    assert kinds(run) == {"always_again": "F"}
    assert run["always_again"].state.message == "not yet (its retry rule raised KeyError: 'delays')"


def far_away(signal):
    raise signal(**{"delay" if signal is Retry else "seconds": float("inf")})


def test_a_wait_without_an_end_is_refused(play, ledger):
    """A span that no calendar knows fails the body that asks for it."""
    asking = ledger.task(far_away)

    def case():
        return asking.map([Retry, Pause])

    run = play(case)
    assert kinds(run) == {"far_away": "M[F,F]"}
    assert "inf is no span of time" in run["far_away"][0].state.message


class Raising:
    """A trigger that raises, and writes down that it was asked."""

    def __init__(self, signal, diary):
        self.signal = signal
        self.diary = diary

    def __call__(self, states):
        self.diary.note("asked")
        raise self.signal


@pytest.mark.parametrize("name", ["succeed", "skip", "fail"])
def test_a_trigger_that_raises_an_end(play, do, tmp_path, name):
    """The task run ends in the signal's state, without a start or a retry, passes its result."""
    signal, kind, _, value = ENDS[name]
    diary = Ledger(tmp_path / "diary")
    mine = do.ident.with_options(trigger=Raising(signal, diary), retries=2)
    passed = do.collect.with_options(trigger=all_finished, skip_on_upstream_skip=False)

    def case():
        return passed(mine(do.ok()))

    run = play(case)
    assert kinds(run) == {"ok": "S", "ident": kind, "collect": "S"}
    assert run["ident"].state.message == signal.message
    assert run["ident"].attempt == 0
    assert run["ident"].started is None
    assert run.result() == value
    assert diary.lines() == ["asked"]


class AtThird:
    """A trigger that asks to be asked again, twice."""

    def __init__(self, diary):
        self.diary = diary

    def __call__(self, states):
        self.diary.note("asked")
        if len(self.diary.lines()) < 3:
            raise Retry("the file is not there", delay=0.02)
        return True


def test_a_trigger_that_raises_retry_is_asked_again(play, do, tmp_path):
    """Nothing is started meanwhile, and no attempt counted."""
    diary = Ledger(tmp_path / "diary")

    def case():
        return do.ident.with_options(trigger=AtThird(diary))(do.ok())

    run = play(case)
    assert run.result() == 1
    assert told(run, "ident") == ["R", "R"]
    assert run["ident"].attempt == 1
    assert diary.lines() == ["asked"] * 3


def test_a_trigger_that_raises_pause_is_not_asked_again(play, do, ledger, tmp_path):
    """Approved, the body runs: that is what a person said."""
    diary = Ledger(tmp_path / "diary")

    def case():
        return do.ident.with_options(trigger=Raising(Pause("look"), diary))(do.ok())

    run = play(case)
    assert kinds(run) == {"ok": "S", "ident": "PA"}
    assert (run["ident"].state.message, run["ident"].attempt) == ("look", 0)
    run.approve()
    assert run.result() == 1
    assert diary.lines() == ["asked"]
    assert ledger.starts() == {"ok": 1, "ident": 1}


def test_a_trigger_that_raises_pause_for_seconds_goes_on_by_itself(play, do, tmp_path):
    """The same, without a person."""
    diary = Ledger(tmp_path / "diary")

    def case():
        return do.ident.with_options(trigger=Raising(Pause(seconds=0.05), diary))(do.ok())

    run = play(case)
    assert run.result() == 1
    assert told(run, "ident") == ["PA"]
    assert diary.lines() == ["asked"]


def test_a_trigger_cannot_loop(play, do, tmp_path):
    """There is no iteration that could end: TriggerFailed, saying so."""
    trigger = Raising(Loop(result=1), Ledger(tmp_path / "diary"))

    def case():
        return do.ident.with_options(trigger=trigger)(do.ok())

    run = play(case)
    assert kinds(run) == {"ok": "S", "ident": "TF"}
    assert run["ident"].state.message == "its trigger raised Loop, which is for bodies"
    with pytest.raises((TaskRunError, TriggerFailedError)):
        run.result()


async def aloud(x):
    await asyncio.sleep(0)  # a coroutine gives its loop a turn, nobody waits for the clock
    here = asyncio.get_running_loop()
    here.used = getattr(here, "used", 0) + 1
    return context.task_run_name, x, here.used


def test_coroutines_are_tasks(play, ledger, do):
    """An async function is called in a loop of its own, sees its context, gives its value."""
    speaking = task(aloud)

    def case():
        return speaking.map(do.rng(4)), do.ident(speaking(7))

    run = play(case)
    children, other = run.result()
    assert children == [(f"aloud[{i}]", i, 1) for i in range(4)]
    assert other == ("aloud-2", 7, 1)


async def araise(error):
    await asyncio.sleep(0)  # as above
    if isinstance(error, BaseException):
        raise error
    if context.attempt < 2:
        raise ValueError("once")
    return error


def test_coroutines_end_like_functions(play, ledger):
    """Exceptions, sys.exit and signals end them, and they are retried."""
    raising = task(araise, retries=1)

    def case():
        return raising.map([1, ValueError("no"), SystemExit(3), Skip("so"), Succeed(result=5)])

    run = play(case)
    assert kinds(run) == {"araise": "M[S,F,F,SK,S]"}
    assert [child.attempt for child in run["araise"]] == [2, 2, 2, 1, 1]
    assert run["araise"][4].result() == 5


@pytest.mark.parametrize("executor", ["local"], indirect=True)
def test_coroutines_where_a_loop_runs_already(play, ledger):
    """In a notebook the calling thread has a loop: the coroutine gets one in another thread."""
    speaking, raising = task(aloud), task(araise)

    def case():
        return speaking.map([1, 2]), raising(Skip("so"))

    async def cell():
        return play(case)

    run = asyncio.run(cell())
    assert run.result() == ([("aloud[0]", 1, 1), ("aloud[1]", 2, 1)], None)

"""Timeouts in a thread: Python code is interrupted, C calls are told of, nobody else is hit."""

import asyncio
import hashlib
import threading
import time

import pytest

from daskflow import (
    LocalExecutor,
    Pause,
    Skip,
    TaskTimeoutError,
    all_finished,
    any_failed,
    context,
    flow,
    task,
)
from daskflow.states import TimedOut
from tests.semantics.bodies import kinds, short

FOREVER = 30  # seconds; only a broken engine ever gets there


def spin(x):
    """Run Python code that does not end by itself."""
    end = time.monotonic() + FOREVER
    while time.monotonic() < end:
        pass
    return x


def spin2(x):
    return spin(x) if x == 2 else x


def test_a_python_loop_is_interrupted(play, do, ledger):
    """TimedOut soon after its time, with the limit in the message; downstream gets the error."""
    spinning = ledger.task(spin, timeout_seconds=0.1)

    def case():
        x = spinning(1)
        caught = do.collect.with_options(trigger=all_finished)(x)
        return caught, do.ok.with_options(trigger=any_failed)(wait_for=[x]), do.inc(x)

    run = play(case)
    assert kinds(run) == {"spin": "TO", "collect": "S", "ok": "S", "inc": "TF"}
    state = run["spin"].state
    assert isinstance(state, TimedOut)
    assert state.message == "ran longer than 0.1 s"
    assert isinstance(state.exception, TaskTimeoutError)
    assert 0.1 <= (run["spin"].ended - run["spin"].started).total_seconds() < FOREVER / 2
    assert "in spin" in run["spin"].traceback
    seen = run["collect"].result()
    assert (type(seen), str(seen)) == (TaskTimeoutError, "ran longer than 0.1 s")
    with pytest.raises(TaskTimeoutError, match=r"ran longer than 0\.1 s"):
        run["spin"].result()


def test_a_timeout_in_a_lane(play, do, ledger):
    """Only the child that took too long is TimedOut; those behind it in the block run."""
    spinning = ledger.task(spin2, timeout_seconds=0.2)

    def case():
        return do.inc.map(spinning.map([1, 2, 3]))

    run = play(case)
    assert kinds(run) == {"spin2": "M[S,TO,S]", "inc": "M[S,TF,S]"}
    assert set(ledger.starts().values()) == {1}


def spin_once(x):
    return spin(x) if context.attempt == 1 else x


@pytest.mark.parametrize(
    ("options", "kind", "attempts"),
    [
        ({}, "S", 2),
        ({"retry_on": TaskTimeoutError}, "S", 2),
        ({"retry_on": ValueError}, "TO", 1),
        ({"retry_condition": lambda error: "longer than 0.1" in str(error)}, "S", 2),
    ],
    ids=["any", "named", "others", "condition"],
)
def test_what_took_too_long_is_retried_like_a_failure(play, ledger, options, kind, attempts):
    """Retries and retry_on count; each attempt has the whole time."""
    spinning = ledger.task(spin_once, timeout_seconds=0.1, retries=1, **options)

    def case():
        return spinning(5)

    run = play(case)
    assert kinds(run) == {"spin_once": kind}
    assert run["spin_once"].attempt == attempts
    if kind == "S":
        told = [event.state.message for event in run.events() if event.name == "spin_once"]
        assert told == ["attempt 1 of 2 failed: ran longer than 0.1 s"]
        assert run.result() == 5


def long_c_call():
    """Stay in C for a second and a half at least, as fast as this machine is if nobody else is."""
    rounds = 200_000
    while True:
        began = time.thread_time()
        hashlib.pbkdf2_hmac("sha256", b"x", b"y", rounds)
        took = time.thread_time() - began
        if took > 0.05:
            return int(rounds * 1.5 / took)
        rounds *= 4


def in_c(rounds):
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", rounds)


def test_a_call_into_c_ends_late_and_says_so(play, ledger):
    """It cannot be interrupted: TimedOut when it returns, with how long it took."""
    calling = ledger.task(in_c, timeout_seconds=0.1)
    rounds = long_c_call()

    def case():
        return calling(rounds)

    run = play(case)
    assert kinds(run) == {"in_c": "TO"}
    message = run["in_c"].state.message
    assert message.startswith("ran longer than 0.1 s; it ended after ")
    assert message.endswith(" s, for in a thread only Python code can be interrupted")


def stubborn(how):
    """Swallow whatever is raised here, and go on until it is asked a second time."""
    asked = 0
    while asked < 2:
        try:
            spin(0)
        except BaseException:  # noqa: BLE001 - the claim is that this does not help it
            asked += 1
    if how == "raise":
        raise ValueError("something else")
    if how == "skip":
        raise Skip("something else")
    return "something"


@pytest.mark.parametrize("how", ["return", "raise", "skip"])
def test_code_that_swallows_the_interruption_meets_it_again(play, ledger, how):
    """Every second; whatever it returns or raises then, it is TimedOut."""
    swallowing = ledger.task(stubborn, timeout_seconds=0.1)

    def case():
        return swallowing(how)

    run = play(case)
    assert kinds(run) == {"stubborn": "TO"}
    assert run["stubborn"].state.message.startswith("ran longer than 0.1 s; it ended after 1.")


async def wait_forever(x):
    if x == 2:
        await asyncio.Event().wait()
    return x


async def spin_in_a_loop(x):
    return spin(x)


def test_coroutines_have_a_timeout(play):
    """One that waits is cancelled in time, one that never waits is interrupted soon after."""
    waiting = task(wait_forever, timeout_seconds=0.1)
    spinning = task(spin_in_a_loop, timeout_seconds=0.1)

    def case():
        return waiting.map([1, 2, 3]), spinning(1)

    run = play(case)
    assert kinds(run) == {"wait_forever": "M[S,TO,S]", "spin_in_a_loop": "TO"}
    assert run["wait_forever"][1].state.message.startswith("ran longer than 0.1 s")
    assert run["spin_in_a_loop"].state.message.startswith("ran longer than 0.1 s")


@pytest.mark.parametrize("executor", ["local"], indirect=True)
def test_coroutines_have_a_timeout_where_a_loop_runs_already(play):
    """In a notebook too, where each runs in a thread of its own."""
    waiting = task(wait_forever, timeout_seconds=0.1)
    spinning = task(spin_in_a_loop, timeout_seconds=0.1)

    async def cell():
        return play(lambda: (waiting.map([1, 2]), spinning(1)))

    run = asyncio.run(cell())
    assert kinds(run) == {"wait_forever": "M[S,TO]", "spin_in_a_loop": "TO"}


def pause_then_spin(x):
    if not context.resumed:
        raise Pause(seconds=0.3)
    return x


def test_waiting_is_not_running(play):
    """The time that a task run waits for a person or an instant does not count."""
    pausing = task(pause_then_spin, timeout_seconds=0.2)
    run = play(lambda: pausing(1))
    assert run.result() == 1


@pytest.mark.outside
def test_eight_threads_never_hit_another(ledger):
    """Of hundreds of calls in eight threads those that take too long are TimedOut, no other."""
    spinning = ledger.task(spin_some, timeout_seconds=0.05)
    given = [n % 4 == 0 for n in range(240)]
    made = flow(lambda: spinning.map(given), executor=LocalExecutor(threads=8), block_size=8)
    run = made.run()
    ends = [short(state) for state in run["spin_some"].state.children]
    told = {end for end, is_long in zip(ends, given, strict=True) if is_long}
    assert told == {"TO"}
    late = [
        (child.ended - child.started).total_seconds()
        for child, end, is_long in zip(run["spin_some"], ends, given, strict=True)
        if end != "S" and not is_long
    ]
    assert all(seconds >= 0.05 for seconds in late)  # the machine was busy: not ours to blame
    assert set(ledger.starts().values()) == {1}


def spin_some(is_long):
    return spin(0) if is_long else is_long


def test_a_call_that_ends_just_in_time_leaves_nothing_behind():
    """However close the end is to the deadline, what runs next in the thread is not interrupted."""
    from daskflow.runtime.calling import call

    def until(instant):
        while time.monotonic() < instant:
            pass

    def innocent():
        return sum(range(2000))

    kinds_seen = set()
    for n in range(300):
        end = time.monotonic() + 0.004 + 0.00001 * (n % 40 - 20)
        kinds_seen.add(short(call(until, [end], {}, 0.004).state))
        assert call(innocent, [], {}).value == 1999000
    assert kinds_seen == {"S", "TO"}


def test_a_timeout_of_no_time_at_all():
    """It may be over before the body has begun: TimedOut, and the thread goes on as before."""
    from daskflow.runtime.calling import call

    for _ in range(200):
        ending = call(spin, [1], {}, 1e-9)
        assert short(ending.state) == "TO"
        assert sum(range(2000)) == 1999000


def test_the_main_thread_has_timeouts_too(ledger):
    """On LocalExecutor bodies run in the caller's thread, and Ctrl-C stays what it is."""
    import signal

    def interrupt():
        signal.raise_signal(signal.SIGINT)

    assert threading.current_thread() is threading.main_thread()
    spinning = ledger.task(spin, timeout_seconds=0.1)
    stop = ledger.task(interrupt, timeout_seconds=5)
    executor = LocalExecutor()
    assert kinds(flow(lambda: spinning(1), executor=executor).run()) == {"spin": "TO"}
    with pytest.raises(KeyboardInterrupt):
        flow(lambda: stop(), executor=executor)()


@pytest.mark.parametrize("executor", ["cluster"], indirect=True)
def test_a_worker_goes_on_after_timeouts(play, ledger, cluster):
    """Many timeouts on the same workers: the processes live, and every other task run is right."""
    before = {name: nanny.pid for name, nanny in cluster.workers.items()}
    spinning = ledger.task(spin2, timeout_seconds=0.05)

    def case():
        return spinning.map([1, 2] * 10)

    run = play(case)
    assert [short(child) for child in run["spin2"].state.children][1::2] == ["TO"] * 10
    assert {name: nanny.pid for name, nanny in cluster.workers.items()} == before

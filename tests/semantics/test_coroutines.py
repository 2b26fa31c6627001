"""Tasks that are ``async def`` functions: each call has an event loop of its own."""

import asyncio
import time

import pytest

from daskflow import LocalExecutor, Skip, context, flow, states, task
from tests.semantics.bodies import kinds


async def slept(x):
    await asyncio.sleep(0)  # gives way to others
    return x + 1


async def gather(xs):
    """Run many at a time in this call's loop, each of which sees whose body it is in."""

    async def one(x):
        await asyncio.sleep(0)  # gives way to others
        return context.task_run_name, x

    both = await asyncio.gather(*(one(x) for x in xs))
    beside = await asyncio.to_thread(lambda: context.task_run_name)
    return [*both, beside]


async def fail(x):
    await asyncio.sleep(0)  # gives way to others
    if x == 0:
        raise ValueError("no")
    if x == 1:
        raise Skip("so")
    if context.attempt < 3:
        raise KeyError(context.attempt)
    return context.task_run_name, context.attempt


def test_coroutines_are_awaited(play, ledger):
    """What they return is the value, mapped or not, and a plain task takes it."""
    adding, total = ledger.task(slept), ledger.task(sum, name="total")
    run = play(lambda: total(adding.map([adding(1), adding(2)])))
    assert run.result() == 7


def test_what_coroutines_raise(play, ledger):
    """An exception, a signal and a retry are those of the call, and its traceback is told."""
    failing = ledger.task(fail, retries=2, retry_on=KeyError)
    run = play(lambda: failing.map([0, 1, 2]))
    assert kinds(run) == {"fail": "M[F,SK,S]"}
    assert run["fail"][2].result() == ("fail[2]", 3)
    assert run["fail"][0].state.message == "ValueError: no"
    assert "in fail" in run["fail"][0].traceback


def test_many_at_a_time_in_one_coroutine(play, ledger):
    """`asyncio.gather` and `to_thread` work, and all that is awaited sees the task run."""
    gathering = ledger.task(gather)
    name = "gather[0]"
    assert play(lambda: gathering.map([[1, 2]])).result() == [[(name, 1), (name, 2), name]]


async def sleep_long():
    await asyncio.sleep(60)  # what the timeout ends


def test_a_timeout_ends_what_is_awaited(play, ledger):
    """A coroutine that sleeps is over when its time is."""
    sleeping = ledger.task(sleep_long, timeout_seconds=0.2)
    began = time.monotonic()
    run = play(lambda: sleeping())
    assert type(run["sleep_long"].state) is states.TimedOut
    assert run["sleep_long"].state.message == "ran longer than 0.2 s"
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("timeout", [None, 30])
def test_a_caller_with_a_loop_that_runs(executor, timeout):
    """As in a notebook: the flow is called where an event loop runs already."""
    words = {} if timeout is None else {"timeout_seconds": timeout}
    adding, gathering = task(slept, **words), task(gather, **words)
    made = flow(lambda: (adding.map([1, 2]), gathering([1])), executor=executor)

    async def notebook():
        return made()

    assert asyncio.run(notebook()) == ([2, 3], [("gather", 1), "gather"])


def test_a_timeout_where_a_loop_runs():
    """The same where the coroutine is run beside the thread that waits for it."""
    sleeping = task(sleep_long, timeout_seconds=0.2)
    made = flow(lambda: sleeping(), executor=LocalExecutor())

    async def notebook():
        return made.run()

    run = asyncio.run(notebook())
    assert type(run["sleep_long"].state) is states.TimedOut


inner = flow(lambda x: task(slept).map([x, x]), name="inner")


async def call(x):
    return inner(x), await slept(x)


def test_a_coroutine_calls_a_flow(play, ledger):
    """A child run, whose tasks may be coroutines too."""
    calling = ledger.task(call)
    assert play(lambda: calling.map([1, 2])).result() == [([2, 2], 2), ([3, 3], 3)]


def test_outside_of_a_flow_it_is_its_function():
    """A call gives the coroutine, for the caller to await."""
    assert asyncio.run(task(slept)(1)) == 2

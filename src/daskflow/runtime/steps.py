"""A task run as a list of steps.

Each step takes the task run and its state and returns a state. Those before the body ask whether it
may start; the first that moves the state away from Pending ends them. Those of a call are walked
once for each iteration, those at the end once. New behaviour is a new step.

Not here: the start time (the driver lowers nothing before it is due) and what is known already
(the driver lowers nothing that is finished).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from daskflow import context
from daskflow.errors import DefinitionError, StoreBusyError
from daskflow.events import NOTHING_BEFORE, Before, Length, Note
from daskflow.lowering.needs import stand_in
from daskflow.mapping import measure
from daskflow.results.serializers import weigh
from daskflow.runtime import state_handlers
from daskflow.runtime.calling import call, make_portable, summary_of, trace_of
from daskflow.runtime.contexts import context_of
from daskflow.runtime.durable import read_later, write_result
from daskflow.runtime.task_run import TaskRun
from daskflow.runtime.upstream import LazyStates
from daskflow.signals import Fail, Pause, Retry, RunInterrupted, Signal
from daskflow.states import (
    FAILED,
    FINISHED,
    Crashed,
    Failed,
    Looped,
    Paused,
    Pending,
    Retrying,
    Running,
    Scheduled,
    State,
    Success,
    TimedOut,
)
from daskflow.timing import as_datetime, now
from daskflow.triggers import count_codes, is_manual, refusal, state_of_signal

PENDING = Pending()
RUNNING = Running()
_LARGE = 1 << 20  # bytes of a value from which on each block gets its part of it only
_RETRIED = {Failed.code, TimedOut.code}


Step = Callable[[TaskRun, State], State]

# ------------------------------------------------------------------------------- before the body


def wait_for_upstream(run: TaskRun, state: State) -> State:
    """Send the run back while one of its upstream task runs is not finished."""
    if count_codes(run.codes).unfinished:
        return Pending("waits for an upstream task run")
    return state


def ask_trigger(run: TaskRun, state: State) -> State:
    """Let the trigger decide, then the skip rule; not again once it let the body start."""
    rules, before = run.node.task.rules, run.before
    if before.is_resumed or before.attempts or before.loops:
        return state
    if is_manual(rules.trigger):
        return Paused("waits for approval")
    counts = count_codes(run.codes)
    if not counts.total:
        return state
    states = LazyStates(lambda: run.wire.states(run.position))
    skips = rules.skips_with_upstream
    try:
        return refusal(rules.trigger, counts, states, skips_with_upstream=skips) or state
    except Signal as signal:
        run.signal = run.exception = signal
        run.ended = now()
        return put_off(run, end_of_signal(run, signal))


def start(run: TaskRun, state: State) -> State:
    """Let the body start, unless a state handler has something else in mind."""
    return state_handlers.enter(run, state, RUNNING)


# ------------------------------------------------------------------------------------ of one call


def call_body(run: TaskRun, state: State) -> State:
    """Call the task's function with its inputs."""
    args, kwargs = run.wire.arguments(run.position)
    run.before = run.before._replace(attempts=run.before.attempts + 1)
    here = context_of(run)
    run.started = now()
    try:
        context.current.set(here)
        ending = call(run.node.task.fn, args, kwargs, run.node.task.rules.timeout)
    finally:
        context.current.set(None)  # first of all, should Ctrl-C come just now
        run.ended = now()
    run.value, run.exception, run.signal = ending.value, ending.error, ending.signal
    run.note = Note(trace=ending.trace) if ending.trace else None
    return ending.state


def check_result(run: TaskRun, state: State) -> State:
    """See to it that the value can travel, and take along a small one.

    The value is what the body returned, or the result that a signal passes on.
    """
    if state.code not in {Success.code, Looped.code} and not isinstance(run.exception, Fail):
        return state
    try:
        run.small, size = weigh(run.value, run.spec.small_result_bytes)
    except Exception as error:
        kind = type(run.value).__name__
        cure = "; make it a list" if isinstance(run.value, Iterator) else ""
        run.value = run.exception = run.note = None
        told = f"returned a {kind} that cannot be pickled: {error}{cure}"
        message = f"task {run.node.task.name!r} {told}"
        return Crashed(message, reason="unserializable")
    if run.node.name in run.spec.measured:
        run.remark(length=_measured(run.value, size))
    return state


def retry(run: TaskRun, state: State) -> State:
    """Where an attempt failed and the rules allow another: Retrying until it is due."""
    policy = run.node.task.rules.retry
    if state.code not in _RETRIED or run.exception is None:
        return state
    attempt = run.before.attempts - run.before.free
    try:
        if not policy.wants(attempt, run.exception):
            return state
        delay = policy.delay_after(attempt, random.random())  # noqa: S311 - spreads load only
    except RunInterrupted:
        raise
    except BaseException as error:  # a rule of the user's: what the body raised matters more
        return replace(
            state, message=f"{state.message} (its retry rule raised {summary_of(error)})"
        )
    due = run.ended + delay
    message = f"attempt {attempt} of {policy.retries + 1} failed: {state.message}"
    run.remark(due=due)
    return Retrying(message, scheduled_for=as_datetime(due))


def put_off(run: TaskRun, state: State) -> State:
    """Where a signal asks for another attempt, or for a pause: say when, and count it."""
    signal, before = run.signal, run.before
    if not isinstance(signal, Retry | Pause):
        return state
    if run.started:
        before = before._replace(free=before.free + 1)
    due = None if isinstance(signal, Retry) else signal.seconds
    if isinstance(signal, Retry):
        before = before._replace(signalled=before.signalled + 1)
        most = run.spec.max_signalled_retries
        if before.signalled > most:
            message = f"asked to be retried more than {most} times (max_signalled_retries)"
            return Failed(f"{message}: {signal.message}", exception=signal)
        due = signal.delay
        if due is None:
            due = run.node.task.rules.retry.delay_after(before.signalled, random.random())  # noqa: S311
    run.before, run.exception = before, None
    if due is None:
        return state
    run.remark(due=run.ended + due)
    return replace(state, scheduled_for=as_datetime(run.ended + due))  # type: ignore[call-arg]


def loop(run: TaskRun, state: State) -> State:
    """Where an iteration ended, tell so, and begin the next."""
    if not isinstance(state, Looped):
        return state
    state = state_handlers.leave(run, RUNNING, state)
    if not isinstance(state, Looped):
        return state
    run.before = Before(loops=run.before.loops + 1)
    run.loop_result, run.value = run.value, None
    run.small = run.note = run.signal = None
    return state_handlers.enter(run, state, RUNNING)


# ------------------------------------------------------------------------------------- at the end


def tell(run: TaskRun, state: State) -> State:
    """Let handlers and hooks see what became of it; handlers may make something else of it."""
    told = state_handlers.leave(run, RUNNING if run.started else PENDING, state)
    if told is state and not run.is_told:
        return state
    run.exception = None
    if told.code == Success.code:
        run.value = getattr(told, "result", None)
        return check_result(run, told)
    if isinstance(told, Scheduled) and told.scheduled_for is not None:
        run.remark(due=told.scheduled_for.timestamp())
    return told


BEFORE_THE_BODY: tuple[Step, ...] = (wait_for_upstream, ask_trigger, start)
OF_A_CALL: tuple[Step, ...] = (call_body, check_result, retry, put_off, loop)
AT_THE_END: tuple[Step, ...] = (tell, write_result)


def walk(run: TaskRun) -> State:
    """Take a task run through its steps; an exception in a step of ours is Crashed."""
    try:
        state = _walk_to_the_end(run)
    except RunInterrupted:
        raise
    except StoreBusyError as error:
        state = read_later(run, error)
    except BaseException as error:  # values of the user's may raise anything when looked at
        message = f"daskflow could not run it: {summary_of(error)}"
        run.note = Note(trace=trace_of(error))
        run.exception = None
        state = Crashed(message, reason="engine")
    if state.code in FAILED or run.exception is not None:
        _pass_on(run, state)
    if run.before.loops or (state.code not in FINISHED and run.before != NOTHING_BEFORE):
        run.remark(before=run.before)
    return state


def _walk_to_the_end(run: TaskRun) -> State:
    if run.before.held:  # its body has ended, and all was told
        return write_result(run, check_result(run, Success()))
    state: State = PENDING
    for step in BEFORE_THE_BODY:
        state = step(run, state)
        if state is not PENDING:
            break
    while state is RUNNING:
        for step in OF_A_CALL:
            state = step(run, state)
    if state.code != Pending.code:  # else it is sent back, and nothing has changed
        for step in AT_THE_END:
            state = step(run, state)
    return state


def end_of_signal(run: TaskRun, signal: Signal) -> State:
    """Return the state in which a signal of a trigger's leaves a task run."""
    state = state_of_signal(signal)
    if not isinstance(signal, Fail):
        run.exception, run.value = None, signal.result
    return check_result(run, state)


def _pass_on(run: TaskRun, state: State) -> None:
    """Note the exception of a failed attempt, and make it what a consumer gets."""
    raised = run.exception if run.exception is not None else getattr(state, "exception", None)
    if isinstance(raised, Fail):
        run.value = raised.result
    note = run.note or Note()
    if raised is not None:
        portable, data = make_portable(raised, note.trace)
        run.note = note._replace(failure=portable if run.is_local else data)
        state = replace(state, exception=portable) if isinstance(state, Failed) else state
    if not isinstance(raised, Fail):
        run.value = stand_in(state, run.label())


def _measured(value: Any, size: int) -> Length:
    """Return what the driver has to know of a value that something maps over."""
    is_text = isinstance(value, str | bytes | bytearray)
    try:
        return Length(measure(value), "", size > _LARGE, is_text)
    except DefinitionError as error:
        return Length(None, str(error), size > _LARGE, is_text)

"""A task run as a list of steps.

Each step takes the task run and its state and returns a state. Those before the body ask whether it
may start; the first that moves the state away from Pending ends them. Those of a call are walked
once for each iteration, and where it did not just return, those of what it wants instead; those at
the end once. New behaviour is a new step.

Most steps have nothing to do for most tasks: one without a cache looks nothing up. So a task run is
taken only through those that the rules of its task give something to do, see `route_of`; one that
has a history, or did not just return, through all of them.

Not here: the start time (the driver lowers nothing before it is due) and what is known already
(the driver lowers nothing that is finished).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from daskflow import context
from daskflow.definition.mapping import length_of
from daskflow.errors import StoreBusyError
from daskflow.events import FIRST_CALL, NOTHING_BEFORE, Before, Note
from daskflow.lowering.needs import stand_in
from daskflow.results.serializers import weigh
from daskflow.runtime import caches, state_handlers
from daskflow.runtime.calling import (
    INTERRUPTED,
    SUCCESS,
    call,
    make_portable,
    summary_of,
    trace_of,
    words_of,
)
from daskflow.runtime.contexts import context_of, with_prints
from daskflow.runtime.durable import read_later, write_result
from daskflow.runtime.nesting import end_of_body, nests
from daskflow.runtime.printing import taking
from daskflow.runtime.task_run import TaskRun
from daskflow.runtime.upstream import LazyStates
from daskflow.signals import Fail, Loop, Pause, Retry, RunInterrupted, Signal
from daskflow.states import (
    FAILED,
    OVER,
    Cached,
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
    TriggerFailed,
)
from daskflow.timing import as_datetime, now
from daskflow.triggers import (
    AfterSetup,
    all_successful,
    closed,
    count_codes,
    is_manual,
    refusal,
    state_of_signal,
)

PENDING = Pending()
RUNNING = Running()
_RETRIED = {Failed.code, TimedOut.code}
_SUCCEEDED = {bytes([Success.code])}  # columns of one task run that just returned
_WITH_VALUE = {Success.code, Cached.code, Looped.code}


Step = Callable[[TaskRun, State], State]

# ------------------------------------------------------------------------------- before the body


def carry_on(run: TaskRun, state: State) -> State:
    """Take up what the iteration before this one has left, or the result of the body."""
    before = run.before
    if run.carry is None:
        return state
    try:
        carried = run.carry()
    except LookupError:  # its block was taken from a worker: the driver hears of that too, and
        return Pending("what it goes on with was lost")  # lets it begin anew
    except Exception as error:
        message = f"what its iteration {before.loops} has left is lost: {error}"
        return Crashed(message, reason="input lost")
    if before.held:
        run.value, run.started, run.ended = carried
    else:
        run.loop_result = carried.value
    return state


def wait_for_upstream(run: TaskRun, state: State) -> State:
    """Send the run back while one of its upstream task runs is not finished."""
    run.counts = count_codes(run.codes)
    if run.counts.unfinished:
        return Pending("waits for an upstream task run")
    return state


def ask_gates(run: TaskRun, state: State) -> State:
    """Keep out what is in a case that did not match, whatever its trigger would say."""
    wire = run.wire
    if not wire.gates:
        return state
    counts = count_codes(wire.gate_codes(run.position))
    if counts.unfinished:
        return Pending("waits for the case that it is in")
    return closed(counts, LazyStates(lambda: wire.gate_states(run.position))) or state


def ask_trigger(run: TaskRun, state: State) -> State:
    """Let the trigger decide, then the skip rule; not again once it let the body start."""
    rules, before = run.node.task.rules, run.before
    if before.is_resumed or before.ended or before.loops:
        return state
    counts = run.counts
    is_usual = counts.successful == counts.total and not counts.skips
    if is_usual and rules.trigger is all_successful:  # nobody wants to know more
        return state
    if is_manual(rules.trigger):
        return Paused("waits for approval")
    states = LazyStates(lambda: run.wire.states(run.position))
    skips = rules.skips_with_upstream
    try:
        return refusal(rules.trigger, counts, states, skips_with_upstream=skips) or state
    except Loop as signal:  # of which iteration?
        return TriggerFailed("its trigger raised Loop, which is for bodies", exception=signal)
    except Signal as signal:
        run.signal = run.exception = signal
        run.ended = now()
        return put_off(run, end_of_signal(run, signal))


def look_up_cache(run: TaskRun, state: State) -> State:
    """Where an earlier result is found under the task run's key, let that stand for its own."""
    rule, facts = run.node.task.rules.cache, run.spec.caching
    if rule is None or facts is None:
        return state
    found = caches.look_up(run, rule, facts)
    return state if found is None else check_result(run, found)


def start(run: TaskRun, state: State) -> State:
    """Let the body start, unless a state handler has something else in mind."""
    return state_handlers.enter(run, state, RUNNING)


# ------------------------------------------------------------------------------------ of one call


def call_body(run: TaskRun, state: State) -> State:
    """Call the task's function with its inputs."""
    args, kwargs = run.wire.arguments(run.position)
    scope, task = run.scope, run.node.task
    scope.is_calling = type(task.rules.trigger) is not AfterSetup  # a cleanup is let end
    if scope.is_cancelled:  # first said, then looked: see `scopes`
        scope.is_calling = False
        return PENDING
    before = run.before
    run.before = (
        FIRST_CALL if before is NOTHING_BEFORE else before._replace(attempts=before.attempts + 1)
    )
    prints = task.rules.log_prints
    is_plain = not (run.spec.log_prints if prints is None else prints)
    here = context_of(run) if is_plain else with_prints(context_of(run))
    around = context.current.get()  # the task that called this flow, if one did
    run.started = now()
    try:
        context.current.set(here)
        if here.printed is None:
            ending = call(task.fn, args, kwargs, task.rules.timeout)
        else:
            with taking(here.printed):
                ending = call(task.fn, args, kwargs, task.rules.timeout)
    finally:
        try:
            context.current.set(around)  # first of all, should it be interrupted just now
            was_open, scope.is_calling = scope.is_calling, False
            if scope.watch is not None:
                scope.settle()
        finally:
            run.ended = now()
            if nests:
                end_of_body(here)
    if was_open and scope.is_cancelled and ending.error is not None:
        ending = INTERRUPTED  # it was told to end, and that is how it did
    if ending is INTERRUPTED:
        scope.stopped()
        run.before = run.before._replace(free=run.before.free + 1)
    run.value, run.exception, run.signal = ending.value, ending.error, ending.signal
    run.note = Note(trace=ending.trace) if ending.trace else None
    return ending.state


def interrupted(run: TaskRun) -> State:
    """Return the state of a task run that was interrupted elsewhere than in its body."""
    run.exception = run.signal = run.small = run.value = run.note = None
    if not run.started:
        return PENDING
    run.ended = run.ended or now()
    before = run.before
    run.before = before._replace(free=min(before.free + 1, before.attempts))
    run.remark(before=run.before)
    return INTERRUPTED.state


def check_result(run: TaskRun, state: State) -> State:
    """See to it that the value can travel, and take along a small one.

    The value is what the body returned, what a cache had, or the result that a signal passes on.
    """
    if state.code not in _WITH_VALUE and not isinstance(run.exception, Fail):
        return state
    try:
        run.small, run.size = weigh(run.value, run.spec.small_result_bytes)
    except RunInterrupted:
        raise
    except BaseException as error:  # classes of the user's raise what they like when asked
        kind = type(run.value).__name__
        cure = "; make it a list" if isinstance(run.value, Iterator) else ""
        run.value = run.exception = run.note = None
        told = f"returned a {kind} that cannot be pickled: {words_of(error)}{cure}"
        message = f"task {run.node.task.name!r} {told}"
        return Crashed(message, reason="unserializable")
    if run.node.name in run.spec.measured:
        run.remark(length=length_of(run.value, run.size))
    return state


def retry(run: TaskRun, state: State) -> State:
    """Where an attempt failed and the rules allow another: Retrying until it is due."""
    policy = run.node.task.rules.retry
    if state.code not in _RETRIED or run.exception is None:
        return state
    attempt = run.before.ended - run.before.free
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
    message = f"attempt {attempt} of {policy.retries + 1} failed: {state.message}"
    return _due_after(run, Retrying(message), delay)


def put_off(run: TaskRun, state: State) -> State:
    """Where a signal asks for another attempt, or for a pause: say when, and count it."""
    signal, before = run.signal, run.before
    if not isinstance(signal, Retry | Pause):
        return state
    if run.started:
        before = before._replace(free=before.free + 1)
    run.before, run.exception = before, None
    if isinstance(signal, Retry):
        return _signalled(run, state, signal)
    return state if signal.seconds is None else _due_after(run, state, signal.seconds)


def _signalled(run: TaskRun, state: State, signal: Retry) -> State:
    """Let it wait for the attempt that it asked for, unless it did so too often."""
    count = run.before.signalled + 1
    most = run.spec.max_signalled_retries
    if count > most:
        message = f"asked to be retried more than {most} times (max_signalled_retries)"
        more = f": {signal.message}" if signal.message else ""
        return Failed(f"{message}{more}", exception=signal)
    run.before = run.before._replace(signalled=count)
    delay = signal.delay
    if delay is None:
        try:
            delay = run.node.task.rules.retry.delay_after(count, random.random())  # noqa: S311
        except RunInterrupted:
            raise
        except BaseException as error:
            told = f"{state.message} (its retry rule raised {summary_of(error)})"
            return Failed(told, exception=error)
    return _due_after(run, state, delay)


def _due_after(run: TaskRun, state: State, delay: float) -> State:
    """Let it wait for so many seconds from now on."""
    due = run.ended + delay
    run.remark(due=due)
    return replace(state, scheduled_for=as_datetime(due))  # type: ignore[call-arg]


def loop(run: TaskRun, state: State) -> State:
    """Where an iteration ended, tell so, and begin the next."""
    if not isinstance(state, Looped):
        return state
    told = state_handlers.leave(run, RUNNING, state)
    if told is not state:
        run.value = getattr(told, "result", None)
        told = check_result(run, told)
    if not isinstance(told, Looped):
        run.is_told, run.value = True, None
        return told
    run.before = Before(loops=run.before.loops + 1)
    run.loop_result, run.value = run.value, None
    run.small = run.note = run.signal = None
    return state_handlers.enter(run, told, RUNNING)


# ------------------------------------------------------------------------------------- at the end


def tell(run: TaskRun, state: State) -> State:
    """Let handlers and hooks see what became of it; handlers may make something else of it."""
    told = state_handlers.leave(run, RUNNING if run.started else PENDING, state)
    if told is state and not run.is_told:
        return state
    if told.code == state.code == Success.code and told.result is None:  # type: ignore[attr-defined]
        return told  # the value stays that of the body
    _take_over(run, told)
    if isinstance(told, Scheduled):
        due = told.scheduled_for.timestamp() if told.scheduled_for is not None else None
        run.remark(due=now() if due is None and told.code == Retrying.code else due)
    return check_result(run, told)


def _take_over(run: TaskRun, told: State) -> None:
    """Let what a state handler made of it stand for what the body did."""
    error = getattr(told, "exception", None)
    trace = run.note.trace if run.note is not None and error is run.exception else ""
    if error is not None and not trace:
        trace = trace_of(error)
    run.note = Note(trace=trace) if error is not None else None
    run.exception = error
    run.value = error.result if isinstance(error, Fail) else None
    run.small = None
    if told.code == Success.code:
        run.value = getattr(told, "result", None)


def keep_result(run: TaskRun, state: State) -> State:
    """Put into the cache what the body returned, if it is to be there.

    Not what a signal passes on, nor what a handler made of it: the state is no longer that of a
    call that returned then.
    """
    rule = run.node.task.rules.cache
    if rule is None or run.cache is None:
        return state
    return caches.keep(run, state, rule.lasts, is_returned=state is SUCCESS)


BEFORE_THE_BODY: tuple[Step, ...] = (
    carry_on,
    wait_for_upstream,
    ask_gates,
    ask_trigger,
    look_up_cache,
    start,
)
OF_A_CALL: tuple[Step, ...] = (call_body, check_result)
WHERE_IT_DID_NOT_RETURN: tuple[Step, ...] = (retry, put_off, loop)
AT_THE_END: tuple[Step, ...] = (tell, keep_result, write_result)


class Route(NamedTuple):
    """The steps that have something to do for some task runs."""

    before_the_body: tuple[Step, ...]
    at_the_end: tuple[Step, ...]
    is_open: bool  # nothing holds up one of which all upstream task runs are Success


def route_of(run: TaskRun) -> Route:
    """Return the steps of a task run that has no history, and ends by returning.

    It is made once for all that are like it in a process.
    """
    spec, node = run.spec, run.node
    kind = node.task, bool(run.wire.gates), node.name in spec.persisted
    route: Route | None = spec.caches.get(kind)
    if route is None:
        route = spec.caches[kind] = _make_route(run, is_gated=kind[1], is_persisted=kind[2])
    return route


def _make_route(run: TaskRun, *, is_gated: bool, is_persisted: bool) -> Route:
    rules = run.node.task.rules
    idle: set[Step] = {carry_on}
    if not is_gated:
        idle.add(ask_gates)
    if rules.cache is None or run.spec.caching is None:
        idle |= {look_up_cache, keep_result}
    if not rules.watchers.is_any:
        idle |= {start, tell}
    if not is_persisted:
        idle.add(write_result)
    first = tuple(step for step in BEFORE_THE_BODY if step not in idle)
    is_open = first == (wait_for_upstream, ask_trigger) and rules.trigger is all_successful
    last = tuple(step for step in AT_THE_END if step not in idle)
    return Route(first, last, is_open)


def walk(run: TaskRun) -> State:
    """Take a task run through its steps; an exception in a step of ours is Crashed."""
    # where only its result is to be written, its body has ended, and all was told
    state = _guarded(_write_again, run, PENDING) if run.before.held else _walk_all(run)
    if state.code in FAILED or run.exception is not None:
        _pass_on(run, state)
    if run.before.loops or (state.code not in OVER and run.before != NOTHING_BEFORE):
        run.remark(before=run.before)
    if run.tape is not None:
        run.tape.end()
    return state


def _walk_all(run: TaskRun) -> State:
    route = route_of(run)
    first = BEFORE_THE_BODY
    if run.before is NOTHING_BEFORE:
        is_free = route.is_open and _SUCCEEDED.issuperset(run.codes)
        first = () if is_free else route.before_the_body
    try:
        state = _walk_to_the_end(run, first)
    except RunInterrupted:
        raise
    except BaseException as error:
        state = _broken(run, error)
    behind = route.at_the_end if state is SUCCESS and not run.is_told else AT_THE_END
    if not behind or state.code == Pending.code:  # it is sent back, and nothing has changed
        return state
    return _guarded(partial(_walk_behind_it, behind), run, state)


def _write_again(run: TaskRun, state: State) -> State:
    """Write the result of a body that has ended."""
    state = carry_on(run, state)
    return state if state is not PENDING else write_result(run, check_result(run, Success()))


def _guarded(step: Step, run: TaskRun, state: State) -> State:
    """Take a step, or some."""
    try:
        return step(run, state)
    except RunInterrupted:
        raise
    except BaseException as error:  # values of the user's may raise anything when looked at
        return _broken(run, error)


def _broken(run: TaskRun, error: BaseException) -> State:
    """Return the state where a step raised: Crashed, or a wait for the storage of an input."""
    if isinstance(error, StoreBusyError):
        run.is_told = True  # it is nothing that the task did
        return read_later(run, error)
    run.note = Note(trace=trace_of(error))
    run.exception = run.small = None
    return Crashed(f"daskflow could not run it: {summary_of(error)}", reason="engine")


def _walk_to_the_end(run: TaskRun, first: tuple[Step, ...]) -> State:
    state: State = PENDING
    for step in first:
        state = step(run, state)
        if state is not PENDING:
            break
    if state is PENDING:  # nobody has anything against it
        state = RUNNING
    while state is RUNNING:
        for step in OF_A_CALL:
            state = step(run, state)
        if state is not SUCCESS:
            for step in WHERE_IT_DID_NOT_RETURN:
                state = step(run, state)
    return state


def _walk_behind_it(steps: tuple[Step, ...], run: TaskRun, state: State) -> State:
    for step in steps:
        state = step(run, state)
    return state


def end_of_signal(run: TaskRun, signal: Signal) -> State:
    """Return the state in which a signal of a trigger's leaves a task run."""
    state = state_of_signal(signal)
    run.value = signal.result
    if not isinstance(signal, Fail):
        run.exception = None
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

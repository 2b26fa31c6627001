"""A task run as a list of steps.

Each step takes the task run and its state and returns a state. The first steps ask whether it may
start; one that moves the state away from Pending, or sends the run back, ends the walk. What the
call makes goes through the steps behind it. New behaviour is a new step.

Not here: the start time (the driver lowers nothing before it is due) and what is known already
(the driver lowers nothing that is finished).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from daskflow import context
from daskflow.context import TaskRunContext
from daskflow.errors import DefinitionError
from daskflow.events import Length, Note
from daskflow.graph import Edge
from daskflow.lowering.needs import stand_in
from daskflow.mapping import measure
from daskflow.nodes import NodeSpec
from daskflow.results.serializers import weigh
from daskflow.runtime.calling import call, make_portable, summary_of, trace_of
from daskflow.runtime.spec import RunSpec
from daskflow.runtime.wiring import Wire
from daskflow.signals import Fail, RunInterrupted
from daskflow.states import FAILED, Crashed, Failed, Pending, Retrying, State, Success
from daskflow.timing import as_datetime, now
from daskflow.triggers import count_codes, refusal

PENDING = Pending()
_LARGE = 1 << 20  # bytes of a value from which on each block gets its part of it only


@dataclass(slots=True)
class TaskRun:
    """One task run on its walk through the steps, and what they found out."""

    spec: RunSpec
    node: NodeSpec
    wire: Wire
    position: int
    index: tuple[int, ...]
    is_local: bool  # whether the driver lives in this process
    codes: list[bytes]  # kinds of the states of all upstream task runs, in columns
    attempt: int = 0  # bodies started, from 1
    started: float = 0.0  # instant; 0.0: the body was not started
    ended: float = 0.0
    value: Any = None  # what a consumer gets
    small: bytes | None = None  # the value, pickled, where it is small
    note: Note | None = None
    exception: BaseException | None = None  # what the body raised


class LazyStates(Mapping[Edge, State]):
    """The states of the upstream task runs, built when a trigger looks at the first of them."""

    def __init__(self, build: Callable[[], Mapping[Edge, State]]) -> None:
        self._build = build

    @cached_property
    def _states(self) -> Mapping[Edge, State]:
        return self._build()

    def __getitem__(self, edge: Edge) -> State:
        return self._states[edge]

    def __iter__(self) -> Iterator[Edge]:
        return iter(self._states)

    def __len__(self) -> int:
        return len(self._states)


Step = Callable[[TaskRun, State], State]


def wait_for_upstream(run: TaskRun, state: State) -> State:
    """Send the run back while one of its upstream task runs is not finished."""
    if count_codes(run.codes).unfinished:
        return Pending("waits for an upstream task run")
    return state


def ask_trigger(run: TaskRun, state: State) -> State:
    """Let the trigger decide, then the skip rule."""
    rules = run.node.task.rules
    counts = count_codes(run.codes)
    if not counts.total:
        return state
    states = LazyStates(lambda: run.wire.states(run.position))
    skips = rules.skips_with_upstream
    return refusal(rules.trigger, counts, states, skips_with_upstream=skips) or state


def call_body(run: TaskRun, state: State) -> State:
    """Call the task's function with its inputs."""
    args, kwargs = run.wire.arguments(run.position)
    run.attempt += 1
    here = _context_of(run)
    run.started = now()
    try:
        context.current.set(here)
        ending = call(run.node.task.fn, args, kwargs)
    finally:
        context.current.set(None)  # first of all, should Ctrl-C come just now
        run.ended = now()
    run.value, run.exception = ending.value, ending.error
    run.note = Note(trace=ending.trace) if ending.trace else None
    return ending.state


def _context_of(run: TaskRun) -> TaskRunContext:
    return TaskRunContext(
        run.spec.flow_name,
        run.spec.run_id,
        run.spec.run_name,
        run.node.task.name,
        run.node.name,
        run.index,
        run.attempt,
        run.spec.tags | run.node.task.rules.tags,
    )


def check_result(run: TaskRun, state: State) -> State:
    """See to it that the value can travel, and take along a small one.

    The value is what the body returned, or the result that a `Fail` passes on.
    """
    if state.code != Success.code and not isinstance(run.exception, Fail):
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
        run.note = (run.note or Note())._replace(length=_measured(run.value, size))
    return state


def retry(run: TaskRun, state: State) -> State:
    """Where an attempt failed and the rules allow another: Retrying until it is due."""
    policy = run.node.task.rules.retry
    if state.code != Failed.code or run.exception is None:
        return state
    try:
        if not policy.wants(run.attempt, run.exception):
            return state
        delay = policy.delay_after(run.attempt, random.random())  # noqa: S311 - spreads load only
    except RunInterrupted:
        raise
    except BaseException as error:  # a rule of the user's: what the body raised matters more
        return replace(
            state, message=f"{state.message} (its retry rule raised {summary_of(error)})"
        )
    due = run.ended + delay
    message = f"attempt {run.attempt} of {policy.retries + 1} failed: {state.message}"
    run.note = (run.note or Note())._replace(due=due)
    return Retrying(message, scheduled_for=as_datetime(due))


STEPS: tuple[Step, ...] = (
    wait_for_upstream,
    ask_trigger,
    call_body,
    check_result,
    retry,
)


def walk(run: TaskRun) -> State:
    """Take a task run through its steps; an exception in a step of ours is Crashed."""
    state: State = PENDING
    try:
        for step in STEPS:
            before, state = state, step(run, state)
            if state is not before and not run.started:
                break
    except RunInterrupted:
        raise
    except BaseException as error:  # values of the user's may raise anything when looked at
        message = f"daskflow could not run it: {summary_of(error)}"
        run.note = Note(trace=trace_of(error))
        run.exception = None
        state = Crashed(message, reason="engine")
    if state.code in FAILED or run.exception is not None:
        _pass_on(run, state)
    return state


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
        run.value = stand_in(state, context.run_label(run.node.name, run.index))


def _measured(value: Any, size: int) -> Length:
    """Return what the driver has to know of a value that something maps over."""
    is_text = isinstance(value, str | bytes | bytearray)
    try:
        return Length(measure(value), "", size > _LARGE, is_text)
    except DefinitionError as error:
        return Length(None, str(error), size > _LARGE, is_text)

"""The state handlers and hooks of a task, called where the change happens: on the worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from daskflow import context
from daskflow.context import TaskRunContext
from daskflow.hooks import ask_handlers, call_hooks
from daskflow.runtime.contexts import context_of, run_context
from daskflow.runtime.nesting import end_of_body
from daskflow.states import DRIVER_MOVES, SHIM_MOVES, State

if TYPE_CHECKING:
    from daskflow.runtime.record import Judge
    from daskflow.runtime.spec import RunSpec
    from daskflow.runtime.task_run import TaskRun


def enter(run: TaskRun, old: State, new: State) -> State:
    """Let the state handlers see that the body is about to start; hooks are not asked.

    Where they make something else of it, that is what became of the task run.
    """
    watchers = run.node.task.rules.watchers
    if not watchers:
        return new
    with _within(run):
        made = ask_handlers(watchers, run.node.task, old, new, lambda to: _may_follow(old, to))
        if made is not new:
            run.is_told = True
            call_hooks(watchers, run.node.task, context.get(), made)
    return made


def leave(run: TaskRun, old: State, new: State) -> State:
    """Let state handlers, then hooks, see what became of a task run, or of an iteration."""
    watchers = run.node.task.rules.watchers
    if not watchers or run.is_told:
        return new
    with _within(run):
        made = ask_handlers(watchers, run.node.task, old, new, lambda to: _may_follow(old, to))
        call_hooks(watchers, run.node.task, context.get(), made)
    return made


def task_judge(spec: RunSpec) -> Judge:
    """Return what asks the state handlers and hooks of tasks about changes the driver makes."""

    def judge(node: str, index: tuple[int, ...], old: State, new: State) -> State | None:
        task = spec.graph.nodes[node].task
        watchers = task.rules.watchers
        if not watchers:
            return None
        here = TaskRunContext(
            run_context(spec), task.name, node, index, new.attempt, task.rules.tags
        )
        token = context.current.set(here)
        try:
            made = ask_handlers(
                watchers, task, old, new, lambda to: to.code in DRIVER_MOVES.get(old.code, ())
            )
            call_hooks(watchers, task, here, made)
        finally:
            context.current.reset(token)
            end_of_body(here)
        return made

    return judge


def _may_follow(old: State, new: State) -> bool:
    return new.code in SHIM_MOVES.get(old.code, ())


@contextmanager
def _within(run: TaskRun) -> Iterator[None]:
    """Let `daskflow.context` tell meanwhile of this task run."""
    here = context_of(run)
    token = context.current.set(here)
    try:
        yield
    finally:
        context.current.reset(token)
        end_of_body(here)

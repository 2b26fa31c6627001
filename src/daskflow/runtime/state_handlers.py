"""The state handlers and hooks of a task, called where the change happens: on the worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from daskflow import context
from daskflow.context import TaskRunContext
from daskflow.hooks import Watchers, ask_handlers, call_hooks
from daskflow.results.serializers import weigh
from daskflow.runtime.contexts import context_of, run_context
from daskflow.runtime.nesting import end_of_body
from daskflow.runtime.spec import RunSpec
from daskflow.states import (
    DRIVER_MOVES,
    FINISHED,
    SHIM_MOVES,
    Cached,
    Crashed,
    Mapped,
    Paused,
    Retrying,
    State,
)

if TYPE_CHECKING:
    from daskflow.runtime.task_run import TaskRun

_MADE_BY_HANDLERS = FINISHED - {Mapped.code, Cached.code} | {Retrying.code, Paused.code}


def enter(run: TaskRun, old: State, new: State) -> State:
    """Let the state handlers see that the body is about to start; hooks are not asked.

    Where they make something else of it, that is what became of the task run.
    """
    watchers = run.node.task.rules.watchers
    if not watchers.is_any:
        return new
    with _within(context_of(run)):
        made = _ask(watchers, run.node.task, old, new, SHIM_MOVES)
        if made is not new:
            run.is_told = True
            call_hooks(watchers, run.node.task, context.get(), made)
    return made


def leave(run: TaskRun, old: State, new: State) -> State:
    """Let state handlers, then hooks, see what became of a task run, or of an iteration."""
    watchers = run.node.task.rules.watchers
    if not watchers.is_any or run.is_told:
        return new
    with _within(context_of(run)):
        made = _ask(watchers, run.node.task, old, new, SHIM_MOVES)
        call_hooks(watchers, run.node.task, context.get(), made)
    return made


@dataclass(frozen=True)
class TaskWatch:
    """Asks the state handlers and hooks of tasks about changes that the driver makes."""

    spec: RunSpec

    def judge(self, node: str, index: tuple[int, ...], old: State, new: State) -> State:
        """Return what the state handlers make of a change; let the hooks see it."""
        task = self.spec.graph.nodes[node].task
        watchers = task.rules.watchers
        if not watchers.is_any:
            return new
        with _within(self._context(node, index, new)):
            made = _sound(_ask(watchers, task, old, new, DRIVER_MOVES), task.name)
            call_hooks(watchers, task, context.get(), made)
        return made

    def observe(self, node: str, index: tuple[int, ...], new: State) -> None:
        """Let the hooks see that a mapped task ended without children."""
        task = self.spec.graph.nodes[node].task
        if task.rules.watchers.is_any:
            with _within(self._context(node, index, new)):
                call_hooks(task.rules.watchers, task, context.get(), new)

    def _context(self, node: str, index: tuple[int, ...], new: State) -> TaskRunContext:
        """Return what is known of a task run that is on no worker."""
        task = self.spec.graph.nodes[node].task
        run = run_context(self.spec)
        return TaskRunContext(run, task.name, node, index, new.attempt, task.rules.tags)


def _ask(
    watchers: Watchers, task: Any, old: State, new: State, moves: Mapping[int, frozenset[int]]
) -> State:
    """Return what the state handlers make of a change: an end, a wait, or the same kind."""

    def may_follow(made: State) -> bool:
        if made.code == new.code:
            return True
        if made.code == old.code == Paused.code:
            return not new.is_finished()  # it is not approved after all
        return made.code in _MADE_BY_HANDLERS and made.code in moves.get(old.code, ())

    return ask_handlers(watchers, task, old, new, may_follow)


def _sound(made: State, task: str) -> State:
    """Return a state whose result can travel."""
    result = getattr(made, "result", None)
    try:
        weigh(result, 0)
    except Exception as error:
        told = f"a state handler of task {task!r} gave a {type(result).__name__}"
        return Crashed(f"{told} that cannot be pickled: {error}", reason="unserializable")
    return made


@contextmanager
def _within(here: TaskRunContext) -> Iterator[None]:
    """Let `daskflow.context` tell meanwhile of this task run."""
    token = context.current.set(here)
    try:
        yield
    finally:
        context.current.reset(token)
        end_of_body(here)

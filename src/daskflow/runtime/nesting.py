"""Flows that a running task calls: child runs, on the same cluster as their parent.

The first call of a flow in a body asks the port for an executor of its kind, and keeps it to the
body's end. On a Dask worker the body's thread leaves its place in the pool to another meanwhile, so
that parents which wait for their children can never hold all threads; when the body has ended it
takes a place again. What the task has of the worker's ``resources`` it holds on to: a child must
not wait for the same ones.
"""

from __future__ import annotations

from contextlib import ExitStack
from contextvars import copy_context

from daskflow import context
from daskflow.context import TaskRunContext
from daskflow.executors.base import Executor
from daskflow.executors.ports import nested
from daskflow.runtime.modules import forget_modules

# by the identity of the context of a body, or of a state handler, that has called a flow
nests: dict[int, tuple[ExitStack, Executor]] = {}


def executor_of_children() -> Executor:
    """Return where a flow runs that the running task calls and that names no executor."""
    here = id(context.current.get())
    if here not in nests:
        apart = copy_context()
        apart.run(_forget)
        with ExitStack() as stack:
            executor = apart.run(stack.enter_context, nested())
            nests[here] = stack.pop_all(), executor
    return nests[here][1]


def _forget() -> None:
    """Let what is started from here not know of the body: it would keep what that was given.

    A Dask worker begins its next task in the context of what made room for it, and so on.
    """
    context.current.set(None)
    forget_modules()


def end_of_body(here: TaskRunContext) -> None:
    """Give back what the children of a body needed; where it had none, do nothing."""
    if id(here) in nests:
        stack, _ = nests.pop(id(here))
        stack.close()

"""What a body, a state handler or a hook on the worker can read of its task run."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from daskflow.context import RunContext, TaskRunContext
from daskflow.graph import new
from daskflow.logs import PrintedLines
from daskflow.timing import as_datetime

if TYPE_CHECKING:
    from daskflow.runtime.spec import RunSpec
    from daskflow.runtime.task_run import TaskRun


def context_of(run: TaskRun) -> TaskRunContext:
    """Return the context of a task run at this moment."""
    node, before = run.node, run.before
    fields = (
        run.spec.caches.get("context") or run_context(run.spec),
        node.task.name,
        node.name,
        run.index,
        before.attempts,
        node.task.rules.tags,
        before.loops,
        run.loop_result,
        before.is_resumed,
        run.upstream,
        None,
        run.open_tape,
    )
    return new(TaskRunContext, fields)


def with_prints(here: TaskRunContext) -> TaskRunContext:
    """Return the context of a body with what takes its prints, which are to be logged."""
    return here._replace(printed=PrintedLines(here.logger))


def run_context(spec: RunSpec) -> RunContext:
    """Return what all task runs of a flow run share, made once in a process."""
    found: RunContext | None = spec.caches.get("context")
    if found is None:
        small = {name: spec.literals[name] for name in spec.parameters if name in spec.literals}
        instant = as_datetime(spec.scheduled_for)
        found = RunContext(
            spec.flow_name,
            spec.run_id,
            spec.run_name,
            small,
            instant,
            spec.tags,
            spec.parents,
            spec.log_level,
            spec.store if spec.host == socket.gethostname() else "",
        )
        spec.caches["context"] = found
    return found

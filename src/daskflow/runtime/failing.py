"""Why a flow run failed: the exception that tells it best, with a note on where it is from."""

from __future__ import annotations

from collections.abc import Iterable

from daskflow.runtime.values import Values
from daskflow.runtime.views import TaskRun, raisable
from daskflow.states import TriggerFailed


def first_failure(
    values: Values, reference_tasks: Iterable[str], run_name: str
) -> BaseException | None:
    """Return the exception of the first failed reference task run; None where none failed.

    Where its trigger failed, that of the first failed task run upstream of it whose own did not.
    """
    wanted = set(reference_tasks)
    order = values.record.graph.order()
    for found in values.record.failed(name for name in order if name in wanted):
        return _explained(values, _root_of(values, TaskRun(values, *found), order), run_name)
    return None


def failures(values: Values) -> list[TaskRun]:
    """Return the task runs that failed, those that a trigger kept from starting included."""
    found = values.record.failed(values.record.graph.order())
    return [TaskRun(values, *one) for one in found]


def _root_of(values: Values, first: TaskRun, order: list[str]) -> TaskRun:
    """Return the task run whose exception tells why this one failed."""
    if not isinstance(first.state, TriggerFailed):
        return first
    graph = values.record.graph
    upstream: set[str] = {first.node}
    for other in reversed(order):
        if not upstream.isdisjoint(graph.after(other)):
            upstream.add(other)
    for found in values.record.failed(other for other in order if other in upstream):
        run = TaskRun(values, *found)
        if not isinstance(run.state, TriggerFailed):
            return run
    return first


def _explained(values: Values, run: TaskRun, run_name: str) -> BaseException:
    """Return the exception of a task run, with a note that says where it comes from."""
    error = raisable(values.exception(run.node, run.index), run.name)
    kinds = [type(other.state) for other in failures(values) if other != run]
    idle = kinds.count(TriggerFailed)
    more = f"; others that failed: {len(kinds) - idle}" if len(kinds) > idle else ""
    more += f"; not started because of failures: {idle}" if idle else ""
    where = f" on {run.worker}" if run.worker else ""
    told = f"in task run {run.name}, attempt {run.attempt}{where}"
    note = f"{told}, of flow run {run_name!r}{more}"
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
        if error.__traceback__ is None and run.traceback:
            error.add_note(f"there:\n{run.traceback}")
    return error

"""The step that makes a result durable, and what happens while its storage cannot be reached.

No task fails for that. A result that cannot be written stays with its block: its task run is
Retrying, says why, and only the writing is tried again, after a pause that grows. So the run waits
without holding a thread, goes on by itself, and no body is called twice. A result that cannot be
read sends the task run that needs it back in the same way.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from daskflow._crash_points import reach
from daskflow.errors import StoreBusyError
from daskflow.states import Crashed, Retrying, State, Success
from daskflow.timing import as_datetime, now

if TYPE_CHECKING:
    from daskflow.runtime.task_run import TaskRun

_FIRST_PAUSE = 0.5  # seconds between tries, doubled each time
_LONGEST_PAUSE = 10.0
_READ_PAUSE = 2.0
_log = logging.getLogger("daskflow")


def write_result(run: TaskRun, state: State) -> State:
    """Write the value of a task run that succeeded, where it is to be durable and is not small."""
    spec, node = run.spec, run.node
    is_due = state.code == Success.code and run.small is None and node.name in spec.persisted
    if not is_due or spec.storage is None:
        return state
    try:
        attempt = run.before.attempts
        stored = spec.storage.write(run.value, node.name, run.position, attempt=attempt)
        reach("result.written")
    except StoreBusyError as error:
        return _write_later(run, error)
    except Exception as error:  # nobody has pickled it whole before
        kind = type(run.value).__name__
        run.value = run.note = None
        message = f"task {node.task.name!r} returned a {kind} that cannot be pickled: {error}"
        return Crashed(message, reason="unserializable")
    run.remark(stored=stored)
    return state


def _write_later(run: TaskRun, error: StoreBusyError) -> State:
    held = run.before.held
    run.before = run.before._replace(held=held + 1)
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**held)
    return _later(run, error, pause)


def read_later(run: TaskRun, error: StoreBusyError) -> State:
    """Return the state of a task run whose inputs cannot be read just now."""
    return _later(run, error, _READ_PAUSE)


def _later(run: TaskRun, error: StoreBusyError, pause: float) -> State:
    _log.warning("%s waits: %s", run.label(), error)
    due = now() + pause
    run.remark(due=due, length=None)
    return Retrying(str(error), scheduled_for=as_datetime(due))

"""The cache as a task run meets it: its key, the result that is there already, the one to be kept.

The key is made before the first body, of what that is given. Where none can be made the task run
fails, for it would never be cached. Where the driver does not answer, the body runs as without a
cache and the state's message says so: a cache saves work, and must not cost any.

A result is kept at the end of its task run, not when the driver accepts its report: so what comes
after it in the same block finds it, as it would from another block. What two task runs begin at the
same time, both do.
"""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from typing import cast

from daskflow.caching import CacheEntry, CacheFacts, CacheKey, CacheRule, Call, make_key
from daskflow.errors import CacheKeyError, UnansweredError
from daskflow.executors.ports import current_port
from daskflow.questions import CacheLookup, CacheWrite
from daskflow.results.serializers import small_bytes
from daskflow.runtime.contexts import context_of
from daskflow.runtime.task_run import TaskRun
from daskflow.states import Cached, Failed, State, Success
from daskflow.timing import now

_LARGEST = 1 << 30  # bytes of a result that is sent in one message


def look_up(run: TaskRun, rule: CacheRule, facts: CacheFacts) -> State | None:
    """Return Cached where a result is there, Failed where there can be no key; else None."""
    call = _call_of(run, facts)
    try:
        run.cache = make_key(rule, call)
    except CacheKeyError as error:
        run.exception, run.ended = error, now()
        return Failed(f"CacheKeyError: {error}", exception=error)
    if run.cache is None or run.before.ended or run.before.loops:
        return None
    entry = _find(run, run.cache.key)
    if entry is None:
        return None
    try:
        run.value = pickle.loads(entry.value)
    except Exception:  # its classes have changed since: as if it were not there
        return None
    run.ended = now()
    return Cached(f"made by {entry.made_by}")


def keep(run: TaskRun, state: State, lasts: float | None, *, is_returned: bool) -> State:
    """Keep the value that the body returned, and note what the key was made of.

    Parameters
    ----------
    lasts
        Seconds for which it can be found; None: without end.
    is_returned
        Whether it did, and nobody made something else of it.
    """
    key, digests = cast(CacheKey, run.cache)
    run.remark(digests=digests)
    if is_returned and not run.not_cached:
        made_by = context_of(run).task_run_id
        name = run.node.task.name
        _write(run, CacheWrite(key, _bytes_of(run), digests, name, made_by, lasts))
    if run.not_cached and state.code == Success.code and not state.message:
        return replace(state, message=f"not cached: {run.not_cached}")
    return state


def _call_of(run: TaskRun, facts: CacheFacts) -> Call:
    args, kwargs = run.wire.arguments(run.position)
    names = [argument.name for argument in run.node.arguments if argument.keyword is None]
    task = run.node.task
    inputs = {**task.binding.defaults, **dict(zip(names, args, strict=True)), **kwargs}
    source = facts.sources.get(run.node.name, "")
    return Call(task.name, inputs, context_of(run), source, facts.parameters)


def _find(run: TaskRun, key: str) -> CacheEntry | None:
    try:
        return current_port().ask(run.spec.session, CacheLookup(key))
    except UnansweredError as error:
        run.not_cached = str(error)
        return None


def _bytes_of(run: TaskRun) -> bytes:
    """Return the value pickled; `check_result` has seen that it can be."""
    return run.small or small_bytes(run.value, sys.maxsize) or b""


def _write(run: TaskRun, question: CacheWrite) -> None:
    """Ask the driver to keep the value; what goes wrong is noted."""
    size = len(question.value)
    if size > _LARGEST:
        run.not_cached = f"its {size:,} bytes are more than {_LARGEST:,}"
        return
    try:
        current_port().ask(run.spec.session, question)
    except UnansweredError as error:
        run.not_cached = str(error)

"""Whatever waits on a worker behind bodies that take long goes to others.

Dask sends a worker more tasks than it has threads, and takes them away again by how long tasks of
that name took so far: a body that takes far longer than the others holds up what was sent behind
it. The tracker knows such bodies: the time of their blocks is over. Where they fill all threads of
a worker, this asks Dask's own work stealing to move what has not begun.

It needs a method of Dask's that is public but not promised, `WorkStealing.move_task_request`; a
test pins it. The worker is asked, and keeps what it has begun.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

IsLong = Callable[[Any], bool]  # whether the task of a key is known to take long


def is_full(ws: Any, is_long: IsLong) -> bool:
    """Return whether all threads of a worker are at what takes long."""
    return sum(is_long(ts.key) for ts in ws.processing) >= int(ws.nthreads)


def unload(scheduler: Any, is_long: IsLong) -> set[Any]:
    """Ask for what waits on full workers to be moved, each to the least loaded of the others.

    Returns the full workers.
    """
    stealing = scheduler.extensions.get("stealing")
    if stealing is None:  # it is switched off
        return set()
    full = {ws for ws in scheduler.workers.values() if is_full(ws, is_long)}
    free = scheduler.running - full
    if not full or not free:
        return full
    counts = {ws: len(ws.processing) for ws in scheduler.workers.values()}  # with what comes now
    for victim in full:
        for ts in [ts for ts in victim.processing if not is_long(ts.key)]:
            valid = scheduler.valid_workers(ts)
            thieves = free if valid is None else valid - full
            if thieves:
                thief = min(thieves, key=lambda ws: (counts[ws] / ws.nthreads, ws.address))
                counts[thief] += 1
                stealing.move_task_request(ts, victim, thief)
    return full

"""The blocks of a cancelled run, wherever the scheduler has them, are called off.

Each is marked, so that no worker begins it that gets it from now on. The workers that have some are
told; they tell which they have begun: only those will report for themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from daskflow.executors.base import Mark
from daskflow.executors.wire import CANCEL, is_block, run_of


def mark(tasks: Iterable[Any], run_id: str, before: int) -> list[int]:
    """Mark the blocks of a run up to a number; return those that no worker has."""
    idle = []
    for task in tasks:
        if not _is_meant(task, run_id, before) or task.state in {"memory", "erred"}:
            continue
        task.annotations = {**(task.annotations or {}), Mark.CALLED_OFF.value: True}
        if task.state != "processing":
            idle.append(task.key[1])
    return idle


async def tell(
    scheduler: Any, run_id: str, before: int, workers: Collection[str]
) -> list[tuple[str, int]]:
    """Tell workers; return the blocks that they have not begun, and will not, each with its worker.

    Parameters
    ----------
    workers
        Addresses of those that know what to do.
    """
    sent = {
        worker: [
            task.key[1]
            for task in scheduler.workers[worker].processing
            if _is_meant(task, run_id, before)
        ]
        for worker in workers
        if worker in scheduler.workers
    }
    told = {"op": CANCEL, "run_id": run_id, "before": before}
    begun = await scheduler.broadcast(msg=told, workers=list(sent), on_error="ignore")
    return [
        (worker, number)
        for worker, numbers in begun.items()
        for number in sent[worker]
        if number not in numbers
    ]


def _is_meant(task: Any, run_id: str, before: int) -> bool:
    key = task.key
    return run_of(key) == run_id and is_block(key) and key[1] < before

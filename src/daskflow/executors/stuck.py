"""What no worker can run: found in the scheduler's state, told when it has waited too long."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from daskflow.demands import Demand
from daskflow.executors.placement import NO_WORKERS, Offer
from daskflow.executors.wire import is_block

if TYPE_CHECKING:
    from distributed import Scheduler


@dataclass(slots=True)
class _Wait:
    key: Any  # of a block
    since: float
    is_told: bool = False


@dataclass(slots=True)
class StuckBlocks:
    """The blocks of one run that no worker can run, by what would be told of them.

    Examples
    --------
    >>> stuck = StuckBlocks(patience=2.0)
    >>> stuck.look({"GPU": "block 1"}, 10.0), stuck.look({"GPU": "block 1"}, 12.0)
    ([], ['block 1'])
    >>> stuck.look({"GPU": "block 1"}, 14.0)  # told once
    []
    """

    patience: float  # seconds in which a worker may come who can run a block
    waits: dict[Hashable, _Wait] = field(default_factory=dict)  # by kind

    def look(self, found: Mapping[Hashable, Any], now: float) -> list[Any]:
        """Take in what is stuck now, a block for each kind; return those to be told.

        What is stuck no more is forgotten: should it be stuck once more, it is told once more.
        """
        before, self.waits = self.waits, {}
        due = []
        for kind, key in found.items():
            wait = before.get(kind)
            if wait is None or (wait.key != key and not wait.is_told):
                wait = _Wait(key, now)  # the one before has begun meanwhile
            self.waits[kind] = wait
            if not wait.is_told and now - wait.since >= self.patience:
                wait.is_told = True
                due.append(key)
        return due


def stuck_blocks(
    scheduler: Scheduler, is_ours: Callable[[Any], bool]
) -> Iterator[tuple[Hashable, Any]]:
    """Return the keys of our blocks that no worker can run, each with its kind, oldest first.

    The kind is what is told once: task and demand, or that there is no worker at all. Dask's prefix
    of a key is the name of the task. A part of a value, or a literal, has no name to be told: the
    block that needs it stands for it.
    """
    waiting = [*scheduler.unrunnable, *(() if scheduler.running else scheduler.queued)]
    for ts in filter(lambda ts: is_ours(ts.key), waiting):
        block = ts if is_block(ts.key) else next(iter(ts.dependents or ()), None)
        if block is not None:
            name = block.prefix.name
            yield (name, demand_of(block)) if scheduler.workers else NO_WORKERS, block.key


def demand_of(ts: Any) -> Demand:
    """Return what a task on the scheduler asks of its worker."""
    asked = ts.annotations or {}
    resources = tuple(sorted((asked.get("resources") or {}).items()))
    return Demand(resources, workers=tuple(sorted(asked.get("workers") or ())))


def offers_of(scheduler: Scheduler) -> list[Offer]:
    """Return what each worker of a scheduler has to offer, by name."""
    return [
        Offer(ws.address, str(ws.name), ws.host, ws.resources, ws in scheduler.running)
        for ws in sorted(scheduler.workers.values(), key=lambda ws: str(ws.name))
    ]

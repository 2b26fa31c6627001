"""When it is told that no worker can run a block: late enough, and once."""

from __future__ import annotations

from types import SimpleNamespace

from daskflow.demands import Demand
from daskflow.executors.placement import NO_WORKERS
from daskflow.executors.stuck import StuckBlocks, demand_of, stuck_blocks


def test_it_is_told_once_when_it_has_waited_too_long():
    """Not before its time, and not again as long as its kind is stuck, whichever block it is."""
    stuck = StuckBlocks(patience=2.0)
    assert stuck.look({"gpu": 1}, 100.0) == []
    assert stuck.look({"gpu": 1}, 101.9) == []
    assert stuck.look({"gpu": 1}, 102.0) == [1]
    assert stuck.look({"gpu": 1}, 110.0) == []
    assert stuck.look({"gpu": 2}, 120.0) == []


def test_what_starts_soon_is_not_told():
    """A block that begins in time is forgotten; the one behind it waits from then on."""
    stuck = StuckBlocks(patience=2.0)
    assert stuck.look({"gpu": 1}, 100.0) == []
    assert stuck.look({"gpu": 2}, 101.5) == []
    assert stuck.look({"gpu": 2}, 103.0) == []
    assert stuck.look({}, 103.4) == []
    assert stuck.look({"gpu": 2}, 104.0) == []


def test_what_is_stuck_once_more_is_told_once_more():
    """The worker that came has left again."""
    stuck = StuckBlocks(patience=0.0)
    assert stuck.look({"gpu": 1}, 100.0) == [1]
    assert stuck.look({}, 101.0) == []
    assert stuck.look({"gpu": 2, "big": 3}, 102.0) == [2, 3]


def task(name, number, *, dependents=(), **annotations):
    """Return what a scheduler knows of a task, whose key may be one of a small group."""
    key, prefix = (f"{name}-{number}", number), SimpleNamespace(name=name)
    return SimpleNamespace(key=key, prefix=prefix, dependents=dependents, annotations=annotations)


def scheduler(*unrunnable, queued=(), workers=1, running=1):
    """Return what is read of a scheduler."""
    return SimpleNamespace(
        unrunnable=list(unrunnable),
        queued=list(queued),
        workers=list(range(workers)),
        running=list(range(running)),
    )


def found(there):
    return list(stuck_blocks(there, lambda key: not key[0].startswith("other")))


def test_what_no_worker_can_run_by_task_and_demand():
    """Of our own tasks only, and queued ones only where nobody runs at all."""
    gpu = task("train", 1, resources={"GPU": 1})
    plain = task("load", 2)
    there = scheduler(gpu, task("other", 3), queued=[plain])
    assert found(there) == [(("train", Demand((("GPU", 1),))), ("train-1", 1))]
    assert demand_of(gpu) == Demand((("GPU", 1),))
    there = scheduler(gpu, queued=[plain], running=0)
    assert [key for _, key in found(there)] == [("train-1", 1), ("load-2", 2)]


def test_without_any_worker_all_tasks_are_one_kind():
    """It is told once that there is none, not once for each task."""
    there = scheduler(task("load", 1), task("train", 2), workers=0, running=0)
    assert found(there) == [(NO_WORKERS, ("load-1", 1)), (NO_WORKERS, ("train-2", 2))]


def test_a_block_stands_for_the_literal_that_it_waits_for():
    """A literal has no name that anybody knows; one that nobody needs is not told."""
    block = task("load", 7)
    literal = task("literal", "days", dependents=[block])
    there = scheduler(literal, task("literal", "unused"), workers=0, running=0)
    assert found(there) == [(NO_WORKERS, ("load-7", 7))]

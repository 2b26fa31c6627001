"""What is moved away from workers that are busy for long, and to whom."""

from dataclasses import dataclass, field

import pytest

from daskflow.executors.unloading import is_full, unload


@dataclass(eq=False)
class Task:
    """What a scheduler knows of a task, as far as this is asked."""

    key: str
    valid: set | None = None  # workers that may run it; None: all


@dataclass(eq=False)
class Worker:
    """The same, of a worker."""

    address: str
    processing: list
    nthreads: int = 1


@dataclass
class Scheduler:
    """The same, of a scheduler; it notes what it is asked to move."""

    workers: dict
    extensions: dict = field(init=False)
    moved: list = field(default_factory=list)

    def __post_init__(self):
        self.extensions = {"stealing": self}
        self.running = {*self.workers.values()}

    def valid_workers(self, ts):
        return ts.valid

    def move_task_request(self, ts, victim, thief):
        self.moved.append((ts.key, victim.address, thief.address))


def is_long(key):
    return key.startswith("long")


def cluster(*workers):
    return Scheduler({worker.address: worker for worker in workers})


def test_what_waits_goes_to_the_least_loaded():
    """Two tasks behind a long one are asked for, in the name of the worker with the least to do."""
    slow = Worker("a", [Task("long"), Task("one"), Task("two")])
    made = cluster(slow, Worker("b", [*map(Task, "345")]), Worker("c", []))
    unload(made, is_long)
    assert made.moved == [("one", "a", "c"), ("two", "a", "c")]


def test_what_goes_is_counted_where_it_goes():
    """So that not all of it goes to the one worker that has the least to do now."""
    slow = Worker("a", [Task("long"), *map(Task, "123")])
    made = cluster(slow, Worker("b", []), Worker("c", []))
    unload(made, is_long)
    assert [thief for _, _, thief in made.moved] == ["b", "c", "b"]


@pytest.mark.parametrize(
    ("processing", "nthreads", "expected"),
    [
        (["long"], 1, True),
        (["short"], 1, False),
        (["long"], 2, False),
        (["long", "long-2"], 2, True),
    ],
)
def test_a_worker_is_full_when_no_thread_is_left(processing, nthreads, expected):
    """One with a thread that goes on keeps what it has."""
    worker = Worker("a", [Task(key) for key in processing], nthreads)
    assert is_full(worker, is_long) is expected


def test_nothing_goes_where_it_would_wait_too():
    """Nor to a worker that may not run it."""
    there = Worker("b", [Task("long")])
    made = cluster(Worker("a", [Task("long"), Task("one")]), there)
    unload(made, is_long)
    here = Worker("a", [])
    here.processing = [Task("long"), Task("bound", valid={here})]
    bound = cluster(here, Worker("c", []))
    unload(bound, is_long)
    assert made.moved == bound.moved == []


def test_where_stealing_is_switched_off_all_stays():
    """Dask has no way then to take a task from a worker in time."""
    made = cluster(Worker("a", [Task("long"), Task("one")]), Worker("b", []))
    made.extensions.clear()
    unload(made, is_long)
    assert made.moved == []

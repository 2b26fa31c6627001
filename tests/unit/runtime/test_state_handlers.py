"""Changes that only the driver can make: what handlers and hooks of tasks make of them."""

from __future__ import annotations

import threading

import pytest

from daskflow import Skip, context, flatten, manual_only, task
from daskflow.runtime.record import RunRecord
from daskflow.runtime.state_handlers import TaskWatch
from daskflow.runtime.values import Values
from daskflow.signals import RunInterrupted
from daskflow.states import (
    Cancelled,
    Crashed,
    Failed,
    Mapped,
    Paused,
    Pending,
    Retrying,
    Running,
    Skipped,
    Success,
)
from tests.unit.runtime.book import Book

seen = []


@pytest.fixture(autouse=True)
def nothing_seen():
    """Forget what the test before this one has seen."""
    seen.clear()
    yield
    assert context.get() is None  # whatever was asked has been asked within a context of its own


def hook(task, run, state):
    seen.append((task.name, run.task_run_name, run.attempt, type(state).__name__))


def handler(made):
    """Return a state handler that makes this of every end that the driver gives."""

    def handle(task, old, new):
        seen.append((context.task_run_name, type(old).__name__, type(new).__name__))
        return made

    return handle


HOOKS = dict.fromkeys(["on_completion", "on_failure", "on_cancellation", "on_crashed"], hook)


def watched(function, **parameters):
    book = Book(function, **parameters)
    book.record = RunRecord(book.graph, book.kept, TaskWatch(book.spec))
    return book


def one(made=None, **options):
    return task(lambda x=0: x, name="one", state_handlers=handler(made), **HOOKS, **options)


def after(x):
    return task(lambda x: x, name="after")(x)


@pytest.mark.parametrize("made", [None, Success("saved", result=[7]), Skipped("so"), Failed("no")])
def test_a_loss_is_seen(made):
    """A block that does not come back crashes its task runs; handlers may make more of that."""
    book = watched(lambda: after(one(made)()))
    book.lower(1)
    book.fold(1, error="worker gone").fold(2, error="behind it", is_origin=False)
    state = book.record.state("one", 0)
    assert type(state) is (type(made) if made else Crashed)
    assert seen == [
        ("one", "Pending", "Crashed"),
        ("one", "one", 0, type(state).__name__),
    ]
    book.play()
    if type(state) is Success:
        assert book.kinds("after") == ["Success"]
        values = Values(book.record, book)
        assert values.at("one") == values.at("after") == [7]
        assert "one" not in book.record.lengths  # nothing maps over it


@pytest.mark.parametrize("made", [Pending(), Running(), Mapped(), Retrying(), "text"], ids=repr)
def test_what_cannot_be_made_of_an_end(made):
    """Neither a wait, for nobody would wake it, nor what is no end."""
    book = watched(lambda: one(made)())
    book.lower()
    book.fold(1, error="worker gone")
    assert book.kinds("one") == ["Failed"]
    assert "which may not follow Pending" in book.record.state("one", 0).message


def test_what_is_made_must_travel():
    """A result that cannot be pickled would break the plan that sends it to who depends on it."""
    book = watched(lambda: after(one(Success(result=threading.Lock()))()))
    book.lower(1)
    book.fold(1, error="worker gone").fold(2, error="behind it", is_origin=False)
    state = book.record.state("one", 0)
    assert (type(state), state.reason) == (Crashed, "unserializable")
    assert state.message.startswith("a state handler of task 'one' gave a lock that cannot be")
    assert seen[-1] == ("one", "one", 0, "Crashed")


def test_cancellation_is_seen():
    """Of task runs that never began, and of mapped tasks that have no children yet."""
    book = watched(lambda: one().map(flatten(one()())))
    book.record.cancel_unfinished("stopped")
    assert sorted(seen) == [
        ("one", "Pending", "Cancelled"),
        ("one", "one", 0, "Cancelled"),
        ("one", "one-2", 0, "Cancelled"),
    ]
    assert book.record.is_finished()


def test_a_handler_may_keep_what_would_be_cancelled():
    """Its end counts; the run ends all the same."""
    book = watched(lambda: one(Success(result=5))())
    book.record.cancel_unfinished("stopped")
    assert (book.kinds("one"), book.record.open) == (["Success"], 0)
    assert Values(book.record, book).at("one") == 5


def test_a_mapped_task_that_ends_without_children_is_observed():
    """Hooks hear of it, with the index of its lane; handlers are for task runs."""
    lanes = task(lambda x, y: x, name="lanes", state_handlers=handler(Success()), **HOOKS)
    watched(lambda: lanes.map([1, 2], [3])).play()
    assert seen == [("lanes", "lanes", 0, "Failed")]


def test_who_has_no_watchers_is_not_asked():
    """In a run in which others have some."""
    plain = task(lambda x: x, name="plain")
    watch = watched(lambda: (one()(), plain(1)))
    made = TaskWatch(watch.spec)
    new = Cancelled("c")
    assert made.judge("plain", (), Pending(), new) is new
    made.observe("plain", (), new)
    assert seen == []


APPROVALS = [
    (None, "Pending", 1),
    (Pending("by me"), "Pending", 1),
    (Paused("not yet"), "Paused", 0),
    (Skipped("instead"), "Skipped", 0),
    (Failed("never"), "Failed", 0),
    (Retrying("later"), "Failed", 0),
]


@pytest.mark.parametrize(("made", "kind", "is_open"), APPROVALS)
def test_an_approval_is_seen(made, kind, is_open):
    """It may be refused, or an end be made of it."""

    def decide(task, old, new):
        return made if isinstance(old, Paused) else None

    waiting = task(lambda: 1, name="one", trigger=manual_only, state_handlers=decide)
    book = watched(lambda: waiting()).play()
    book.record.approve("one", 0)
    assert (book.kinds("one"), book.record.open) == ([kind], is_open)
    assert bool(book.record.paused) is (kind == "Paused")
    book.record.approve("one", 0)  # once more: what does not wait is left alone
    if kind == "Pending":
        assert book.play().kinds("one") == ["Success"]


def test_ctrl_c_in_a_handler_goes_up():
    """The engine's own interrupt is the driver's affair, and the record stays whole."""

    def interrupted(*_):
        raise RunInterrupted

    waiting = task(lambda: 1, name="one", trigger=manual_only, on_failure=interrupted)
    book = watched(lambda: waiting()).play()
    with pytest.raises(RunInterrupted):
        book.record.reject("one", 0, "no")
    assert book.kinds("one") == ["Paused"]


def test_a_handler_on_the_worker_sees_its_context():
    """At each change the context tells of the task run as it is then."""

    def skip(x):
        raise Skip("so")

    def look(task, old, new):
        seen.append((context.task_run_name, context.attempt, type(new).__name__))

    watched(lambda: task(skip, state_handlers=look).map([1])).play()
    assert seen == [("skip[0]", 0, "Running"), ("skip[0]", 1, "Skipped")]

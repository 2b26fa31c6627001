"""The loop that drives a run: how often it lowers, and what ends it early."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest

from daskflow import LocalExecutor, Pause, context, flow, manual_only, task
from daskflow.errors import DaskflowError
from daskflow.executors.local import LocalSession
from daskflow.garbage import uncollected
from daskflow.lowering.known import OWNED
from daskflow.runtime import driver
from daskflow.runtime.driver import Assignment, Contact, Driver
from daskflow.signals import RunInterrupted
from daskflow.timing import now
from tests.unit.runtime.book import Book


@task
def one(x=0):
    return x


@task
def listed(xs):
    return list(xs)


@pytest.fixture
def lowered(monkeypatch):
    """The plans that were made meanwhile, one for each call of `lower`."""
    plans = []
    lower = driver.lower

    def counted(*args):
        plans.append(lower(*args))
        return plans[-1]

    # the real function does the work; only here can be seen how often it is called
    monkeypatch.setattr(driver, "lower", counted)
    return plans


def driven(function, threads=None, **options):
    book = Book(function)
    session = LocalSession("ab12", book.spec, threads)
    job = Assignment("ab12", book.graph, book.literals, frozenset(), block_size=1, window=100)
    return Driver(job, book.record, session, Contact(**options))


def test_what_nobody_waits_for_does_not_lower(lowered):
    """Of many reports only that of the node that a map waits for makes another plan."""
    made = driven(lambda: ([one(i) for i in range(50)], one.named("over").map(listed([1, 2]))))
    made.drive()
    assert len(lowered) == 2
    assert [sum(block.task_runs() for block in plan.blocks) for plan in lowered] == [51, 2]
    assert made.record.width("over") == 2


def test_where_all_is_known_at_once_one_plan_is_enough(lowered):
    """A lane over a constant and a reduce need no second pass."""
    driven(lambda: listed(one.map(one.map([1, 2, 3])))).drive()
    assert len(lowered) == 1


@pytest.mark.parametrize("threads", [None, 2])
def test_a_late_width_behind_many_nodes_is_cheap(lowered, threads):
    """The length of a list of 200 nodes makes a handful of passes, not one for each report."""

    @flow(executor=LocalExecutor(threads))
    def case():
        return one.map(listed([one(i) for i in range(200)]))

    assert case() == list(range(200))
    assert len(lowered) <= 3


def test_an_interrupt_ends_the_loop():
    """The driver asks before it begins, and after every batch of reports; it begins no more."""
    asked = []

    def is_interrupted():
        asked.append(1)
        return len(asked) == 3

    made = driven(lambda: [one(i) for i in range(9)], is_interrupted=is_interrupted)
    with pytest.raises(RunInterrupted):
        made.drive()
    record = made.record
    assert len(asked) == 3
    assert len(record.in_flight) == 9 - 2


def test_every_pass_tells_that_something_changed():
    """Whoever watches the run hears of the first plan and of each batch of reports."""
    heard = []
    driven(lambda: [one(i) for i in range(3)], on_change=lambda: heard.append(1)).drive()
    assert len(heard) == 1 + 3


def test_what_people_decide_is_carried_out():
    """Orders are obeyed before anything is lowered; what waits for a person ends the loop."""
    manual = task(one.fn, name="manual", trigger=manual_only)
    made = driven(lambda: (manual(1), manual.named("other")(2), one(3)))
    made.drive()
    assert made.record.paused == {("manual", 0), ("other", 0)}
    made.contact.orders.put(lambda record: record.approve("manual", 0))
    made.contact.orders.put(lambda record: record.reject("other", 0, "no"))
    made.drive()
    kinds = {name: type(made.record.node_state(name)).__name__ for name in made.record.nodes}
    assert kinds == {"manual": "Success", "other": "Failed", "one": "Success"}
    assert made.record.is_finished()


@pytest.mark.parametrize("threads", [None, 2])
def test_what_waits_for_an_instant_keeps_the_driver(threads):
    """It goes on when it is due, or when it is approved, whichever comes first."""

    def pause(x):
        if not context.resumed:
            raise Pause(seconds=x)
        return x

    made = driven(lambda: [task(pause)(0.01), task(pause)(3600)], threads)
    asked = []

    def approve_late():
        """Approve the one that waits for an hour once it does."""
        if ("pause-2", 0) in made.record.paused and not asked:
            asked.append(1)
            made.contact.orders.put(lambda record: record.approve("pause-2", 0))
        return False

    made.contact = replace(made.contact, is_interrupted=approve_late)
    made.drive()
    assert [made.record.nodes[name].attempts[0] for name in ("pause", "pause-2")] == [2, 2]


def test_what_can_never_start_is_a_bug():
    """The loop ends with an error that says so, where it would have ended as if all were well."""
    made = driven(lambda: one())
    made.record.nodes["one"].codes[0] = OWNED  # by no block
    with pytest.raises(DaskflowError, match="1 task runs can never start; this is a bug"):
        made.drive()


def test_how_much_is_ended_in_a_second():
    """What is older than a second does not count; before one is over nobody knows."""
    flow_of = driver.Throughput()
    flow_of.note(0, 100.0)
    assert (flow_of.per_second(100.0), flow_of.is_known) == (0, False)
    flow_of.note(3, 100.0)
    flow_of.note(4, 100.6)
    assert (flow_of.per_second(101.0), flow_of.is_known) == (7, False)
    assert (flow_of.per_second(101.1), flow_of.is_known) == (4, True)
    assert flow_of.per_second(200.0) == 0


@pytest.mark.parametrize(("seen", "blocks"), [(None, 32), (1, 8), (50, 100)])
def test_so_many_blocks_are_on_the_executor_as_it_ends_in_two_seconds(seen, blocks):
    """A few for each thread at least; as many as the setting says before anything is known."""
    made = driven(lambda: [one(i) for i in range(200)], threads=2)
    made.job = replace(made.job, window=16)
    if seen is not None:
        made._flow.note(1, now() - 2.0)
        made._flow.note(seen, now())
    made._lower()
    assert len(made.record.in_flight) == blocks


@pytest.mark.parametrize("quick", [0.0, 3600.0])
@pytest.mark.parametrize("is_on", [True, False])
def test_the_garbage_collector_is_as_it_was(monkeypatch, is_on, quick):
    """It rests while a plan is made or folded, and only then; who switched it off is right."""
    monkeypatch.setattr(driver, "_QUICK", quick)  # so each plan took long to lower, or none
    seen = []

    @task
    def look():
        seen.append(gc.isenabled())

    (gc.enable if is_on else gc.disable)()
    try:
        driven(lambda: look(wait_for=[look()])).drive()
        assert gc.isenabled() is is_on
    finally:
        gc.enable()
    assert seen == [is_on, is_on]


@pytest.mark.parametrize(
    ("took", "reports", "waits"),
    [(0.001, [], [True]), (0.1, [], [False, True]), (0.1, ["one"], [False])],
)
def test_a_plan_leaves_before_the_garbage_collector_looks_around(took, reports, waits):
    """Where much was lowered it stops the thread that sends the plan; a little does not matter."""
    made, seen = driven(lambda: one()), []

    def wait(seconds):
        seen.append(gc.isenabled())
        assert 0 < seconds <= (0.2 if gc.isenabled() else driver._LEAVING)
        return reports

    made.session.wait = wait
    with uncollected():
        made._last_lowering = (now() - took, now())
        assert made._wait() == reports
    assert seen == waits

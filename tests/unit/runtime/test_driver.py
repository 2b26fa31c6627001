"""The loop that drives a run: how often it lowers, and what ends it early."""

from __future__ import annotations

import pytest

from daskflow import LocalExecutor, flow, task
from daskflow.executors.local import LocalSession
from daskflow.runtime import driver
from daskflow.runtime.driver import Assignment, Contact, Driver
from daskflow.signals import RunInterrupted
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
    job = Assignment("ab12", book.graph, book.literals, frozenset(), block_size=1)
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
    """The driver asks after every batch of reports, and begins nothing more."""
    asked = []

    def is_interrupted():
        asked.append(1)
        return len(asked) == 3

    made = driven(lambda: [one(i) for i in range(9)], is_interrupted=is_interrupted)
    with pytest.raises(RunInterrupted):
        made.drive()
    record = made.record
    assert len(asked) == 3
    assert len(record.in_flight) == 9 - 3


def test_every_pass_tells_that_something_changed():
    """Whoever watches the run hears of the first plan and of each batch of reports."""
    heard = []
    driven(lambda: [one(i) for i in range(3)], on_change=lambda: heard.append(1)).drive()
    assert len(heard) == 1 + 3

"""What is told of a run first."""

from __future__ import annotations

import pytest

from daskflow import Fail, Pause, Skip, context, flow, task
from daskflow.dashboard.columns import columns_of
from daskflow.dashboard.stories import story_of
from tests.unit.dashboard.looking import kept


@task(retries=1, retry_delay_seconds=0)
def work(n: int) -> int:
    if n == 1:
        raise Fail("one is bad")
    if n == 2:
        raise Skip("two is a holiday")
    if n == 3:
        raise Pause("look at three")
    if n == 4 and context.attempt == 1:
        raise OSError("once")
    return n


@task
def after(n: int) -> int:
    return n


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@flow
def works(ns: list[int]):
    return total(after.map(work.map(ns)))


def story(*ns):
    """The chapters of a run, by their titles."""
    run = kept(works, ns=list(ns))
    return {one.title: one for one in story_of(run.record, columns_of(run.record))}


def test_a_run_in_which_all_went_well_has_no_story():
    """There is nothing to tell."""
    assert story(5, 6) == {}


def test_what_failed_and_what_did_not_start_for_it():
    """The failure with its message; those behind it in one line, by their tasks."""
    found = story(1, 5)["failed"]
    assert [(line.row.label, line.told) for line in found.lines] == [("work[0]", "one is bad")]
    assert (found.total, found.more) == (1, 0)
    assert found.behind == "2 task runs (after, total) did not start because of that"


def test_what_was_skipped_and_what_was_skipped_for_it():
    """The one that said so itself, and those behind it."""
    found = story(2, 5)["skipped"]
    assert [(line.row.label, line.told) for line in found.lines] == [
        ("work[0]", "two is a holiday")
    ]
    assert found.behind == "1 task run (after) skipped because of that"


def test_what_waits_for_a_person():
    """A paused task run is told, with what it says."""
    lines = story(3)["waits for approval"].lines
    assert [(line.row.label, line.told) for line in lines] == [("work[0]", "look at three")]


def test_what_was_tried_again():
    """What succeeded at a later attempt tells why the one before did not."""
    [line] = story(4)["tried again"].lines
    assert line.row.label == "work[0]"
    assert line.told == "at attempt 2; attempt 1 of 2 failed: OSError: once"


def test_of_many_the_first_are_told():
    """The others are counted."""
    found = story(*[1] * 9)["failed"]
    assert (len(found.lines), found.total, found.more) == (4, 9, 5)


@pytest.mark.parametrize("count", [3, 9])
def test_of_many_tasks_the_first_are_named(count):
    """What lies behind a failure may be very much."""

    @flow
    def long():
        value = work(1)
        for n in range(count):
            value = after.named(f"step-{n}")(value)
        return value

    run = kept(long)
    told = story_of(run.record, columns_of(run.record))[0].behind
    assert told.startswith(f"{count} task runs (step-0, step-1, step-2")
    assert ("and 3 more tasks)" in told) == (count == 9)

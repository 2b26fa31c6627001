"""A task run's walk through its steps, seen by what its block reports."""

from __future__ import annotations

import sys
import threading
import traceback

import numpy as np
import pytest

from daskflow import (
    Fail,
    Loop,
    Pause,
    Retry,
    Skip,
    Succeed,
    all_finished,
    case,
    context,
    flatten,
    flow,
    task,
)
from daskflow.events import Before, Length
from daskflow.runtime.values import Values
from daskflow.signals import RunInterrupted
from daskflow.states import Cancelled, Pending
from daskflow.timing import as_datetime
from tests.unit.runtime.book import Book


@task
def give(x=None):
    if isinstance(x, BaseException):
        raise x
    return x


def played(function, **parameters):
    return Book(function, **parameters).play()


def state_of(book, name="give", position=0):
    return book.record.state(name, position)


def test_a_body_sees_its_context():
    """While the body runs the context tells of its task run, and of nothing afterwards."""
    seen = []

    def look(x):
        seen.append((context.task_run_name, context.attempt, sorted(context.tags)))

    played(lambda: task(look, tags="io").map([1, 2]))
    assert seen == [("look[0]", 1, ["io"]), ("look[1]", 1, ["io"])]
    assert context.get() is None


def test_a_retry_is_due_after_its_delay():
    """A failed attempt that may be repeated is Retrying from its end on, with the reason."""
    again = task(give.fn, name="again", retries=2, retry_delay_seconds=60)
    book = played(lambda x: again(x), x=ValueError("no"))
    state = state_of(book, "again")
    assert type(state).__name__ == "Retrying"
    assert state.message == "attempt 1 of 3 failed: ValueError: no"
    due = book.record.next_due()
    assert due - book.record.nodes["again"].ended[0] == pytest.approx(60)
    assert state.scheduled_for == as_datetime(due)
    book.record.wake(due)
    book.play()
    assert state_of(book, "again").message.startswith("attempt 2 of 3")
    book.record.wake(book.record.next_due())
    book.play()
    assert (type(state_of(book, "again")).__name__, state_of(book, "again").attempt) == (
        "Failed",
        3,
    )


@pytest.mark.parametrize("end", [Skip("so"), 1])
def test_only_failures_are_retried(end):
    """A skip and a success end a task run that has retries left."""
    again = task(give.fn, name="again", retries=2)
    assert played(lambda x: again(x), x=end).record.next_due() is None


@pytest.mark.parametrize("value", [threading.Lock(), Fail("no", result=threading.Lock())])
def test_what_cannot_be_pickled_crashes_its_task_run(value):
    """A value that cannot travel is seen where it is made; it is not retried."""
    again = task(lambda: give.fn(value), name="again", retries=2)
    state = state_of(played(lambda: again()), "again")
    assert (type(state).__name__, state.reason) == ("Crashed", "unserializable")
    assert "task 'again' returned a lock that cannot be pickled" in state.message


@pytest.mark.parametrize("error", [ValueError("odd"), SystemExit(3), KeyboardInterrupt()])
@pytest.mark.parametrize("rule", ["retry_condition", "retry_delay_seconds"])
def test_a_retry_rule_that_raises_ends_the_retries(error, rule):
    """What the body raised is what the task run ended with; the rule's error is told beside it."""

    def broken(_):
        raise error

    again = task(give.fn, name="again", retries=1, **{rule: broken})
    after = task(lambda x: x, name="after", trigger=all_finished)
    original = ValueError("no")
    book = played(lambda x: after(again(x)), x=original)
    state = state_of(book, "again")
    assert type(state).__name__ == "Failed"
    assert state.exception is original
    raised = traceback.format_exception_only(error)[-1].strip()
    assert state.message == f"ValueError: no (its retry rule raised {raised})"
    assert state.attempt == 1
    assert book.kinds("after") == ["Success"]
    assert Values(book.record, book).at("again") is original


def failing_trigger(result):
    def trigger(states):
        raise Fail("no", result=result)

    return trigger


def test_a_trigger_passes_on_what_its_failure_carries():
    """The result of a `Fail` that a trigger raises is measured, so it can be mapped over."""
    never = task(give.fn, name="never", trigger=failing_trigger([1, 2]))
    after = task(give.fn, name="after", trigger=all_finished)
    book = played(lambda x: after.map(never(give(x))), x=0)
    assert book.kinds("after") == ["Success", "Success"]
    assert Values(book.record, book).at("after") == [1, 2]


def test_a_trigger_of_a_map_passes_on_what_its_failure_carries():
    """The same where the trigger is asked before there are any children."""
    never = task(give.fn, name="never", trigger=failing_trigger([1, 2]))
    after = task(give.fn, name="after", trigger=all_finished)
    book = played(lambda x: after(never.map(give(x))), x=[0])
    assert Values(book.record, book).at("after") == [1, 2]


def test_what_a_trigger_passes_on_is_checked():
    """A result that cannot travel crashes the task run, as if the body had passed it on."""
    never = task(give.fn, name="never", trigger=failing_trigger(threading.Lock()))
    state = state_of(played(lambda x: never(give(x)), x=0), "never")
    assert (type(state).__name__, state.reason) == ("Crashed", "unserializable")


def test_each_attempt_of_an_iteration_begins_with_the_same():
    """A retry finds `loop_result`, also where the block of an earlier iteration is at hand."""
    seen = []

    def body(x):
        seen.append((context.loop_count, context.loop_result))
        if context.attempt == 1:
            raise ValueError("once in each iteration")
        if context.loop_count < 2:
            raise Loop(result=context.loop_count)
        return x

    turn = task(body, name="turn", retries=1)
    book = played(lambda: turn.map(give.map([1])))
    while (due := book.record.next_due()) is not None:
        book.record.wake(due)
        book.play()
    assert seen == [(0, None), (0, None), (1, 0), (1, 0), (2, 1), (2, 1)]


def test_an_interrupt_in_a_retry_rule():
    """The engine's own is not the rule's error: the run is cancelled."""

    def condition(_):
        raise RunInterrupted

    again = task(give.fn, name="again", retries=1, retry_condition=condition)
    assert type(state_of(played(lambda x: again(x), x=ValueError("no")), "again")) is Cancelled


def test_a_trigger_of_the_users_is_asked_with_states():
    """It may look at the states like at any mapping, and they are built when it does."""
    asked = []

    def mine(states):
        (edge,) = states
        asked.append((len(states), edge.upstream, edge.map_index, states[edge].attempt))
        return True

    judged = task(give.fn, name="judged", trigger=mine)
    played(lambda: judged.map(give.map([5, 6])))
    assert asked[-2:] == [(1, "give", (0,), 1), (1, "give", (1,), 1)]


def test_an_upstream_on_its_way_sends_a_task_run_back():
    """A task run whose upstream is to be retried is Pending again, its body never called."""
    again = task(give.fn, name="again", retries=1, retry_delay_seconds=60)
    book = played(lambda x: give(again(x)), x=ValueError("no"))
    assert book.kinds("give") == ["Pending"]
    assert state_of(book) == Pending()


def test_a_failure_has_its_traceback():
    """What was raised and where is kept beside the state."""
    book = played(lambda x: give(x), x=ValueError("no"))
    note = book.record.nodes["give"].notes[0]
    assert "in give" in note.trace
    assert note.exception().args == ("no",)
    assert state_of(book).message == "ValueError: no"


def test_an_exception_leaves_the_process_as_bytes():
    """Where the driver is elsewhere the report holds the pickled exception."""
    book = Book(lambda x: give(x), x=ValueError("no"))
    (block,) = book.lower().blocks
    (segment,) = book.walk(block, is_local=False)
    assert type(segment.notes[0].failure) is bytes
    assert segment.notes[0].exception().args == ("no",)


def test_lengths_are_measured_where_something_maps_over_a_value():
    """A value that is mapped over brings its length, or why it has none."""
    assert played(lambda: give.map(give([1, 2]))).record.lengths == {"give": {0: Length(2)}}
    told = played(lambda: give.map(give({1, 2}))).record.lengths["give"][0]
    assert told.elements is None
    assert told.why.startswith("cannot map over a set: a set has no order")
    assert played(lambda: give(give([1, 2]))).record.lengths == {}


def test_a_large_value_and_a_text_are_told_apart():
    """Of a large value each block is to get its part only; to `flatten` a text is one element."""
    book = Book(lambda: flatten(give.map([np.zeros(1 << 18), "x" * (1 << 21), "ab"])))
    (block,) = book.lower(3).blocks
    (segment,) = book.walk(block)
    found = [segment.notes[offset].length for offset in range(3)]
    assert [(one.elements, one.is_large, one.is_text) for one in found] == [
        (1 << 18, True, False),
        (None, True, True),
        (None, False, True),
    ]


def test_the_depth_of_the_stack_is_that_of_one_call():
    """A long lane in a block does not recurse."""
    depths = []

    def measure_depth(x):
        frame, depth = sys._getframe(), 0
        while frame := frame.f_back:
            depth += 1
        depths.append(depth)

    step = task(measure_depth, name="step")

    def case():
        x = step.map([1])
        for _ in range(20):
            x = step.map(x)
        return x

    played(case)
    assert len(depths) == 21
    assert len(set(depths)) == 1


def test_what_a_body_sees_of_a_map_that_ended_in_its_lane():
    """It is among its upstream, at the index of its lane and without times."""
    seen = []

    @flow
    def part(x):
        seen_of = task(lambda lanes: seen.extend(context.upstream), trigger=all_finished)
        seen_of(give.map(give(x)))

    played(lambda: part.map([1, [2]]))
    (ended, child) = sorted(seen, key=lambda run: run.name)
    assert (ended.name, type(ended.state).__name__, ended.started) == (
        "part.give-2[0]",
        "Failed",
        None,
    )
    assert (child.name, type(child.state).__name__) == ("part.give-2[1, 0]", "Success")
    assert child.started is not None


def test_what_is_in_a_case_waits_for_it():
    """Where the case is not finished, it is sent back; it is not asked what its trigger says."""

    @task
    def again():
        raise Retry(delay=60)

    def waiting():
        with case(again(), 1):
            give.named("inside")(5)

    book = Book(waiting)
    book.play()
    assert type(state_of(book, "inside")).__name__ == "Pending"
    assert type(state_of(book, "case")).__name__ == "Pending"


def test_an_interrupt_in_the_delay_of_a_signal():
    """The engine's own is not the rule's error: the run is cancelled."""

    def delay(_):
        raise RunInterrupted

    def again():
        raise Retry

    book = played(lambda: task(again, retry_delay_seconds=delay)())
    assert type(state_of(book, "again")) is Cancelled


def test_a_loop_whose_result_is_lost_crashes():
    """It does not begin anew, nor go on with nothing: the body is not called."""
    calls = []

    def count():
        calls.append(context.loop_count)
        if context.loop_count == 1 and context.attempt == 1:
            raise Retry(delay=0)
        raise Loop(result=1)

    book = played(lambda: task(count)())
    assert calls == [0, 1]
    first = next(iter(book.held))
    book.held[first] = tuple(segment.without_values() for segment in book.held[first])
    book.held[first][0].codes[0] = Pending.code
    book.held[first][0].notes.clear()
    book.record.wake(book.record.next_due())
    book.play()
    state = state_of(book, "count")
    assert (type(state).__name__, state.reason) == ("Crashed", "input lost")
    told = "its inputs were lost, and were not finished when they were made again"
    assert state.message == told  # nobody told the driver of a loss
    assert calls == [0, 1]


@pytest.mark.parametrize("kind", [Retry, Pause, Skip, Succeed, Fail])
def test_what_a_signal_leaves_in_the_record(kind):
    """Attempts and retries asked for are counted apart; what is finished leaves nothing."""

    def end():
        raise kind

    book = Book(lambda: task(end)())
    book.play()
    before = book.record.nodes["end"].before.get(0)
    wanted = {Retry: Before(1, 1, 1), Pause: Before(1, 1)}.get(kind)
    assert before == wanted
    assert book.record.nodes["end"].attempts[0] == 1

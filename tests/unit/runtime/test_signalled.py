"""What becomes of a task run that body, trigger or handler ends by a signal or by a state."""

from __future__ import annotations

import threading

import pytest

from daskflow import (
    Loop,
    Pause,
    Retry,
    Succeed,
    all_finished,
    case,
    context,
    manual_only,
    task,
)
from daskflow.runtime import steps
from daskflow.runtime.inputs import Inputs
from daskflow.runtime.values import Values
from daskflow.signals import RunInterrupted
from daskflow.states import KINDS, Cancelled, Failed, Paused, Retrying, Success
from daskflow.timing import as_datetime
from tests.unit.runtime.book import Book
from tests.unit.runtime.turns import calls, go_on, played, state


def waits(book):
    """Return how long after its end the task run goes on, and what its state says of that."""
    due = book.record.next_due()
    assert state(book).scheduled_for == as_datetime(due)
    return due - book.record.nodes["t"].ended[0]


def test_a_retry_on_demand_costs_no_retry():
    """Its delay is from the end of the call; failures are counted apart from it."""
    made, seen = calls(
        Retry("later", delay=60), ValueError("1"), Retry(delay=0), ValueError("2"), retries=1
    )
    book = played(made)
    assert (type(state(book)), state(book).message) == (Retrying, "later")
    assert waits(book) == pytest.approx(60)
    go_on(book)
    assert state(book).message == "attempt 1 of 2 failed: ValueError: 1"
    go_on(book)
    assert waits(book) == 0
    go_on(book)
    assert (type(state(book)), state(book).message) == (Failed, "ValueError: 2")
    assert [attempt for attempt, *_ in seen] == [1, 2, 3, 4]


def test_a_retry_on_demand_waits_as_the_task_says():
    """Without a delay of its own: that of the task, by how often it was asked for."""
    made, _ = calls(Retry(), Retry(), 1, retry_delay_seconds=[10, 20])
    book = played(made)
    assert waits(book) == pytest.approx(10)
    assert waits(go_on(book)) == pytest.approx(20)
    assert type(state(go_on(book))) is Success


def test_a_retry_on_demand_is_spread():
    """`retry_jitter_factor` adds up to its share of the task's delay."""
    made, _ = calls(Retry(), 1, retry_delay_seconds=100, retry_jitter_factor=0.5)
    assert 100 <= waits(played(made)) <= 150


def test_retries_on_demand_have_an_end():
    """More than `max_signalled_retries` of them are a failure, which tells so."""
    made, seen = calls(*[Retry("why", delay=0)] * 101, 1)
    book = played(made)
    while book.record.next_due() is not None:
        go_on(book)
    assert len(seen) == 101
    told = "asked to be retried more than 100 times (max_signalled_retries): why"
    assert (type(state(book)), state(book).message) == (Failed, told)
    assert type(state(book).exception) is Retry


def test_a_pause_waits_for_a_person():
    """Approved, the body is called again and can see that."""
    made, seen = calls(Pause(), ValueError("so"), 1, retries=1)
    book = played(made)
    assert (type(state(book)), state(book).message) == (Paused, "waits for approval")
    assert book.record.next_due() is None
    book.record.approve("t", 0)
    go_on(book.play())
    assert type(state(book)) is Success
    assert [(attempt, resumed) for attempt, _, _, resumed in seen] == [
        (1, False),
        (2, True),
        (3, True),
    ]


def test_a_pause_of_some_seconds():
    """It goes on by itself when they are over."""
    made, _ = calls(Pause("a break", seconds=30), 1)
    book = played(made)
    assert (type(state(book)), state(book).message) == (Paused, "a break")
    assert waits(book) == pytest.approx(30)
    assert type(state(go_on(book))) is Success


def test_manual_only_is_asked_once():
    """Approved it starts, and a retry later on asks nobody."""
    made, _ = calls(ValueError("so"), 1, trigger=manual_only, retries=1)
    book = played(made)
    assert (type(state(book)), state(book).message) == (Paused, "waits for approval")
    book.record.approve("t", 0)
    assert type(state(go_on(book.play()))) is Success


def test_a_trigger_is_not_asked_again():
    """Once it let the body start it is not asked at a retry, nor when the body asked for one."""
    asked = []

    def yes(states):
        asked.append(1)
        return True

    made, _ = calls(
        ValueError("so"), Retry(delay=0), Loop(), ValueError(), 1, trigger=yes, retries=1
    )
    give = task(lambda: 0, name="give")
    book = Book(lambda: made(give())).play()
    while book.record.next_due() is not None:
        go_on(book)
    assert type(state(book)) is Success
    assert asked == [1]


def test_a_trigger_may_put_off():
    """It is asked again when the time is over; that is no attempt, and has its end as well."""
    answers = iter([Retry("not yet", delay=5), Pause("look"), True])

    def trigger(states):
        answer = next(answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    made, seen = calls(1, trigger=trigger)
    give = task(lambda: 0, name="give")
    book = Book(lambda: made(give())).play()
    assert (type(state(book)), state(book).message, state(book).attempt) == (Retrying, "not yet", 0)
    assert waits(book) == pytest.approx(5)
    go_on(book)
    assert (type(state(book)), state(book).message) == (Paused, "look")
    book.record.approve("t", 0)
    book.play()
    assert type(state(book)) is Success
    assert seen == [(1, 0, None, True)]


def test_iterations():
    """Each begins with what the last one passed on, and with its own attempts."""
    made, seen = calls(
        Loop(result=1), ValueError("so"), Loop(result=2), ValueError("so"), "end", retries=1
    )
    book = played(made)
    go_on(go_on(book))
    assert [each[:3] for each in seen] == [
        (1, 0, None),
        (1, 1, 1),
        (2, 1, 1),
        (1, 2, 2),
        (2, 2, 2),
    ]
    assert Values(book.record, book).at("t") == "end"


def test_succeed_passes_on_its_result():
    """It is a success like any other."""
    made, _ = calls(Succeed("enough", result=7))
    book = played(made)
    assert (type(state(book)), state(book).message) == (Success, "enough")
    assert Values(book.record, book).at("t") == 7


@pytest.mark.parametrize(
    ("value", "end"), [((n for n in [1]), "; make it a list"), (threading.Lock(), "object")]
)
def test_the_cure_for_what_cannot_travel(value, end):
    """For a generator there is one."""
    made, _ = calls(value)
    message = state(played(made)).message
    assert message.endswith(end)
    assert ("make it" in message) == ("make it" in end)


# ------------------------------------------------------------------------------------------- gates


def test_what_is_in_a_case_waits_and_asks():
    """Where it does not match nothing inside starts; the message names the case and its reason."""
    one = task(lambda: 1, name="one")

    def flow():
        with case(one(), 2):
            one()

    book = Book(flow).play(block_size=1)
    assert book.kinds("one-2") == ["Skipped"]
    assert book.record.state("one-2", 0).message.startswith("because of case: the value was 1, ")


def test_what_is_in_a_case_that_matches():
    """It starts, whichever lane it is in."""
    ident = task(lambda x=0: x, name="ident")

    def flow():
        with case(ident(1), 1):
            ident.map([1, 2])

    assert Book(flow).play().kinds("ident-2") == ["Success", "Success"]


# ------------------------------------------------------------------ what goes wrong, and where to


def test_a_trigger_that_loops():
    """There is no iteration of which it could be the end: a trigger failure, told so."""

    def trigger(states):
        raise Loop(result=1)

    made, seen = calls(1, trigger=trigger)
    give = task(lambda: 0, name="give")
    book = Book(lambda: made(give())).play()
    assert (type(state(book)).__name__, seen) == ("TriggerFailed", [])
    assert state(book).message == "its trigger raised Loop, which is for bodies"
    assert type(state(book).exception) is Loop


def test_what_an_iteration_left_is_lost(monkeypatch):
    """Where what it begins with cannot be read an iteration crashes; its body is not called."""

    def lost(*_):
        raise ValueError("gone")

    made, seen = calls(Loop(result=1), ValueError("so"), 1, retries=1)
    book = played(made)
    monkeypatch.setattr(Inputs, "carried", lost)
    go_on(book)
    assert (type(state(book)).__name__, state(book).reason) == ("Crashed", "input lost")
    assert state(book).message == "what its iteration 1 has left is lost: gone"
    assert len(seen) == 2


@pytest.mark.parametrize("row", ["BEFORE_THE_BODY", "OF_A_CALL", "AT_THE_END"])
def test_a_step_of_ours_that_raises(row, monkeypatch):
    """It is Crashed, with the reason, the message and the traceback; consumers get no value."""

    def broken(run, state):
        if run.node.name == "t":
            raise RuntimeError("odd")
        return state

    monkeypatch.setattr(steps, row, (broken, *getattr(steps, row)))
    made, _ = calls([1])
    after = task(lambda x: repr(x), name="after", trigger=all_finished)
    book = Book(lambda: after(made()), kept={"after"}).play()
    told = "daskflow could not run it: RuntimeError: odd"
    assert (type(state(book)).__name__, state(book).reason) == ("Crashed", "engine")
    assert (state(book).message, state(book).exception) == (told, None)
    assert "broken" in book.record.nodes["t"].notes[0].trace
    assert Values(book.record, book).at("after") == f"CrashedError('t: {told}')"


@pytest.mark.parametrize(
    ("part", "kind", "attempts"),
    [("AT_THE_END", "Cancelled", 1), ("BEFORE_THE_BODY", "Pending", 0)],
)
def test_an_interrupt_in_a_step(monkeypatch, part, kind, attempts):
    """The engine's own is no crash: the task run is cancelled, or was never begun."""

    def interrupt(run, state):
        raise RunInterrupted

    monkeypatch.setattr(steps, part, (interrupt,))
    book = Book(lambda: calls(1)[0]())
    (block,) = book.lower().blocks
    (told,) = book.walk(block)
    assert (KINDS[told.codes[0]].__name__, told.attempts[0]) == (kind, attempts)
    assert bool(told.ended[0]) is bool(attempts)


def test_a_timeout_of_the_task():
    """A body that runs for longer is stopped, and retried like one that failed."""
    gate = threading.Event()

    def body():
        while context.attempt == 1 and not gate.is_set():
            pass
        return 1

    book = played(task(body, name="t", retries=1, timeout_seconds=0.2))
    assert state(book).message.startswith("attempt 1 of 2 failed: ran longer than 0.2 s")
    assert type(state(go_on(book))) is Success


def test_the_context_around_comes_back():
    """A body that is called within another finds its own context, and leaves the other's."""
    inner, seen = calls(1)
    around = []

    def outer():
        here = context.get()
        played(inner)
        around.append(context.get() is here)

    played(task(outer, name="outer"))
    assert (around, [each[0] for each in seen]) == ([True], [1])
    assert context.get() is None


def test_a_rule_that_raises_where_a_retry_was_asked_for():
    """It fails, with the rule's exception."""

    def rule(attempt):
        raise KeyError(attempt)

    made, _ = calls(Retry("later"), 1, retry_delay_seconds=rule)
    book = played(made)
    assert state(book).message == "later (its retry rule raised KeyError: 1)"
    assert (type(state(book)), type(state(book).exception)) == (Failed, KeyError)


def test_an_interrupt_in_a_rule_where_a_retry_was_asked_for():
    """The engine's own is not the rule's error; it costs no retry."""

    def rule(attempt):
        raise RunInterrupted

    book = played(calls(Retry(), 1, retry_delay_seconds=rule)[0])
    assert type(state(book)) is Cancelled
    assert book.record.nodes["t"].notes[0].before.free == 1


@pytest.mark.parametrize("error", [KeyError("so"), ValueError("so")])
def test_what_is_retried_is_asked_of_the_exception(error):
    """`retry_on` and `retry_condition` are given what the body raised, the delay the attempt."""
    asked = []

    def delay(attempt):
        asked.append(attempt)
        return 0

    rules = {"retry_on": KeyError, "retry_condition": lambda error: error.args == ("so",)}
    made, _ = calls(error, 1, retries=1, retry_delay_seconds=delay, **rules)
    book = played(made)
    is_retried = isinstance(error, KeyError)
    assert (type(state(book)), asked) == ((Retrying, [1]) if is_retried else (Failed, []))


def test_retries_on_demand_without_words_have_an_end():
    """The message tells what was asked for too often, and nothing more."""
    made, _ = calls(*[Retry(delay=0)] * 101)
    book = played(made)
    while book.record.next_due() is not None:
        go_on(book)
    assert state(book).message.endswith("more than 100 times (max_signalled_retries)")


def test_a_body_whose_prints_are_logged(caplog):
    """It is called like any other, in its time; the last line is logged though it has no end."""

    def body(x, *, y):
        print(f"{x} {y}", end="")  # noqa: T201 - what is printed is tested
        while context.attempt == 2:
            pass
        raise ValueError("so")

    made = task(body, name="t", log_prints=True, retries=1, timeout_seconds=0.05)
    with caplog.at_level("INFO", "daskflow"):
        book = Book(lambda: made(1, y=2)).play()
        assert state(book).message == "attempt 1 of 2 failed: ValueError: so"
        go_on(book)
    assert state(book).message.startswith("ran longer than")
    assert [one.getMessage() for one in caplog.records] == ["1 2", "1 2"]

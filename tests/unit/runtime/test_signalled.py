"""What becomes of a task run that body, trigger or handler ends by a signal or by a state."""

from __future__ import annotations

import threading

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
    manual_only,
    task,
)
from daskflow.runtime.values import Values
from daskflow.states import Failed, Paused, Pending, Retrying, Running, Skipped, Success
from daskflow.timing import as_datetime, now
from tests.unit.runtime.book import Book


def calls(*ends, **options):
    """Make a task whose n-th call ends as told: returns it, or raises it."""
    left = iter(ends)
    seen = []

    def body(x=None):
        seen.append((context.attempt, context.loop_count, context.loop_result, context.resumed))
        end = next(left)
        if isinstance(end, BaseException):
            raise end
        return end

    made = task(body, name="t", **options)
    return made, seen


def played(made, **parameters):
    return Book(lambda: made(), **parameters).play()


def state(book, name="t"):
    return book.record.state(name, 0)


def go_on(book):
    """Wake what is due next, and play on."""
    book.record.wake(book.record.next_due())
    return book.play()


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


# ------------------------------------------------------------------------- state handlers and hooks


def handled(*ends, handler, **options):
    """Play a task with a state handler, and what gets its value."""
    made, seen = calls(*ends, state_handlers=[handler], **options)
    after = task(lambda x: x, name="after", trigger=all_finished, skip_on_upstream_skip=False)
    return Book(lambda: after(made()), kept={"after", "t"}).play(), seen


def test_handlers_see_every_change():
    """Before the start, at each iteration, at the end; what was not started came from Pending."""
    told = []

    def look(owner, old, new):
        told.append((type(old), type(new)))

    handled(Loop(result=1), 2, handler=look)
    looped = [new.__name__ for _, new in told]
    assert looped == ["Running", "Looped", "Running", "Success"]
    assert [old.__name__ for old, _ in told] == ["Pending", "Running", "Looped", "Running"]
    told.clear()
    skipped, _ = calls(state_handlers=[look])
    skip = task(lambda: (_ for _ in ()).throw(Skip("so")), name="skip")
    Book(lambda: skipped(skip())).play()
    assert told == [(Pending, Skipped)]


def test_a_handler_rescues():
    """A failure made a success passes on the result that the handler gave, checked as any other."""

    def rescue(owner, old, new):
        return Success("rescued", result=[5]) if isinstance(new, Failed) else None

    book, _ = handled(ValueError("so"), handler=rescue)
    assert (type(state(book)), state(book).message) == (Success, "rescued")
    assert Values(book.record, book).at("after") == [5]


def test_what_a_handler_gives_has_to_travel():
    """A result that cannot is Crashed, as if the body had returned it."""
    lock = threading.Lock()

    def lock_it(owner, old, new):
        return Success(result=lock) if isinstance(new, Success) else None

    book, _ = handled(1, handler=lock_it)
    assert (type(state(book)).__name__, state(book).reason) == ("Crashed", "unserializable")


def test_a_handler_may_fail_a_success():
    """What consumers get is the handler's exception, not the value."""
    error = ValueError("not good enough")

    def refuse(owner, old, new):
        return Failed("no", exception=error) if isinstance(new, Success) else None

    book, _ = handled(1, handler=refuse)
    assert (type(state(book)), state(book).message) == (Failed, "no")
    assert repr(Values(book.record, book).at("after")) == repr(error)


def test_a_handler_may_put_off():
    """A time in the state that it returns is waited for; without one a person is."""
    due = as_datetime(now() + 40)
    made_of = iter([Retrying("later", scheduled_for=due)])

    def later(owner, old, new):
        return next(made_of, None) if isinstance(new, Failed) else None

    book, seen = handled(ValueError("so"), 1, handler=later)
    assert type(state(book)) is Retrying
    assert book.record.next_due() == pytest.approx(due.timestamp())
    go_on(book)
    assert (type(state(book)), len(seen)) == (Success, 2)


def test_a_handler_may_keep_a_body_from_starting():
    """What it returns at the change to Running is what became of the task run; it is asked once."""
    asked = []

    def instead(owner, old, new):
        asked.append(type(new))
        return Success(result=3) if isinstance(new, Running) else None

    book, seen = handled(1, handler=instead)
    assert (type(state(book)), seen, asked) == (Success, [], [Running])
    assert Values(book.record, book).at("after") == 3


def test_a_handler_may_end_a_loop():
    """Another state in place of Looped ends it."""

    def enough(owner, old, new):
        return Success(result=new.result) if type(new).__name__ == "Looped" else None

    book, seen = handled(Loop(result=9), 1, handler=enough)
    assert (len(seen), Values(book.record, book).at("after")) == (1, 9)


def test_a_failure_passes_on_its_result_where_a_handler_looked():
    """A handler that returns nothing leaves Fail's result alone."""
    book, _ = handled(Fail("so", result=4), handler=lambda *_: None)
    assert Values(book.record, book).at("after") == 4


# ------------------------------------------------------------------------------------------- gates


def test_what_is_in_a_case_waits_and_asks():
    """Where it does not match nothing inside starts; the message names the case and its reason."""
    one = task(lambda: 1, name="one")

    def flow():
        with case(one(), 2):
            one()

    book = Book(flow).play(block_size=1)
    assert book.kinds("one-2") == ["Skipped"]
    assert (
        book.record.state("one-2", 0).message
        == "because of case: the value was 1, this branch is for 2"
    )


def test_what_is_in_a_case_that_matches():
    """It starts, whichever lane it is in."""
    ident = task(lambda x=0: x, name="ident")

    def flow():
        with case(ident(1), 1):
            ident.map([1, 2])

    assert Book(flow).play().kinds("ident-2") == ["Success", "Success"]

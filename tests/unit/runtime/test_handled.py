"""What becomes of a task run that a state handler looks at, or makes something else of."""

from __future__ import annotations

import threading

import pytest

from daskflow import (
    Fail,
    Loop,
    Pause,
    Retry,
    Skip,
    task,
)
from daskflow.runtime.values import Values
from daskflow.states import Failed, Looped, Paused, Pending, Retrying, Running, Skipped, Success
from daskflow.timing import as_datetime, now
from tests.unit.runtime.book import Book
from tests.unit.runtime.turns import calls, go_on, handled, played, state


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
    assert book.record.next_due() - due.timestamp() == pytest.approx(0, abs=0.001)
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


def test_a_handler_without_a_result_keeps_the_value():
    """A Success that it returns in place of another one without a result changes the words only."""

    def words(owner, old, new):
        return Success("as I said") if isinstance(new, Success) else None

    book, _ = handled([1], handler=words)
    assert (state(book).message, Values(book.record, book).at("after")) == ("as I said", [1])


def test_a_rescue_without_a_result_passes_nothing():
    """What failed has no value to be kept."""

    def rescue(owner, old, new):
        return Success("rescued") if isinstance(new, Failed) else None

    book, _ = handled(Fail("so", result=3), handler=rescue)
    assert (type(state(book)), Values(book.record, book).at("after")) == (Success, None)
    assert book.record.nodes["t"].notes[0].failure is None


def trace(book):
    return book.record.nodes["t"].notes[0].trace


def test_the_traceback_of_a_failure_that_a_handler_words_anew():
    """The body's exception keeps the body's traceback; another exception has its own, or none."""
    other = KeyError("other")

    def same(owner, old, new):
        return Failed("again", exception=new.exception)

    def another(owner, old, new):
        return Failed("another", exception=other)

    def only(old_handler):
        return lambda owner, old, new: old_handler(owner, old, new) if new.is_failed() else None

    book, _ = handled(ValueError("so"), handler=only(same))
    assert "in body" in trace(book)
    assert "ValueError: so" in trace(book)
    book, _ = handled(ValueError("so"), handler=only(another))
    assert "KeyError: 'other'" in trace(book)
    assert "ValueError" not in trace(book)


def test_a_fail_that_a_handler_makes_passes_on_its_result():
    """As one that the body raised would, in place of the body's value."""

    def refuse(owner, old, new):
        return Failed("no", exception=Fail("no", result=8)) if new.is_successful() else None

    book, _ = handled(1, handler=refuse)
    assert (type(state(book)), Values(book.record, book).at("after")) == (Failed, 8)


def test_a_skip_that_a_handler_makes_passes_nothing():
    """The body's value is dropped."""

    def skip(owner, old, new):
        return Skipped("not needed") if new.is_successful() else None

    book, _ = handled(1, handler=skip)
    assert (type(state(book)), Values(book.record, book).at("after")) == (Skipped, None)


def test_a_handler_may_ask_for_another_attempt_at_once():
    """Retrying without a time is due now; Paused without one waits for a person."""
    made_of = iter([Retrying("once more"), Paused("look")])

    def later(owner, old, new):
        return next(made_of, None) if isinstance(new, Failed) else None

    book, seen = handled(ValueError("1"), ValueError("2"), 1, handler=later)
    assert type(state(book)) is Retrying
    assert now() - 60 < book.record.next_due() <= now()
    go_on(book)
    assert (type(state(book)), book.record.next_due()) == (Paused, None)
    book.record.approve("t", 0)
    book.play()
    assert (type(state(book)), len(seen)) == (Success, 3)


def test_a_handler_that_returns_nothing_leaves_it_to_the_next():
    """All are asked, in the given order."""

    def rescue(owner, old, new):
        return Success("rescued") if isinstance(new, Failed) else None

    made, _ = calls(ValueError("so"), state_handlers=[lambda *_: None, rescue])
    assert state(played(made)).message == "rescued"


@pytest.mark.parametrize("signal", [ValueError("so"), Retry(delay=30), Pause(seconds=30)])
def test_a_handler_sees_when_it_goes_on(signal):
    """What is put off, by whatever, has its time in the state."""
    seen = []
    made, _ = calls(
        signal,
        state_handlers=[lambda owner, old, new: seen.append(new)],
        retries=1,
        retry_delay_seconds=30,
    )
    book = played(made)
    assert seen[-1].scheduled_for == as_datetime(book.record.next_due())


def test_a_handler_may_change_what_an_iteration_passes_on():
    """Another Looped in place of the one: the next iteration begins with its result."""

    def change(owner, old, new):
        return Looped("other", result=[new.result]) if isinstance(new, Looped) else None

    book, seen = handled(Loop(result=9), 1, handler=change)
    assert [each[2] for each in seen] == [None, [9]]
    assert type(state(book)) is Success

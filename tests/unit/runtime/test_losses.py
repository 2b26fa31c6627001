"""What becomes of a record when blocks are lost."""

from types import SimpleNamespace

import pytest

from daskflow import task
from daskflow.events import AT_BEGIN, ENDED, NOT_BEGUN, Before
from daskflow.states import Failed, Pending, Retrying, Success
from tests.unit.runtime.book import Book, segment


@task(infra_retries=1)
def a(x=0): ...


@task
def b(x=0): ...


def wide(xs):
    return a.map(xs)


def lane(xs):
    return b.map(a.map(xs))


@pytest.fixture
def book():
    """A map of three in one block, on its way."""
    book = Book(wide, xs=[1, 2, 3])
    book.lower(3)
    return book


def attempts(book, name="a"):
    return list(book.record.nodes[name].attempts)


def told(book):
    return [(event.name, event.state.attempt) for event in book.record.events]


def sizes(plan):
    return [block.task_runs() for block in plan.blocks]


def workers(*there):
    """Return what finds homes where these workers are."""
    return lambda demands: list(there)[: len(demands)]


def set_apart(book, limit=9, there=("v", "w", "x", "y")):
    return book.losses.set_apart(limit, workers(*there))


def test_a_loss_says_what_was_begun(book):
    """What was before the place has another attempt; what was behind it only waits again."""
    book.lose(1, 2)
    assert (book.record.open, book.record.in_flight) == (3, {})
    assert attempts(book) == [1, 1, 0]
    assert told(book) == [("a[0]", 1), ("a[1]", 1)]
    assert {event.state.message for event in book.record.events} == {
        "its worker was lost: it runs again"
    }
    before = book.record.nodes["a"].before
    assert before == {0: Before(1, lost=1), 1: Before(1, lost=1)}
    assert before[0].ended == 0  # so it costs no retry, and the trigger is asked


def test_a_sole_suspect_is_charged_and_sent_home(book):
    """Beside the others, in a block of its own; without `infra_retries` left it is Crashed."""
    book.lose(1, 2)
    assert sizes(book.lower(3)) == [2]
    homes = book.losses.charged(9, workers("v"))
    assert homes == {("a", 1): "v"}
    plan = book.lower(1, homes=homes)
    assert (sizes(plan), plan.blocks[0].demand.workers) == ([1], ("v",))
    assert not book.losses.is_busy
    book.lose(plan.blocks[0].number, 1)
    assert book.kinds("a") == ["Pending", "Crashed", "Pending"]
    state = book.record.state("a", 1)
    assert str(state) == "Crashed('its worker was lost 2 times, the last: w is gone')"
    assert (state.reason, state.attempt) == ("worker lost", 2)
    assert not book.losses.clear()


def test_out_of_memory_is_a_reason_of_its_own():
    """So is whatever else a fate says."""
    book = Book(lambda: a.with_options(infra_retries=0)())
    book.lower()
    book.lose(1, 1, reason="out of memory")
    assert book.record.state("a", 0).reason == "out of memory"
    assert book.record.state("a", 0).message == "its worker was lost: w is gone"
    assert book.record.nodes["a"].notes[0].worker == "w"


@pytest.mark.parametrize("place", [AT_BEGIN, ENDED])
def test_between_two_task_runs_all_of_a_block_are_suspects(book, place):
    """None is charged; all are set apart: no ordinary plan has them."""
    book.lose(1, place)
    assert book.lower().blocks == ()
    assert book.losses.clear()
    assert book.losses.charged(9, workers("v")) == {}
    assert set_apart(book) == {("a", 0): "v", ("a", 1): "w", ("a", 2): "x"}
    assert attempts(book) == [int(place == ENDED)] * 3


def test_the_last_lines_of_what_is_crashed_are_there():
    """Behind what its state says."""
    book = Book(lambda: a.with_options(infra_retries=0)())
    said = [SimpleNamespace(message="one"), SimpleNamespace(message="two")]
    book.record.last_lines = {"a": said}.get
    book.lower()
    book.lose(1, 1)
    assert book.record.nodes["a"].notes[0].trace.splitlines() == [
        "its worker was lost: w is gone; the last that it logged:",
        "one",
        "two",
    ]


def test_what_was_not_begun_is_innocent(book):
    """It is neither told of nor counted, and shares blocks as before."""
    book.lose(1, NOT_BEGUN, beside=3)
    assert (told(book), attempts(book), book.losses.clear()) == ([], [0] * 3, False)
    assert sizes(book.lower(3)) == [3]


def test_suspects_run_alone_where_they_are_sent(book):
    """One task run to a block, each at home; while they are busy that is to be seen."""
    book.lose(1)
    plan = book.lower(1, homes=set_apart(book, 2))
    assert [(b.strips[0].start, b.demand.workers, b.demand.is_wish) for b in plan.blocks] == [
        (0, ("v",), True),
        (1, ("w",), True),
    ]
    assert book.losses.is_busy
    book.fold(2, segment("a", 0, Success))
    book.fold(3, segment("a", 1, Failed))
    assert not book.losses.is_busy
    assert book.losses.clear()
    assert set_apart(book) == {("a", 2): "v"}


@pytest.mark.parametrize("home", ["w", ""])
def test_what_was_set_apart_is_charged(book, home):
    """With strangers beside it too, and whether or not it was begun when that is not known."""
    book.lose(1)
    book.lower(1, homes={("a", 1): home})
    book.lose(2, beside=4)
    assert ("a", 1) in set_apart(book)
    book.lower(1, homes={("a", 1): home})
    book.lose(3, beside=4)
    assert book.kinds("a") == ["Pending", "Crashed", "Pending"]
    assert attempts(book) == [1, 3, 1]  # infra_retries + 2


def test_what_was_not_at_home_is_not_charged(book):
    """Dask moved it to where others are; it is set apart once more."""
    book.lose(1)
    for number in (2, 3, 4):
        book.lower(1, homes={("a", 1): "v"})
        book.lose(number, 1, beside=1, kin=1)
    assert book.kinds("a") == ["Pending"] * 3


@pytest.mark.parametrize("kind", [Success, Failed, Retrying])
def test_who_comes_back_is_no_suspect_any_more(kind):
    """With whatever result; who was given back unbegun still is one."""
    book = Book(lambda: a())
    book.lower()
    book.lose(1, beside=1)
    book.lower(1, homes={("a", 0): "v"})
    assert book.losses.clear()
    book.fold(2, segment("a", 0, Pending, started=False))
    assert book.losses.clear()
    book.lower(1, homes={("a", 0): "v"})
    book.fold(3, segment("a", 0, kind, notes={0: {"due": 1.0}}))
    assert not book.losses.clear()
    assert not book.record.nodes["a"].held


def test_suspects_wait_for_suspects():
    """Of a lane the one behind runs when the one before it is through."""
    book = Book(lane, xs=[1, 2])
    book.lower(2)
    book.lose(1)
    assert [*set_apart(book)] == [("a", 0), ("a", 1)]
    book.lower(1, homes={("a", 0): "v"})
    book.fold(2, segment("a", 0, Success))
    book.losses.clear()
    assert [*set_apart(book)] == [("a", 1), ("b", 0)]
    assert len(set_apart(book, 1)) == 1
    assert len(set_apart(book, there=["v"])) == 1


def test_suspects_that_name_workers_come_one_at_a_time():
    """They cannot go to any that is free."""
    big = b.with_options(workers="big")
    for flow in (lambda xs: [a.map(xs), big.map(xs)], lambda xs: [big.map(xs), a.map(xs)]):
        book = Book(flow, xs=[1, 2])
        book.lower(1)
        for number in range(1, 5):
            book.lose(number, beside=1)
        first = set_apart(book)
        assert first in ({("a", 0): "v", ("a", 1): "w"}, {("b", 0): ""})
        assert next(name for name, _ in first) == next(iter(book.record.nodes))
    book.record.cancel_unfinished("no")
    assert set_apart(book) == {}
    assert not book.losses.clear()


def test_where_there_is_no_worker_one_suspect_waits_for_whoever_comes(book):
    """Alone: nothing else of the run may be there then."""
    book.lose(1)
    homes = set_apart(book, there=())
    assert homes == {("a", 0): ""}
    (block,) = book.lower(1, homes=homes).blocks
    assert block.demand.workers == ()
    assert book.losses.is_busy


def test_a_block_that_had_reported_loses_its_value_only(book):
    """Its task runs stay as they are; whether they are needed is found out elsewhere."""
    book.fold(1, segment("a", 0, Success, Success, Success))
    book.lose(1)
    assert book.kinds("a") == ["Success"] * 3
    assert (book.record.keys, told(book)) == ({}, [])

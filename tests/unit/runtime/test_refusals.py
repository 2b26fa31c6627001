"""Workers that refuse a run, and where it goes from there."""

import pytest

from daskflow import task
from daskflow.errors import CodeMissingError
from daskflow.events import Report
from daskflow.runtime.refusals import Refusals
from tests.unit.runtime.book import Book


@task
def a(x=0): ...


class Workers:
    """A session that knows which workers there are."""

    def __init__(self, *there):
        self.there = there

    def workers(self):
        return self.there


def refused(number, worker):
    error = repr(CodeMissingError(f"{worker} cannot load the flow: no module named 'x'"))
    return Report("ab12", number, worker, error=error)


@pytest.fixture
def book():
    book = Book(lambda xs: a.map(xs), xs=[1, 2])
    book.lower(1)
    return book


def test_what_a_worker_refused_goes_to_others(book, caplog):
    """It is open as if it had never been in a block; a warning tells it, once for each worker."""
    refusals = Refusals(book.record)
    for number in (1, 2):
        assert refusals.fold(refused(number, "bad"), Workers("bad", "good"))
    assert (book.record.in_flight, book.record.open) == ({}, 2)
    assert book.kinds("a") == ["Pending"] * 2
    assert book.record.events == []
    assert caplog.messages == ["bad cannot load the flow: no module named 'x'"]
    plan = book.lower(1)
    demands = refusals.demands(plan, Workers("bad", "good"))
    assert {(demand.workers, demand.is_wish) for demand in demands.values()} == {(("good",), True)}
    assert len(demands) == 2


def test_before_a_refusal_blocks_go_anywhere(book):
    """Nobody is asked who there is."""
    assert Refusals(book.record).demands(book.lower(1), session=None) == {}


@pytest.mark.parametrize("options", [{}, {"workers": "bad"}], ids=["nobody else", "named"])
def test_what_nobody_else_can_run_is_crashed(options):
    """There is no other worker, or it wants no other."""
    there = a.with_options(**options)
    book = Book(lambda: there())
    book.lower()
    workers = Workers("bad", "good") if options else Workers("bad")
    report = refused(1, "bad")
    assert not Refusals(book.record).fold(report, workers)
    book.record.fold(report)
    state = book.record.state("a", 0)
    assert (state.message, state.reason) == (
        "bad cannot load the flow: no module named 'x'",
        "code missing",
    )
    assert book.record.nodes["a"].notes[0].worker == "bad"


def test_what_names_its_workers_keeps_them():
    """It may be refused there, and then is Crashed."""
    there = a.with_options(workers="bad")
    book = Book(lambda: [there(), a()])
    refusals = Refusals(book.record)
    book.lower(1)
    assert refusals.fold(refused(2, "bad"), Workers("bad", "good"))
    book.lose(1, -2)
    plan = book.lower(1)
    demands = refusals.demands(plan, Workers("bad", "good"))
    assert [demand.workers for demand in demands.values()] == [("bad",), ("good",)]


def test_other_errors_are_no_refusals(book):
    """They are what they are."""
    refusals = Refusals(book.record)
    assert not refusals.fold(Report("ab12", 1, "w", error="KeyError('x')"), Workers("w", "v"))
    assert refusals.unfit == set()

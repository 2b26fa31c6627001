"""What is left of a record when all that its run had on an executor is gone."""

from daskflow import task
from daskflow.events import StoredResult
from daskflow.runtime.uprooting import uproot
from daskflow.states import Failed, Retrying, Success
from tests.unit.runtime.book import Book, segment


@task
def a(x=0): ...


@task
def b(x=0): ...


def lane(xs):
    return b.map(a.map(xs))


def told_of(node, *smalls, kinds=(Success,)):
    """Return what a block tells, with small results where they are."""
    found = segment(node, 0, *(kinds * len(smalls)))
    found.smalls[:] = smalls
    return found


def kinds(book):
    return {name: book.kinds(name) for name in ("a", "b")}


def test_what_was_in_a_block_begins_anew():
    """Without a word: nobody had heard of it."""
    book = Book(lane, xs=[1, 2])
    book.lower(1)
    uproot(book.record)
    assert (book.record.in_flight, book.record.keys) == ({}, {})
    assert kinds(book) == {"a": ["Pending"] * 2, "b": ["Pending"] * 2}
    assert book.record.open == 4
    assert book.record.events == []
    assert sum(block.task_runs() for block in book.lower(9).blocks) == 4


def test_what_was_kept_stands():
    """Small results and stored ones; their consumers get them without a block."""
    book = Book(lane, kept={"b"}, xs=[1, 2, 3])
    book.lower(9)
    done = told_of("a", b"1", None, None)
    done.notes[1] = done.notes.get(1) or segment("a", 0, Success, notes={0: {}}).notes[0]._replace(
        stored=StoredResult("file", "json", "0", 1)
    )
    book.fold(1, done)  # and nothing of b
    uproot(book.record)
    assert kinds(book) == {
        "a": ["Success", "Success", "Pending"],  # the last was on the cluster only
        "b": ["Pending"] * 3,
    }
    assert [event.state.message for event in book.record.events] == [
        "its value was lost with the scheduler: it runs again"
    ]
    (block,) = book.lower(9).blocks
    assert {(name, start, stop) for name, start, stop in block.spans()} == {
        ("b", 0, 2),
        ("a", 2, 3),
        ("b", 2, 3),
    }
    assert block.inputs == ()


def test_values_of_new_blocks_are_held_until_they_are_not_needed():
    """As if the run had begun there."""
    book = Book(lane, kept={"b"}, xs=[1])
    book.lower(1)
    book.fold(1, segment("a", 0, Success))
    uproot(book.record)
    book.lower(1)
    first = max(book.record.in_flight) - 1
    book.fold(first, segment("a", 0, Success))
    assert book.record.holding.take_loose() == []
    book.fold(first + 1, segment("b", 0, Success))
    assert [key[1] for key in book.record.holding.take_loose()] == [first]


def test_what_waits_goes_on_waiting():
    """A retry keeps its instant, a failure its exception."""
    book = Book(lane, xs=[1, 2])
    book.lower(2)
    notes = {0: {"due": 150.0}, 1: {"failure": ValueError("no")}}
    book.fold(1, segment("a", 0, Retrying, Failed, notes=notes), segment("b", 0))
    uproot(book.record)
    assert kinds(book)["a"] == ["Retrying", "Failed"]
    assert book.record.next_due() == 150.0
    assert str(book.record.state("a", 1).exception) == "no"

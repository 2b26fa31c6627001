"""What of a run waits for a person, and how it is named."""

from __future__ import annotations

import pytest

from daskflow import context, flow, manual_only, task
from daskflow.errors import IllegalMoveError
from daskflow.runtime.pausing import approve_all, parked, paused_runs, reject_all
from daskflow.states import Failed, Paused
from tests.unit.runtime.book import Book


@task(trigger=manual_only)
def wait(x=0):
    return x


@task(trigger=manual_only)
def other(x=0):
    return x


def lanes(count):
    """Return a flow that pauses at the children of two maps, and before."""

    @flow
    def lane(n):
        return wait.map(n)

    return lambda: (other(), wait.map(list(range(count))), lane.map([[1], [], [1, 2]]))


@pytest.fixture
def book():
    return Book(lanes(12)).play()


def names(book, node=None, index=None):
    found = paused_runs(book.record, node, index)
    return [context.run_label(name, book.record.index(name, place)) for name, place in found]


def test_a_run_is_parked_when_something_waits_for_a_person(book):
    """The state names the first few in the order of the flow, and how many more."""
    assert parked(Book(lambda: task(len)("x")).play().record) is None
    assert parked(book.record) == Paused("waits for approval: other, wait[0], wait[1] and 13 more")
    few = Book(lambda: other()).play()
    assert parked(few.record).message == "waits for approval: other"


def test_who_is_meant(book):
    """All, those of a node, a child by its name or its index, those of a lane."""
    assert len(names(book)) == 16
    assert names(book)[0] == "other"
    assert names(book, "wait") == [f"wait[{i}]" for i in range(12)]
    assert names(book, "wait[10]") == names(book, "wait", (10,)) == ["wait[10]"]
    assert names(book, "lane.wait[2]") == ["lane.wait[2, 0]", "lane.wait[2, 1]"]
    assert names(book, "lane.wait[2, 1]") == names(book, "lane.wait[2,1]") == ["lane.wait[2, 1]"]
    assert names(book, None, (2,)) == ["wait[2]", "lane.wait[2, 0]", "lane.wait[2, 1]"]


@pytest.mark.parametrize(
    ("node", "index", "who"),
    [
        ("wait", (12,), r"wait\[12\] is not paused; "),
        ("lane.wait[1]", None, r"lane.wait\[1\] is not paused; "),
        ("nobody", None, "nobody is not paused; "),
        ("nobody[x]", None, r"nobody\[x\] is not paused; "),
        (None, (99,), r"\[99\] is not paused; "),
    ],
)
def test_who_is_not_there(book, node, index, who):
    """The message tells who does wait, up to a number."""
    with pytest.raises(IllegalMoveError, match=f"^{who}waiting for approval: other, wait") as told:
        paused_runs(book.record, node, index)
    assert "and" not in str(told.value)


def test_many_are_not_all_listed():
    """A run of a hundred thousand paused children is no message of a hundred thousand names."""
    book = Book(lanes(100)).play()
    with pytest.raises(IllegalMoveError, match=r"wait\[18\] and 84 more$"):
        paused_runs(book.record, "nobody", None)
    approve_all(book.record, paused_runs(book.record, None, None))
    with pytest.raises(IllegalMoveError, match=r"^nothing is paused$"):
        paused_runs(book.record, None, None)


def test_some_are_rejected_and_the_others_approved(book):
    """Those go on, these failed; nothing waits any more."""
    reject_all(book.record, paused_runs(book.record, "wait", None), "no")
    approve_all(book.record, paused_runs(book.record, None, None))
    assert parked(book.record) is None
    book.play()
    assert {type(state) for state in book.record.node_state("wait").children} == {Failed}
    assert book.kinds("lane.wait") == ["Success"] * 3
    assert book.kinds("other") == ["Success"]

"""What a block knows of other task runs, as it came in: whole, in parts, and in lanes."""

from __future__ import annotations

import pickle

import pytest

from daskflow import flow, task
from daskflow.errors import CrashedError
from daskflow.lowering.spaces import Space
from daskflow.runtime.inputs import Inputs, Literal, Piece, cut_piece
from daskflow.sealing import Unreadable, seal
from daskflow.states import Failed, Mapped, Pending, Retrying, Skipped, Success
from tests.unit.runtime.book import Book, segment


@task
def a(x=0): ...


@task
def b(x=0, y=0): ...


@flow
def inner(xs):
    return a.map(xs)


def ended(name, start, *values, kind=Success):
    """Return the segment of task runs that ended with these values."""
    made = segment(name, start, *[kind] * len(values))
    made.values = dict(enumerate(values))
    return made


def inputs(*received, function=lambda: b(a()), spaces=None, **parameters):
    return Inputs(Book(function, **parameters).spec, received, (), spaces)


def codes(*kinds):
    return bytes(kind.code for kind in kinds)


class Odd(list):
    """A list that can be measured but not cut."""

    def __getitem__(self, index):
        raise RuntimeError("no slices")


class Torn:
    """A value that cannot be read where it arrives."""

    def __reduce__(self):
        return pickle.loads, (b"not a pickle",)


def test_a_value_that_traveled_is_read_once():
    """Where it is needed first; afterwards it is itself."""
    there = inputs([ended("a", 0, seal([1]), "plain")])
    first = there.value("a", 0)
    assert first == [1]
    assert there.value("a", 0) is first
    assert there.value("a", 1) == "plain"


@pytest.mark.parametrize("value", [seal(Torn()), Unreadable("torn on its way")])
def test_a_value_that_cannot_be_read_is_told_to_who_needs_it(value):
    """Its state can still be asked for."""
    there = inputs([ended("a", 0, value)])
    assert there.code("a", 0) == Success.code
    with pytest.raises(CrashedError, match=r"cannot be unpickled|torn on its way"):
        there.value("a", 0)


def test_a_segment_without_values_has_none():
    """As that of a block whose values nobody needs."""
    assert inputs([ended("a", 0, 1).without_values()]).value("a", 0) is None


def piece(start, stop, value=(0, 10, 20, 30, 40)):
    return cut_piece("a", start, stop, (ended("other", 0, 1), ended("a", 0, value)))


def test_parts_of_a_large_value():
    """Elements are found by position in whichever part has them, also when the parts traveled."""
    there = inputs(pickle.loads(pickle.dumps(piece(0, 2))), piece(3, 5))
    get = there.piece_getter("a")
    assert [get(position) for position in (0, 1, 3, 4)] == [0, 10, 30, 40]
    assert there.code("a", 0) == Success.code
    with pytest.raises(StopIteration):
        get(2)


def test_a_part_is_not_taken_where_the_whole_is():
    """Another node of the block got that; what is not finished counts as not there."""
    whole = [ended("a", 0, (0, 10))]
    assert inputs(piece(0, 2), whole).pieces == {}
    assert list(inputs(piece(0, 2), [segment("a", 0, Retrying)]).pieces) == ["a"]


def test_what_cannot_be_cut_is_told_to_who_needs_it():
    """Of a value that has a length but no slices."""
    cut = piece(0, 2, Odd([1, 2]))
    assert isinstance(cut, Piece)
    with pytest.raises(CrashedError, match="the value of 'a' cannot be cut: RuntimeError"):
        inputs(cut).piece_getter("a")


def test_literals_large_and_small():
    """A large one comes as an input and is read when it is asked for."""
    there = inputs(
        Literal("big", seal([1, 2])), function=lambda big, small: b(big, small), big=0, small=5
    )
    assert (there.literal("big"), there.literal("small")) == ([1, 2], 5)
    assert [there.has_literal(name) for name in ("big", "small", "none")] == [True, True, False]


def test_of_what_nothing_is_known():
    """Pending, no value, no times; a node that is not mapped has one task run all the same."""
    there = inputs()
    assert there.find("a", 0) is None
    assert (there.code("a", 3), there.value("a", 3)) == (Pending.code, None)
    assert (there.times("a", 0), there.times("a", None)) == ((None, None), (None, None))
    assert there.state("a", 0) == Pending()
    assert there.positions("a") == range(1)
    assert there.whole_codes("a") == bytes([Pending.code])
    assert there.spaces == {}


def test_when_a_body_ran():
    """Instants, aware; none where it was never started."""
    there = inputs([ended("a", 0, 1)], [segment("a", 1, Skipped, started=False)])
    started, stopped = there.times("a", 0)
    assert (started.timestamp(), stopped.timestamp()) == (100.0, 101.0)
    assert there.times("a", 1) == (None, None)
    assert there.times("a", 7) == (None, None)


def test_a_state_in_full():
    """With message, attempt and instant; an exception only where there is one."""
    error = ValueError("no")
    failed = ended("a", 0, error, "no exception", kind=Failed)
    failed.notes.update(segment("a", 0, Failed, notes={0: {"message": "told"}}).notes)
    there = inputs([failed, segment("a", 2, Skipped, started=False)])
    first, second, third = (there.state("a", position) for position in range(3))
    assert (first.message, first.attempt, first.exception) == ("told", 1, error)
    assert first.timestamp.timestamp() == 101.0
    assert (second.message, second.exception) == ("", None)
    assert (type(third), third.attempt) == (Skipped, 0)


def test_codes_of_a_whole_node():
    """One segment from the beginning as it is, several by position, what is missing Pending."""
    one = inputs([ended("a", 0, 1, 2)], function=lambda xs: b(a.map(xs)), xs=[1, 2])
    assert one.whole_codes("a") == codes(Success, Success)
    late = inputs([ended("a", 1, 2)], function=lambda xs: b(a.map(xs)), xs=[1, 2])
    assert late.whole_codes("a") == codes(Pending, Success)
    assert late.column("a") is late.column("a")


def lanes():
    """Return spaces of three lanes: two children, none, and one that ended without."""
    outer = Space(Space())
    outer.open(0, 3)
    deep = Space(outer)
    deep.open(0, 2)
    deep.open(1, 0)
    deep.decided[2] = Failed("no", exception=KeyError("k"))
    return {"inner.a": deep}


def in_lanes(*received):
    return inputs(*received, function=lambda xs: b(inner.map(xs)), spaces=lanes(), xs=[])


def test_codes_in_lanes():
    """Of children, and of lanes that ended without; they are gathered once."""
    there = in_lanes([ended("inner.a", 0, 1), ended("inner.a", 1, 2, kind=Skipped)])
    assert sorted(there.whole_codes("inner.a")) == sorted(codes(Success, Skipped, Failed))
    assert there.whole_codes("inner.a") is there.whole_codes("inner.a")


def test_values_in_lanes():
    """Lists in lists; what ended without children passes its exception on, or an empty list."""
    there = in_lanes([ended("inner.a", 0, 1), ended("inner.a", 1, None, kind=Skipped)])
    first, second, third = there.values_below("inner.a", ())
    assert (first, second, type(third)) == ([1, None], [], KeyError)
    assert there.values_below("inner.a", (), is_picky=True) == [[1], []]
    assert there.values_below("inner.a", (2,), is_picky=True) == []
    assert there.values_below("inner.a", (0, 1)) is None
    assert there.values_below("inner.a", (0, 0)) == 1
    assert type(there.values_below("inner.a", (2, 0))) is KeyError
    assert there.values_below("inner.a", (1, 0)) is None


def test_values_of_a_mapped_node():
    """In order; picky, only of those that succeeded and were not skipped."""
    received = [ended("a", 0, 1), ended("a", 1, 2, kind=Skipped), ended("a", 2, 3)]
    there = inputs(received, function=lambda xs: b(a.map(xs)), xs=[1, 2, 3])
    assert there.values_below("a", ()) == [1, 2, 3]
    assert there.values_below("a", (), is_picky=True) == [1, 3]
    assert Mapped.code not in there.whole_codes("a")

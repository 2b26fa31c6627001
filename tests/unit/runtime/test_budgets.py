"""What ends a block before all of it was begun: time, bytes, the reporter of the process."""

import threading
from dataclasses import replace

import pytest

from daskflow import task, unmapped
from daskflow.lowering.plan import unpack_block
from daskflow.runtime import budgets
from daskflow.runtime.budgets import UNLIMITED, Budget, Limits, Reporter
from daskflow.runtime.paces import Pace
from daskflow.runtime.shim import BlockWalk
from tests.unit.runtime.book import Book


@task
def ident(x):
    """Give it back."""
    return x


@task
def pair(x, y):
    """Give both back."""
    return x, y


def walked(function, limits, block_size=None, **parameters):
    """Walk the first block of a flow within limits; return the walk and its block."""
    book = Book(function, **parameters)
    spec = replace(book.spec, limits=limits)
    block = book.lower(block_size).blocks[0]
    walk = BlockWalk(spec, unpack_block(block.packed()), (), is_local=True)
    walk.walk()
    return walk, block


def told(walk):
    """Return how many task runs of each node were told of."""
    parts = [part for segment in walk.segments for part in segment.parts()]
    return {part.node: len(part.codes) for part in parts}


@pytest.mark.parametrize(
    "limits",
    [Limits(seconds=-1.0), Limits(kept_bytes=0), Limits(inline_bytes=0)],
    ids=["seconds", "kept", "inline"],
)
def test_a_block_begins_its_first_place_and_then_looks_at_its_limits(limits):
    """Of a lane one place with all its nodes; the rest is not told of, and so given back."""
    walk, block = walked(lambda xs: ident.map(ident.map(xs)), limits, 4, xs=range(4))
    assert block.task_runs() == 8
    assert set(told(walk).values()) == {1}


def test_without_limits_all_of_a_block_is_walked():
    """However long it takes, and however much it keeps."""
    walk, _ = walked(lambda xs: ident.map(xs), UNLIMITED, 1000, xs=range(1000))
    assert told(walk) == {"ident": 1000}


def test_what_only_a_lane_needs_is_no_burden():
    """Values that pass from node to node inside of a block are not kept, and not counted."""
    limits = Limits(kept_bytes=10_000)
    walk, _ = walked(
        lambda xs: ident.map(pair.map(xs, unmapped("x" * 500))), limits, 8, xs=range(8)
    )
    assert told(walk) == {"pair": 8, "ident": 8}


def test_a_stretch_of_nodes_ends_between_two_nodes():
    """The ones behind are given back, however many there are."""
    walk, block = walked(lambda: ident(ident(ident(1))), Limits(seconds=-1.0), 3)
    assert (block.task_runs(), told(walk)) == (3, {"ident": 1})


def test_a_value_goes_when_its_last_consumer_in_the_block_is_finished():
    """What nobody outside needs does not leave the block."""

    def case():
        first = ident(1)
        return pair(ident(first), first)

    walk, _ = walked(case, UNLIMITED, 4)
    (stretch,) = walk.segments
    assert {part.node: part.values for part in stretch.parts()} == {
        "ident": {},
        "ident-2": {},
        "pair": {0: (1, 1)},
    }


def test_what_was_not_begun_begins_in_the_next_pass():
    """As if it had not been in the block: nobody waits for it, and its state is Pending."""
    book = Book(lambda xs: ident.map(xs), xs=range(6))
    book.spec = replace(book.spec, limits=Limits(seconds=-1.0))
    (block,) = book.lower(6).blocks
    found = tuple(segment.without_values() for segment in book.walk(block))
    assert book.fold(block.number, *found).record.open == 5
    assert book.kinds("ident") == ["Success", *["Pending"] * 5]
    assert [*book.record.nodes["ident"].blocks] == [1, 0, 0, 0, 0, 0]
    book.play(6)
    assert book.kinds("ident") == ["Success"] * 6


def test_what_is_given_back_early_is_not_taken_from_its_new_block():
    """The old block's end tells only of what it has begun; the rest belongs to who took it."""
    book = Book(lambda xs: ident.map(xs), xs=range(4))
    (old,) = book.lower(4).blocks
    book.fold(old.number, given_back=[("ident", 1, 4)])
    assert (book.record.open, [*book.record.in_flight]) == (3, [old.number])
    (new,) = book.lower(4).blocks
    assert new.task_runs() == 3
    book.spec = replace(book.spec, limits=Limits(seconds=-1.0))
    (segment,) = book.walk(old)
    book.fold(old.number, segment.without_values())
    assert [*book.record.nodes["ident"].blocks] == [1, 2, 2, 2]
    book.fold(old.number, given_back=[("ident", 2, 4)])  # it comes too late
    assert [*book.record.in_flight] == [new.number]


def test_a_walk_and_a_reporter_take_turns_without_a_lock():
    """Whatever the reporter gives back is not begun, whoever comes first."""
    budget = Budget(UNLIMITED)
    assert budget.may_begin()
    assert budget.cut() == 1
    assert not budget.may_begin()  # it has said that it would: nobody's, until its end tells
    assert budget.cut() == 2


def test_the_reporter_gives_the_rest_back_while_a_body_runs(monkeypatch):
    """Once; a block that has ended meanwhile is left alone."""
    monkeypatch.setattr(budgets, "_LOOK_SECONDS", 0.001)
    reporter, heard, found = Reporter(), threading.Event(), []
    long, short = Budget(Limits(seconds=0.0)), Budget(UNLIMITED)
    forget = reporter.watch(short, found.append)
    assert long.may_begin()
    reporter.watch(long, lambda place: (found.append(place), heard.set()))
    assert heard.wait(10)
    forget()
    assert found == [1]
    assert not long.may_begin()
    assert short.may_begin()


def test_how_long_bodies_take():
    """The mean of those that ended; where none has, only that it takes long, or nothing."""
    pace = Pace()
    assert pace.expected() == 0.0
    pace.note_slow()
    assert pace.expected() == 1.0
    pace.note([10.0, 20.0], [10.5, 21.5])
    assert pace.expected() == pytest.approx(1.0, abs=0.001)
    pace.note([0.0] * 6, [0.0] * 6)  # never begun, or found in a cache
    assert pace.expected() == pytest.approx(0.25, abs=0.001)

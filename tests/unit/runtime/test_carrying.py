"""What a block knows of other task runs: what an iteration left behind."""

from __future__ import annotations

import pytest

from daskflow.events import Before
from daskflow.runtime.inputs import Inputs
from daskflow.sealing import Unreadable
from daskflow.states import Failed, Paused, Pending, Retrying, Success
from tests.unit.runtime.book import Book, segment


def left(kind, loops, value, start=0):
    """Return what a block tells of a task run that has looped so often."""
    made = segment("one", start, kind, notes={0: {"before": Before(1, loops=loops)}})
    made.values = {0: value}
    return made


@pytest.fixture
def inputs():
    spec = Book(lambda xs: [], xs=[]).spec
    return lambda *segments: Inputs(spec, [(one,) for one in segments])


@pytest.mark.parametrize("kind", [Retrying, Paused, Pending])
def test_what_an_iteration_left_is_found(inputs, kind):
    """Whatever it waited for, at its own position."""
    found = inputs(left(kind, 2, "wrong", start=1), left(kind, 2, "right"))
    assert found.carried("one", 0, 2).value == "right"
    assert found.carried("one", 1, 2).value == "wrong"


@pytest.mark.parametrize("order", [1, -1])
def test_blocks_that_tell_of_earlier_iterations(inputs, order):
    """Of several the one that tells of as many iterations counts, in whichever order they came."""
    old, new, newest = (left(Retrying, loops, f"after {loops}") for loops in (1, 2, 3))
    found = inputs(*[old, new, newest][::order])
    assert [found.carried("one", 0, n).value for n in (1, 2, 3)] == [
        "after 1",
        "after 2",
        "after 3",
    ]


def test_what_is_not_there(inputs):
    """No block, another number of iterations, or one that was made again and ended."""
    for segments in [
        (),
        (left(Retrying, 1, "x"),),
        (left(Success, 2, "x"),),
        (left(Failed, 2, 1),),
    ]:
        with pytest.raises(LookupError, match="no block has it"):
            inputs(*segments).carried("one", 0, 2)


def test_what_cannot_be_read(inputs):
    """It is told to who asks, and breaks nothing before."""
    found = inputs(left(Retrying, 2, Unreadable("torn")))
    with pytest.raises(Exception, match="torn"):
        found.carried("one", 0, 2)


def test_a_result_that_could_not_be_written_is_another_thing(inputs):
    """What an iteration began with is not what it came to, though both tell of as many."""
    held = segment("one", 0, Retrying, notes={0: {"before": Before(1, loops=2, held=1)}})
    held.values = {0: "result"}
    found = inputs(left(Retrying, 2, "begun with"), held)
    assert found.carried("one", 0, 2).value == "begun with"
    assert found.carried("one", 0, 2, 1).value == "result"


def test_a_block_that_was_taken_has_nothing(inputs):
    """It tells of the task run, and has no value of it."""
    hollow = segment("one", 0, Pending)
    hollow.values = {}
    with pytest.raises(LookupError, match="no block has it"):
        inputs(hollow).carried("one", 0, 0)

"""Index spaces: which map indexes there are, at what positions, whatever order they came in."""

from __future__ import annotations

import pickle
import threading

import pytest

from daskflow.errors import PortableError
from daskflow.lowering.spaces import Space
from daskflow.states import Failed, Skipped, TriggerFailed


def lanes(width):
    """Return a space in the root with so many places."""
    made = Space(Space())
    made.open(0, width)
    return made


def ragged(around, widths):
    """Return a space with these widths below the places of another one, in this order."""
    made = Space(around)
    for place, width in widths.items():
        made.open(place, width)
    return made


def three_levels():
    """Return three spaces in each other, of which the inner ones were opened out of order.

    Below lane 0: [0, 0, 0..1], [0, 1, nothing]; below 1 nothing; below 2: [2, 0, 0..2].
    """
    outer = lanes(3)
    middle = ragged(outer, {2: 1, 0: 2, 1: 0})  # positions 0: [2, 0]; 1, 2: [0, 0..1]
    inner = ragged(middle, {1: 2, 0: 3, 2: 0})
    return outer, middle, inner


def indexes(space):
    """Return the map indexes of all positions."""
    return [space.index_of(position) for position in range(space.size)]


def test_the_root_has_one_place():
    """What is not mapped lies there, with the empty map index."""
    root = Space()
    assert (root.size, root.level, root.is_complete(), root.undecided()) == (1, 0, True, [])
    assert (root.index_of(0), root.find(()), root.chain()) == ((), 0, [root])
    assert root.below(()) == ([(0, 1)], {}, True)


def test_in_the_root_a_position_is_the_map_index():
    """No table is needed for a plain map."""
    space = lanes(4)
    assert indexes(space) == [(0,), (1,), (2,), (3,)]
    assert [space.find((i,)) for i in range(4)] == [0, 1, 2, 3]
    assert space.owner(3) == 0


def test_widths_may_be_ragged_and_come_in_any_order():
    """A range of positions is given out as it comes; map indexes tell of the place below which."""
    _, middle, inner = three_levels()
    assert indexes(middle) == [(2, 0), (0, 0), (0, 1)]
    assert indexes(inner) == [(0, 0, 0), (0, 0, 1), (2, 0, 0), (2, 0, 1), (2, 0, 2)]
    assert [middle.owner(position) for position in range(3)] == [2, 0, 0]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_position_is_found_by_its_map_index(which):
    """There and back is the same at each depth."""
    space = three_levels()[which]
    assert [space.find(index) for index in indexes(space)] == list(range(space.size))


@pytest.mark.parametrize("index", [(0, 2), (1, 0), (0, 1, 0), (0, 0, 2), (1, 0, 0)])
def test_what_does_not_exist_is_not_found(index):
    """Neither behind the last child, nor below an empty lane, nor below what is not there."""
    assert three_levels()[len(index) - 1].find(index) is None


def test_what_is_not_known_yet():
    """A space is complete when below each place around it is told what there is."""
    outer, inner = lanes(3), None
    inner = ragged(outer, {1: 2})
    assert (inner.undecided(), inner.is_complete()) == ([0, 2], False)
    inner.open(2, 0)
    inner.decided[0] = Skipped()
    assert (inner.undecided(), inner.is_complete()) == ([], True)
    unknown = Space(Space())
    assert (unknown.undecided(), unknown.is_complete()) == ([0], False)
    assert not Space(unknown).is_complete()  # nothing is missing below it, but around it


@pytest.mark.parametrize(
    ("index", "ranges"),
    [
        ((), [(0, 5)]),
        ((0,), [(0, 2)]),
        ((1,), []),
        ((2,), [(2, 5)]),
        ((0, 0), [(0, 2)]),
        ((0, 1), []),
        ((2, 0, 1), [(3, 4)]),
    ],
)
def test_what_is_below_a_map_index(index, ranges):
    """All task runs whose map indexes begin so, in ranges that are joined where they touch."""
    assert three_levels()[2].below(index) == (ranges, {}, True)


def test_ranges_that_do_not_touch_stay_apart():
    """What was given out in between belongs to others."""
    space = ragged(lanes(3), {0: 1, 1: 1, 2: 1})
    inner = ragged(space, {0: 2, 2: 1, 1: 2})
    assert inner.below(()).ranges == [(0, 2), (3, 5), (2, 3)]
    assert inner.below((2,)).ranges == [(2, 3)]


def test_what_ended_without_children_is_below_too():
    """Its state stands for all that might have been, with the place where it is."""
    outer = lanes(4)
    middle = ragged(outer, {0: 2})
    middle.decided[1] = failed = Failed("no")
    inner = ragged(middle, {1: 1})
    inner.decided[0] = skipped = Skipped("so")
    assert inner.below(()) == ([(0, 1)], {(0, 0): skipped, (1,): failed}, False)
    assert inner.below((0,)) == ([(0, 1)], {(0, 0): skipped}, True)
    assert inner.below((0, 0)) == inner.below((0, 0, 5)) == ([], {(0, 0): skipped}, True)
    assert inner.below((1,)) == inner.below((1, 2)) == ([], {(1,): failed}, True)
    assert inner.below((2,)) == inner.below((2, 0)) == ([], {}, False)
    assert [inner.missing(index) for index in [(1, 3), (0, 0, 0), (0, 1, 0), (2, 0)]] == [
        failed,
        skipped,
        None,
        None,
    ]


def test_a_flattened_space_numbers_the_elements_of_all_parts():
    """Each position has the number of its part and its place in it; an empty part has none."""
    space = Space(Space())
    space.open(0, 6, (2, 0, 3, 1))
    assert [space.part_of(position) for position in range(6)] == [
        (0, 0),
        (0, 1),
        (2, 0),
        (2, 1),
        (2, 2),
        (3, 0),
    ]


def test_a_flattened_space_in_lanes():
    """Below each place the parts are counted from the first again."""
    space = Space(lanes(3))
    space.open(2, 3, (1, 2))
    space.open(0, 0, (0, 0))
    space.open(1, 1, (0, 1))
    assert [space.part_of(position) for position in range(4)] == [(0, 0), (1, 0), (1, 1), (1, 0)]


def test_a_copy_grows_by_itself():
    """Lowering opens spaces in copies; what the driver knows stays as it is."""
    outer, middle, _ = three_levels()
    wide = outer.copy(outer.parent)
    mine = middle.copy(wide)
    mine.open(7, 2, (1, 1))
    mine.decided[8] = Failed()
    assert (middle.size, mine.size, mine.chain()[1]) == (3, 5, wide)
    assert 7 not in middle.children
    assert not middle.decided
    assert not middle.flat
    assert indexes(middle) == indexes(mine)[:3]


@pytest.mark.parametrize("tops", [{0}, {2}, {0, 2}, {1}, None])
def test_a_part_is_used_like_the_whole(tops):
    """Below the chosen lanes it tells the same, on the other side too; of others nothing."""
    outer, middle, inner = three_levels()
    parts = [outer.under(Space(), tops)]
    for space in (middle, inner):
        parts.append(space.under(parts[-1], tops))
    parts = pickle.loads(pickle.dumps(parts))
    for part, space in zip(parts, (outer, middle, inner), strict=True):
        for position in range(space.size):
            index = space.index_of(position)
            if tops is None or index[0] in tops:
                assert part.index_of(position) == index
                assert part.find(index) == position
        for top in tops or range(3):
            assert part.below((top,)) == space.below((top,))
    assert set(parts[1].children) == (set(range(3)) if tops is None else tops)


def test_a_part_has_what_ended_and_what_is_flat_in_it():
    """States and numbers of parts come along for the lanes that were asked for, no others."""
    outer = lanes(3)
    middle = ragged(outer, {2: 1})
    middle.decided.update({0: Failed("zero"), 1: Failed("one")})
    middle.open(1, 0)
    flat = Space(outer)
    flat.open(2, 2, (1, 1))
    flat.open(1, 1, (1,))
    around = outer.under(Space(), {0, 2})
    part = middle.under(around, {0, 2})
    assert {place: state.message for place, state in part.decided.items()} == {0: "zero"}
    part = flat.under(around, {2})
    assert list(part.flat) == [2]
    assert [part.part_of(position) for position in (0, 1)] == [(0, 0), (1, 0)]


class TornError(Exception):
    """Can be pickled, and not be unpickled."""

    def __reduce__(self):
        return int, ("x",)


def test_a_state_with_an_exception_that_cannot_travel():
    """It goes along in words: what lies in the space must not depend on it."""
    space = lanes(3)
    space.decided[2] = Skipped("so")
    space.decided[0] = TriggerFailed("its trigger raised TornError()", exception=TornError())
    space.decided[1] = kept = Failed("no", exception=KeyError("k"))
    there = pickle.loads(pickle.dumps(space)).decided
    assert (type(there[0]), there[0].message) == (TriggerFailed, "its trigger raised TornError()")
    assert type(there[0].exception) is PortableError
    assert str(there[0].exception) == "its trigger raised TornError()"
    assert there[1].exception.args == kept.exception.args
    assert there[2] == Skipped("so")
    assert type(space.decided[0].exception) is TornError  # here it stays what it was
    space.decided[0] = Failed("no", exception=RuntimeError(threading.Lock()))
    assert type(pickle.loads(pickle.dumps(space)).decided[0].exception) is PortableError


def test_a_map_index_that_will_never_be():
    """It exceeds the children that are there; where that is not known yet, nothing is said."""
    lanes = Space(Space())
    inner = Space(lanes)
    assert inner.exceeded((5, 5)) is None
    lanes.open(0, 3)
    inner.open(1, 2)
    assert [inner.exceeded(index) for index in ((3, 0), (1, 2), (1, 1), (0, 9))] == [
        3,
        2,
        None,
        None,
    ]
    assert Space().exceeded(()) is None

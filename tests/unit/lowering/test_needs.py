"""What a block needs from elsewhere: blocks, parts of index spaces, parts of large values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daskflow import flatten, flow, successful, unmapped
from daskflow.demands import Demand
from daskflow.events import Before, Segment
from daskflow.lowering import Target, lower
from daskflow.lowering.plan import Portion, unpack_block
from daskflow.states import Failed, Success
from tests.unit.lowering.desk import Desk, a, always, b, c, d, told, total


def inner(x):
    """Two maps in a lane, the second over the first, and a reduce."""
    return total(c.map(b.map(a(x))))


def lanes(xs):
    return flow(inner, name="s").map(xs)


def ragged(*widths):
    """Return a desk on which the values of a, in lanes, are to be mapped over."""
    desk = Desk(lanes, xs=range(len(widths)))
    desk.play(9)
    desk.measure("s.a", *widths)
    return desk


def spaces(block):
    """Return what a block has of index spaces: which lanes of each."""
    return {name: sorted(space.children) for name, space in block.spaces.items()}


# --------------------------------------------------------------------------------- deep spaces


def test_a_lane_of_lanes_shares_a_block():
    """Maps over each other in a sub-flow walk together; positions are those of their space."""
    plan = ragged(2, 0, 1).lower(9)
    assert told(plan) == ["2: s.b,s.c 0-3 <- 1", "3: s.total 0-3 <- 2"]
    both, reduce = plan.blocks
    assert spaces(both) == {"s": [0], "s.b": [0, 2], "s.c": [0, 2]}
    assert spaces(reduce) == {"s": [0], "s.c": [0, 1, 2]}


def test_a_block_has_the_lanes_that_it_needs():
    """Of a space that lies in another each block gets what is below its own lanes."""
    first, second, *_ = ragged(2, 0, 1).lower(2).blocks
    assert spaces(first) == {"s": [0], "s.b": [0], "s.c": [0]}
    assert spaces(second) == {"s": [0], "s.b": [2], "s.c": [2]}


def test_what_is_the_same_elsewhere_needs_both_spaces():
    """A second map in a block of its own has to see that the first one has the same places."""
    plan = ragged(2, 0, 1).lower(1)
    (block,) = [one for one in plan.blocks if one.strips[0] == (("s.c",), 0, 1)]
    assert spaces(block) == {"s": [0], "s.b": [0], "s.c": [0]}


def test_a_retry_in_a_lane_of_lanes():
    """What is due again is lowered, and what waits for it; the rest stays where it is."""
    desk = ragged(2, 0, 1)
    desk.play(2)
    desk.give_back("s.c", 2)
    desk.give_back("s.total", 2)
    plan = desk.lower(2)
    assert told(plan) == ["6: s.c 2-3 <- 3", "7: s.total 2-3 <- 6"]
    assert plan.blocks[0].before == {("s.c", 2): Before(1)}


def test_three_levels_in_one_plan():
    """Each block has the spaces around, as far as its lanes go."""

    def middle(x, out):
        return flow(lambda y: b.map(y, unmapped(a(y)), unmapped(out)), name="deep").map(x)

    def case(xs):
        return total(flow(middle, name="s").map(xs, unmapped(d(0))))

    desk = Desk(case, xs=[[[1], [2, 3]], [], [[4], []]])
    plan = desk.lower(3)
    assert {line.partition(" <- ")[0].split(" ", 1)[1] for line in told(plan)} == {
        "d 0-1",
        "s.deep.a 0-3",
        "s.deep.a 3-4",
        "s.deep.b 0-3",
        "s.deep.b 3-4",
        "total 0-1",
    }
    by_name = {(one.strips[0].nodes[0], one.strips[0].start): one for one in plan.blocks}
    assert spaces(by_name["s.deep.b", 3]) == {"s": [0], "s.deep": [2], "s.deep.b": [2, 3]}
    assert spaces(by_name["total", 0])["s.deep.b"] == [0, 1, 2, 3]
    desk.end(desk.take(plan))
    assert told(desk.lower()) == []


def test_all_of_a_lane_and_all_of_all_lanes():
    """A node with both needs the blocks of all, once."""

    def case(xs):
        made = []

        def one(x):
            made.append(b.map(x))
            return c(made[0])

        flow(one, name="s").map(xs)
        return flow(lambda x: d(x, made[0]), name="t").map(xs)

    desk = Desk(case, xs=[[1, 2], [3]])
    plan = desk.lower(1)
    numbers = {block.strips[0]: block for block in plan.blocks}
    whole = [one for strip, one in numbers.items() if strip.nodes == ("t.d",)]
    alone = [one for strip, one in numbers.items() if strip.nodes == ("s.c",)]
    assert [len(block.inputs) for block in whole] == [3, 3]
    assert [len(block.inputs) for block in alone] == [2, 1]
    assert spaces(whole[0]) == {"s": [0], "s.b": [0, 1]}
    assert spaces(alone[1]) == {"s": [0], "s.b": [1]}


def test_the_whole_of_a_space_has_every_lane_in_it():
    """What is asked for whole stays whole, whatever lanes of it are asked for besides."""

    def case(xs):
        many = flow(lambda x: b.map(x), name="s").map(xs)
        return flow(lambda y, ys: d(ys, y), name="t").map(many, unmapped(many))

    *_, block = Desk(case, xs=[[1], [2, 3]]).lower(1).blocks
    assert block.strips[0] == (("t.d",), 1, 2)
    assert spaces(block) == {"s": [0], "s.b": [0, 1]}


def test_a_lane_that_ended_comes_along_as_it_is():
    """A consumer finds the state of a map that has no children, in the part of its own lane."""

    def case(xs):
        return flow(lambda x: always(b.map(x)), name="s").map(xs)

    desk = Desk(case, xs=[[1], 5, None])
    _, first, second, _ = desk.lower(1).blocks
    assert first.spaces["s.b"].decided == {}
    (state,) = unpack_block(second.packed()).spaces["s.b"].decided.values()
    assert "cannot map over an int" in state.message


# ------------------------------------------------------------------------------------- flattened


def flat_desk(**states):
    """Return a desk on which three lists of 2, 0 and 3 elements wait to be flattened."""
    desk = Desk(lambda xs: b.map(flatten(a.map(xs))), xs=range(3))
    desk.play(1, **states)
    desk.measure("a", 2, 0, 3)
    return desk


def test_flattened_elements_need_the_blocks_of_their_values():
    """Only those; the space tells them which element of which value is theirs."""
    plan = flat_desk().lower(2)
    assert told(plan) == [
        "4: flatten,b 0-2 <- 1",
        "5: flatten,b 2-4 <- 3",
        "6: flatten,b 4-5 <- 3",
    ]
    assert [list(block.spaces) for block in plan.blocks] == [["flatten"]] * 3
    part = unpack_block(plan.blocks[1].packed()).spaces["flatten"]
    assert [part.part_of(position) for position in range(5)] == [
        (0, 0),
        (0, 1),
        (2, 0),
        (2, 1),
        (2, 2),
    ]


def test_a_part_that_failed_is_one_element():
    """Its lane is lowered to be refused there."""
    desk = flat_desk(a=[Failed, Success, Success])
    assert told(desk.lower(9)) == ["4: flatten,b 0-4 <- 1 3"]


def test_nothing_to_flatten_needs_nothing():
    """No task runs, and who waits for all of them runs at once."""
    desk = Desk(lambda xs: total(flatten(a.map(xs))), xs=[])
    assert told(desk.lower()) == ["1: total 0-1"]


def test_flattened_lanes_are_needed_child_by_child():
    """The children of a map in a sub-flow; the whole of their space, for parts are anywhere."""
    desk = Desk(lambda xs: flatten(flow(lambda x: b.map(x), name="s").map(xs)), xs=[[1], [2, 3]])
    plan = desk.lower(1)
    assert told(plan)[-3:] == ["4: flatten 0-1 <- 1", "5: flatten 1-2 <- 2", "6: flatten 2-3 <- 3"]
    assert spaces(plan.blocks[-1]) == {"s": [0], "s.b": [0, 1], "flatten": [0]}


def test_flatten_in_lanes():
    """Each lane of the flattened space has its own parts."""
    desk = Desk(lambda xs: flow(lambda x: flatten(b.map(x)), name="s").map(xs), xs=[[1], [2, 3]])
    desk.play(9)
    desk.measure("s.b", 2, 0, 1)
    (first, second) = desk.lower(2).blocks
    assert spaces(first) == {"s": [0], "s.b": [0, 1], "s.flatten": [0]}
    assert list(second.spaces["s.flatten"].flat) == [1]


# -------------------------------------------------------------------------------- large values


def mapped_over(case, *, is_large=True, **parameters):
    """Return a desk on which a has a value of four elements that is mapped over."""
    desk = Desk(case, **parameters)
    desk.play()
    desk.measure("a", 4, is_large=is_large)
    return desk


def test_of_a_large_value_each_block_gets_its_part():
    """A portion cut where the value is, in place of the block that has it."""
    plan = mapped_over(lambda: b.map(a())).lower(2)
    source = ("a-ab12", 1)
    assert [(block.inputs, block.portions) for block in plan.blocks] == [
        ((), (Portion("a", 0, 2, source, "desk"),)),
        ((), (Portion("a", 2, 4, source, "desk"),)),
    ]
    assert [block.sources() for block in plan.blocks] == [(source,)] * 2
    layer = plan.layer(print, print, print)
    cuts = [key for key in layer if key[0] == "portion-ab12"]
    wish = Demand(workers=("desk",), is_wish=True)
    assert plan.demands() == dict.fromkeys(cuts, wish)  # there, if that worker still is
    assert cuts == [("portion-ab12", "a[0:2] of 1"), ("portion-ab12", "a[2:4] of 1")]
    assert [layer[key].dependencies for key in cuts] == [{source}] * 2
    assert layer["b-ab12", 2].dependencies == {cuts[0]}


def test_a_portion_is_cut_once_for_a_block():
    """Of two arguments over one value, or two nodes over each other, the block has one part."""

    def case():
        x = a()
        return b.map(c.map(x, x), x)

    plan = mapped_over(case).lower(2)
    assert [len(block.portions) for block in plan.blocks] == [1, 1]


def test_who_waits_for_a_value_besides_does_not_need_it_whole():
    """The part tells of the state of the task run that made the value."""

    def case():
        x = a()
        return b.map(x, wait_for=[x])

    plan = mapped_over(case).lower(2)
    assert [(len(block.portions), block.inputs) for block in plan.blocks] == [(1, ())] * 2


@pytest.mark.parametrize(
    "case",
    [
        lambda x: b.map(x, unmapped(x)),
        lambda x: b.map(x, unmapped([x])),
        lambda x: b.map(x, [x, 1, 1, 1]),
    ],
)
def test_a_value_that_is_needed_whole_as_well_is_not_cut(case):
    """Its block is an input."""
    plan = mapped_over(lambda: case(a())).lower(2)
    assert [(block.inputs, block.portions) for block in plan.blocks] == [((("a-ab12", 1),), ())] * 2


def test_a_value_that_is_not_large_is_not_cut():
    """The block that has it is an input like any other."""
    plan = mapped_over(lambda: b.map(a()), is_large=False).lower(2)
    assert all(block.inputs and not block.portions for block in plan.blocks)


def test_a_value_that_no_block_has_is_not_cut():
    """One that crashed in the driver has none, and its consumers are given its state."""
    desk = mapped_over(lambda: always.map(a()))
    desk.take(desk.lower(4))
    for position in range(4):
        desk.give_back("always", position)
    desk.crash("a", 0, "worker lost")
    (block,) = desk.lower(4).blocks
    assert (block.inputs, block.portions) == ((), ())
    assert [segment.node for segment in block.given] == ["a"]


def test_a_large_value_mapped_over_in_lanes_comes_whole():
    """Its elements belong to every lane."""
    desk = mapped_over(
        lambda xs: flow(lambda x, y: b.map(y, unmapped(x)), name="s").map(xs, unmapped(a())),
        xs=[1, 2],
    )
    assert [(len(block.inputs), block.portions) for block in desk.lower(8).blocks] == [(1, ())]


def test_a_large_value_whose_elements_are_lanes_is_cut():
    """The arguments of a mapped sub-flow are elements like those of a map."""
    desk = mapped_over(lambda: flow(lambda x: b(x), name="s").map(a()))
    assert [block.portions[0][1:3] for block in desk.lower(2).blocks] == [(0, 2), (2, 4)]


def test_a_large_literal_in_lanes_comes_whole():
    """By slices only where positions are map indexes."""
    desk = Desk(lambda xs: flow(lambda x: (b(x), c.map(x)), name="s").map(xs), xs=[[1], [2, 3]])
    desk.large = frozenset({"xs"})
    found = {block.strips[0].nodes[0]: block for block in desk.lower(9).blocks}
    assert [one.literal for one in found["s.b"].slices] == ["xs"]
    assert (found["s.c"].slices, found["s.c"].literals) == ((), ("xs",))


# --------------------------------------------------------------------------------------- the rest


def test_what_succeeded_needs_all_that_may_have():
    """Around an argument `successful` changes what is passed, not what is waited for."""
    plan = Desk(lambda xs: total(successful(a.map(xs))), xs=range(2)).lower(1)
    assert told(plan)[-1] == "3: total 0-1 <- 1 2"


def test_a_list_of_nodes_in_lanes():
    """Mapped over in a lane each child waits for the nodes of its own lane."""

    def one(x):
        return d.map([a(x), b(x)])

    desk = Desk(lambda xs: flow(one, name="s").map(xs), xs=[1, 2])
    plan = desk.lower(1)
    assert told(plan)[-4:] == [
        "5: s.d 0-1 <- 1 3",
        "6: s.d 1-2 <- 1 3",
        "7: s.d 2-3 <- 2 4",
        "8: s.d 3-4 <- 2 4",
    ]


def test_what_runs_again_is_not_asked_for_where_it_was():
    """A lane of lanes whose upstream is due as well finds it in the new plan alone."""
    desk = ragged(2, 0, 1)
    desk.play(9)
    for name, position in [("s.b", 0), ("s.c", 0), ("s.total", 0)]:
        desk.give_back(name, position)
    assert told(desk.lower(9)) == ["4: s.b,s.c 0-1 <- 1", "5: s.total 0-1 <- 4 2"]


# --------------------------------------------------------------------- what was kept of lost blocks


def crossed(xs):
    """Pair each with each: a block needs some of them on two ways."""
    made = a.map(xs)
    return flow(lambda y, ys: b.map(ys, unmapped(y)), name="s").map(made, unmapped(made))


def test_what_comes_on_one_way_does_not_come_again():
    """A block whose upstream block is gone brings each of its task runs along once."""
    desk = Desk(crossed, xs=[1, 2])
    desk.take(desk.lower(2))
    for position in range(2):
        desk.known.columns["a"].codes[position] = Success.code
    for position in range(4):
        desk.give_back("s.b", position)
    desk.keys.clear()
    asked = []

    def give(name, positions):
        asked.append((name, positions))
        return Segment(name, positions.start, bytearray([Success.code]) * len(positions))

    target = Target("ab12", 1, 2, desk.next_block)
    plan = lower(desk.graph, desk.known, replace(desk.at_hand, give=give), target)
    assert [strip for block in plan.blocks for strip in block.strips] == [
        (("s.b",), 0, 2),
        (("s.b",), 2, 4),
    ]
    assert ("a", range(2)) in asked
    assert len(asked) <= 3  # the second lane has a way of its own to the second one

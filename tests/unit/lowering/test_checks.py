"""The check of plans finds each defect that is put into a good one."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from daskflow import flatten, flow, unmapped
from daskflow.demands import Demand
from daskflow.lowering import verify
from daskflow.states import Failed
from tests.unit.lowering.desk import Desk, a, always, b, c, told, total


def case(xs):
    return total(b.map(a.map(xs)))


def first_pass():
    """1: a,b 0-2, 2: a,b 2-4, 3: total <- 1 2."""
    return Desk(case, xs=range(4))


def retry_pass():
    """4: b 3 <- 2, 5: total <- 4 1 2, where a[0] and b[0] crashed in the driver."""
    desk = first_pass()
    desk.end(desk.take(desk.lower(2)))
    desk.crash("b", 0, "worker lost")
    desk.give_back("b", 3)
    desk.give_back("total", 0)
    return desk


def without_inputs(number):
    def change(blocks):
        return [replace(block, inputs=()) if block.number == number else block for block in blocks]

    return change


def reordered(blocks):
    return blocks[::-1]


def without(number):
    def change(blocks):
        return [block for block in blocks if block.number != number]

    return change


def twice(blocks):
    return [*blocks, replace(blocks[0], number=9, key=("a-ab12", 9))]


def backwards(blocks):
    strips = tuple(strip._replace(nodes=strip.nodes[::-1]) for strip in blocks[0].strips)
    return [replace(blocks[0], strips=strips), *blocks[1:]]


def nothing_given(blocks):
    return [replace(block, given=()) for block in blocks]


def asking_for_more(blocks):
    return [replace(block, demand=Demand(priority=1)) for block in blocks]


def without_spaces(*names):
    """Return a change that leaves out these index spaces, or all."""

    def change(blocks):
        return [
            replace(
                block,
                spaces={n: s for n, s in block.spaces.items() if names and n not in names},
            )
            for block in blocks
        ]

    return change


def too_much(blocks):
    strips = tuple(strip._replace(start=strip.start - 1) for strip in blocks[0].strips)
    return [replace(blocks[0], strips=strips), *blocks[1:]]


@pytest.mark.parametrize(
    ("desk", "defect", "told"),
    [
        (first_pass, without_inputs(3), "('total', 0) does not wait for ('b', 0)"),
        (first_pass, reordered, "block 3 comes before its input 2"),
        (first_pass, without(1), "('a', 0) can run but is in no block"),
        (first_pass, without(1), "('total', 0) needs ('b', 1), which is nowhere"),
        (first_pass, without(3), "('total', 0) can run but is in no block"),
        (first_pass, twice, "('a', 0) is in the blocks 1 and 9"),
        (first_pass, backwards, "('b', 0) does not wait for ('a', 0)"),
        (first_pass, asking_for_more, "('a', 0) asks for something else than block 1 does"),
        (retry_pass, without_inputs(4), "('b', 3) does not name block 2, which has ('a', 3)"),
        (retry_pass, without_inputs(5), "('total', 0) does not name block 1, which has ('b', 1)"),
        (retry_pass, nothing_given, "('total', 0) is not given the state of ('b', 0)"),
        (retry_pass, too_much, "('b', 2) is in block 4 but is not open"),
        (retry_pass, without(4), "('total', 0) needs ('b', 3), which is nowhere"),
    ],
)
def test_each_defect_is_found(desk, defect, told):
    """A good plan has no problem; with the defect the problem is named."""
    at = desk()
    plan = at.lower(2)  # is itself without a problem
    broken = replace(plan, blocks=tuple(defect(plan.blocks)))
    assert told in verify(broken, at.graph, at.known)


def test_the_end_of_a_parent_must_be_given():
    """A consumer of a map without children is to get its state."""
    desk = Desk(lambda xs: always(a.map(xs)), xs=None)
    plan = desk.lower()
    assert isinstance(plan.ended[0].state, Failed)
    broken = replace(plan, blocks=tuple(without_spaces()(plan.blocks)))
    assert verify(broken, desk.graph, desk.known) == [
        "('always', 0) does not find a by the spaces of block 1"
    ]


def test_what_waits_for_an_unknown_width_is_not_missed():
    """Nothing is wrong with a plan that leaves out what cannot run yet."""
    desk = Desk(lambda: (total(b.map(a())), c.map([1], unmapped(b.map(a())))))
    assert told(desk.lower()) == ["1: a 0-1", "2: a-2 0-1"]


# ------------------------------------------------------------------------------- spaces in spaces


def in_lanes(xs):
    """Maps over each other in each lane, flattened at the end; all of it beside its own lane."""
    made = []

    def inner(x):
        made.append(b.map(x))
        return c.map(made[0], unmapped(total(made[0])))

    lanes = flow(inner, name="s").map(xs)
    return flow(lambda x: always(x, made[0]), name="t").map(xs), a.map(flatten(lanes))


def deep_pass():
    """Lanes of two, no and one child, one that ended without, in which all of s.c is finished."""
    desk = Desk(in_lanes, xs=[[1, 2], [], [3], "text"])
    desk.play(2)
    desk.give_back("s.c", 1)
    desk.give_back("s.total", 2)
    desk.give_back("s.c", 2)
    for position in range(4):
        desk.give_back("flatten", position)
        desk.give_back("a", position)
        desk.give_back("t.always", position)
    return desk


def moved(space, *, by=1):
    """Return a change that gives out the positions of a space otherwise."""

    def change(blocks):
        changed = []
        for block in blocks:
            spaces = pickle.loads(pickle.dumps(block.spaces))
            if space in spaces:
                children = spaces[space].children
                spaces[space].children = {p: (at + by, w) for p, (at, w) in children.items()}
            changed.append(replace(block, spaces=spaces))
        return changed

    return change


def other_parts(blocks):
    """Number the elements of what is flattened as if one part came first."""
    changed = pickle.loads(pickle.dumps([block.spaces for block in blocks]))
    for spaces in changed:
        if "flatten" in spaces:
            spaces["flatten"].flat[0].insert(0, 0)
    return [replace(one, spaces=spaces) for one, spaces in zip(blocks, changed, strict=True)]


def nothing_ended(blocks):
    """Leave out what ended without children."""
    changed = pickle.loads(pickle.dumps([block.spaces for block in blocks]))
    for spaces in changed:
        for space in spaces.values():
            space.decided.clear()
    return [replace(one, spaces=spaces) for one, spaces in zip(blocks, changed, strict=True)]


def without_portions(blocks):
    return [replace(block, portions=()) for block in blocks]


@pytest.mark.parametrize(
    ("defect", "node"),
    [
        (without_spaces(), "s.c"),
        (without_spaces("s.b"), "s.c"),
        (without_spaces("s.c"), "s.c"),
        (without_spaces("s.b"), "t.always"),
        (moved("s.b"), "s.c"),
        (moved("s.c"), "flatten"),
        (other_parts, "flatten"),
        (nothing_ended, "flatten"),
        (nothing_ended, "t.always"),
    ],
)
def test_each_defect_of_the_spaces_of_a_block_is_found(defect, node):
    """Where a task run would not find the right ones, or none, the node and the block are named."""
    desk = deep_pass()
    plan = desk.lower(2)
    broken = replace(plan, blocks=tuple(defect(plan.blocks)))
    problems = verify(broken, desk.graph, desk.known)
    assert any(
        one.startswith(f"('{node}', ") and "by the spaces of block" in one for one in problems
    )


@pytest.mark.parametrize("block_size", [1, 2, 99])
def test_plans_with_spaces_in_spaces_are_sound(block_size):
    """From the first pass to the last, and whatever is given back in between."""
    desk = Desk(in_lanes, xs=[[1, 2], [], [3], "text"])
    while desk.play(block_size).blocks:
        pass
    desk = deep_pass()
    while plan := desk.play(block_size).blocks:
        assert plan


def test_a_part_of_a_large_value_that_is_missing():
    """Who maps over it does not name the block that has it."""
    desk = Desk(lambda: b.map(a()))
    desk.play()
    desk.measure("a", 2, is_large=True)
    plan = desk.lower(1)
    broken = replace(plan, blocks=tuple(without_portions(plan.blocks)))
    assert verify(broken, desk.graph, desk.known) == [
        f"('b', {n}) does not name block 1, which has ('a', 0)" for n in (0, 1)
    ]

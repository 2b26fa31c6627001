"""The check of plans finds each defect that is put into a good one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daskflow import unmapped
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
    assert isinstance(plan.decided["a"], Failed)
    broken = replace(plan, blocks=tuple(nothing_given(plan.blocks)))
    assert verify(broken, desk.graph, desk.known) == [
        "('always', 0) is not given the state of ('a', -1)"
    ]


def test_what_waits_for_an_unknown_width_is_not_missed():
    """Nothing is wrong with a plan that leaves out what cannot run yet."""
    desk = Desk(lambda: (total(b.map(a())), c.map([1], unmapped(b.map(a())))))
    assert told(desk.lower()) == ["1: a 0-1", "2: a-2 0-1"]

"""flatten takes one level out, and successful leaves out: of values and of mapped results."""

from collections import deque

import numpy as np
import pandas as pd
import pytest

from daskflow import (
    DefinitionError,
    all_finished,
    flatten,
    flow,
    successful,
    task,
    unmapped,
)
from tests.semantics.bodies import ident, inc, kinds


class Rows:
    """Has a length and elements by position, and no end that iteration would meet."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, position):
        return f"row {position}"


PARTS = [
    [1, 2],
    (3,),
    "ab",
    b"cd",
    [],
    range(4, 6),
    np.array([6, 7]),
    pd.Series([8, 9], index=[5, 0]),
    deque([10]),
    Rows(2),
]
FLAT = [1, 2, 3, "ab", b"cd", 4, 5, 6, 7, 8, 9, 10, "row 0", "row 1"]


def test_19_lists_are_flattened_into_lanes(play, do):
    """Each element of each child's list is a lane; an empty list gives none."""

    def case():
        return do.ident.map(flatten(do.rng.map([1, 0, 2])))

    run = play(case)
    assert run.result() == [0, 0, 1]
    assert kinds(run) == {"rng": "M[S,S,S]", "flatten": "M[S,S,S]", "ident": "M[S,S,S]"}


def test_14_a_reduce_of_what_was_successful(play, do):
    """It leaves out skipped and failed children, of which the trigger still sees all."""

    def case():
        lanes = do.inc.map(do.skip2.map([1, 2, 3]))
        failed = do.fail2.map([1, 2, 3])
        return (
            do.total(successful(lanes)),
            do.collect.with_options(trigger=all_finished)([successful(failed), failed, 5]),
            do.ident(successful(failed)),
            do.collect(successful(do.skip2.map([2, 2]))),
        )

    run = play(case, reference_tasks=["total", "collect"])
    total, (picked, whole, five), _, skipped = run.result()
    assert (total, picked, whole[::2], five, skipped) == (6, [1, 3], [1, 3], 5, None)
    found = kinds(run)
    assert found["inc"] == "M[S,SK,S]"
    assert (found["ident"], found["collect-2"]) == ("TF", "SK")


def test_parts_of_a_value_and_of_mapped_results(play, do):
    """Whatever can be mapped over is taken apart, texts and bytes are not; the same in any way."""

    def case(p):
        return (
            flatten(do.ident(PARTS)),
            flatten(do.ident.map(PARTS)),
            flatten(p),
            flatten([do.ident([1, 2]), p, "ab"]),
            do.inc.map(flatten([do.rng(2), do.rng(1)])),
            flatten(PARTS),
            flatten(flatten(do.ident.map([[[1], [2]], [], [[3, 4]]]))),
        )

    run = play(case, [[1], (2, 3)])
    assert run.result() == (
        FLAT,
        FLAT,
        [1, 2, 3],
        [1, 2, [1], (2, 3), "ab"],
        [1, 2, 1],
        FLAT,
        [1, 2, 3, 4],
    )


def test_what_cannot_be_taken_apart(play, do):
    """An element that is no list fails the flattening with the cure, naming the child."""

    def case():
        flatten(do.ident.named("a").map([[1], {"b": 2}]))
        flatten(do.ident.named("b")([[1], 2]))
        flatten(do.ident.named("c")("abc"))
        flatten(do.boom())
        flatten(do.ident.map(do.skip()))

    run = play(case)
    found = kinds(run)
    assert [found[f"flatten{n}"] for n in ("", "-2", "-3", "-4", "-5")] == [
        "F",
        "F",
        "F",
        "TF",
        "SK",
    ]
    told = r"flatten, argument 'x': the value of a\[1\]: cannot map over a dict: map over list\("
    with pytest.raises(DefinitionError, match=told):
        run["flatten"].result()
    with pytest.raises(DefinitionError, match="cannot map over an int"):
        run["flatten-2"].result()


def test_outside_of_flows_and_of_constants():
    """The same of plain values; what is no list is refused at once, also while tracing."""

    def traced(value):
        return flow(lambda: flatten(value))

    assert flatten(PARTS) == FLAT
    assert flatten([]) == []
    assert successful([1, None, ValueError("x"), 0]) == [1, 0]
    for value, told in [
        ([1], "over an int"),
        ([None], "the task before it returned None"),
        ("ab", "over a str"),
        ({"a": [1]}, "over a dict"),
    ]:
        with pytest.raises(DefinitionError, match=told):
            flatten(value)
        with pytest.raises(DefinitionError, match=told):
            traced(value).graph()


def test_successful_belongs_around_mapped_results():
    """Around anything else, or mapped over, it is refused with what to do instead."""
    one, many = task(ident), task(inc)

    def over():
        return many.map(successful(many.map([1, 2])))

    for case, told in [
        (lambda: one(successful(one(1))), "around the result of a mapped task, not around <the re"),
        (lambda: one(successful([1, 2])), r"not around \[1, 2\]"),
        (over, "inc-2: map over 'inc' itself; a child that failed ends its lane"),
    ]:
        with pytest.raises(DefinitionError, match=told):
            flow(case).graph()
    with pytest.raises(DefinitionError, match="not around <parameter 'p'>"):
        flow(lambda p: one(successful(p))).graph()


def test_failed_and_skipped_children_are_lanes(play, do):
    """Each is one failed or skipped lane at its place; it stops what is mapped over it, no more."""

    def case():
        lanes = do.rng.map(do.skip2.map(do.fail2.named("four").map([1, 2, 0, 3])))
        flat = flatten(lanes)
        skipped = flatten(do.rng.map(do.skip2.map([2, 1, 2])))
        anyway = do.collect.with_options(trigger=all_finished)
        return (
            anyway(do.inc.map(flat)),
            do.collect(do.inc.map(skipped)),
            do.total(successful(skipped)),
            anyway.map(flat),
            anyway.named("picked")(successful(flat)),
        )

    run = play(case, reference_tasks=["collect", "total"])
    found = kinds(run)
    assert found["rng"] == "M[S,TF,S,S]"
    assert found["flatten"] == found["inc"] == "M[S,TF,S,S,S]"
    assert found["flatten-2"] == found["inc-2"] == "M[SK,S,SK]"
    assert found["collect-3"] == "M[S,S,S,S,S]"
    anyway, skipped, total, mapped, picked = run.result()
    assert anyway[:1] + anyway[2:] == [1, 1, 2, 3]
    assert "first failed: four[1]: ValueError: two" in str(anyway[1])
    assert "first failed: four[1]: ValueError: two" in str(mapped[1])
    assert (skipped, total, picked) == ([None, 1, None], 0, [0, 0, 1, 2])


def test_the_lists_of_lanes_are_flattened(play, do):
    """Maps inside mapped sub-flows: each child a lane, and each of their lanes that has none."""

    @flow
    def part(x):
        return do.skip2.named("inner").map(do.rng(do.fail2(x)))

    @flow
    def outer(xs):
        return part.map(xs)

    def case():
        two = part.map([3, 0, 2, 1])
        three = outer.map([[1, 3], [], [2]])
        anyway = do.collect.with_options(trigger=all_finished, skip_on_upstream_skip=False)
        return anyway(flatten(two)), anyway(flatten(three)), anyway(flatten(flatten(three)))

    run = play(case, reference_tasks=["collect"])
    found = kinds(run)
    assert found["part.inner"] == "M[M[S,S,SK],M[],TF,M[S]]"
    assert found["flatten"] == "M[S,S,SK,TF,S]"
    assert found["outer.part.inner"] == "M[M[M[S],M[S,S,SK]],M[],M[TF]]"
    assert found["flatten-2"] == "M[S,S,TF]"
    assert found["flatten-4"] == "M[S,S,S,S,TF]"  # the None is an element of a list by now
    two, three, flat = run.result()
    assert (two[:3], two[4]) == ([0, 1, None], 0)
    assert three[:2] == [[0], [0, 1, None]]
    assert flat[:4] == [0, 0, 1, None]
    assert {type(one).__name__ for one in (two[3], three[2], flat[4])} == {"TriggerFailedError"}


def test_lists_are_flattened_in_lanes(play, do):
    """In a mapped sub-flow: what is of the lane, what lies around, and the lane's own argument."""

    def case():
        around = do.rng.map([2, 0, 1])

        @flow
        def part(x):
            own = do.rng.named("own").map(do.rng(x))
            do.collect.named("summed")(flatten(own))
            do.collect.named("around")(flatten(around))
            return do.inc.map(flatten(own))

        @flow
        def over(xs, ys):
            return do.total(flatten(xs)), do.inc.map(flatten(ys)), do.collect(successful(ys))

        @flow
        def lists(x):
            return do.rng.named("one").map(do.rng.named("many")(x))

        return part.map([0, 1, 3]), over.map([[[1], [2]], []], lists.map([3, 0]))

    run = play(case)
    assert run["part.summed"].result() == [[], [], [0, 0, 1]]
    assert run["part.around"].result() == [[0, 1, 0]] * 3
    assert run.result() == (
        [[], [], [1, 1, 2]],
        [(3, [1, 1, 2], [[], [0], [0, 1]]), (0, [], [])],
    )
    assert kinds(run)["part.inc"] == "M[M[],M[],M[S,S,S]]"


def test_a_retry_before_and_behind(play, do, ledger):
    """A child that is retried is flattened when it is done; a lane that is retried runs alone."""

    def again(x):
        return [x, 2][: x + 1]

    def case():
        once = do.fail2_once.with_options(retries=1)
        lists = ledger.task(again).map(once.map([0, 2, 1]))
        return do.inc.map(once.named("behind").map(flatten(lists)))

    run = play(case)
    assert run.result() == [1, 3, 3, 2, 3]
    starts = ledger.starts()
    assert {name for name, count in starts.items() if count == 2} == {
        "fail2_once[1]",
        "behind[1]",
        "behind[2]",
        "behind[4]",
    }
    assert max(starts.values()) == 2


def test_flattened_lanes_are_lanes_like_others(play, do):
    """They are joined with others of the same width, waited for, given whole, and reduced to []."""

    def case():
        flat = flatten(do.rng.map([2, 1]))
        none = flatten(do.rng.map([0, 0]))
        return (
            do.add.map(flat, [10, 20, 30]),
            do.collect.map([[1], [2]], wait_for=[unmapped(flat)]),
            do.collect(none),
            do.inc.map(none),
            do.ident.map([7, 8, 9], wait_for=[flat]),
            do.add.named("narrow").map(flat, [1]),
        )

    run = play(case, reference_tasks=["add"])
    assert run.result()[:5] == ([10, 21, 30], [[1], [2]], [], [], [7, 8, 9])
    assert "lengths 3 and 1" in run["narrow"].state.message

"""Large pictures made smaller."""

from __future__ import annotations

from daskflow import flow, task
from daskflow.drawing.collapse import collapsed
from daskflow.drawing.picture import Arrow, ArrowKind, Box, BoxKind, picture_of
from tests.unit.drawing.cases import etl, random_picture, reduced_chain


@task
def step(*given): ...


def test_a_small_picture_stays_as_it_is():
    """Up to the limit."""
    picture = picture_of(etl.definition())
    assert collapsed(picture, len(picture.boxes)) is picture


def test_groups_become_boxes_the_innermost_first():
    """With what is mapped, how many tasks they are, whether one decides; arrows end at them."""

    @flow
    def inner(x):
        return step(step(x))

    @flow
    def outer(x):
        return step(inner(x), inner.map([1, 2]))

    @flow
    def case(xs):
        return outer.map(xs)

    picture = picture_of(case.definition())
    assert len(picture.boxes) == 6
    small = collapsed(picture, 5)
    assert [(box.key, box.lines) for box in small.boxes] == [
        ("parameter xs", ("xs",)),
        ("outer.inner/", ("inner", "2 tasks")),
        ("outer.inner-2/", ("inner-2[i, j]", "2 tasks")),
        ("outer.step", ("step[i]",)),
    ]
    assert [box.gets for box in small.boxes[1:3]] == [(), (("over", "x in [1, 2]"),)]
    assert [(a.start, a.end, a.kind) for a in small.arrows] == [
        ("parameter xs", "outer.inner/", ArrowKind.EACH),
        ("outer.inner/", "outer.step", ArrowKind.VALUE),
        ("outer.inner-2/", "outer.step", ArrowKind.ALL),
    ]
    smallest = collapsed(picture, 2)
    assert [(box.lines, box.is_reference) for box in smallest.boxes] == [
        (("xs",), False),
        (("outer[i]", "5 tasks"), True),
    ]
    assert smallest.groups == ()
    assert smallest.note == "6 boxes are too many: sub-flows are drawn as one box each"


def test_calls_beside_each_other_become_one():
    """Of one task, where none depends on another; a box that stands alone stays itself."""

    @flow
    def case(x):
        first = [step.named(f"a{n}")(x) for n in range(6)]
        return step.named("end")(*[step(one) for one in first])

    small = collapsed(picture_of(case.definition()), 5)
    assert [(box.lines, box.kind) for box in small.boxes] == [
        (("x",), BoxKind.PARAMETER),
        (("step", "6 tasks"), BoxKind.GROUP),
        (("step", "6 tasks"), BoxKind.GROUP),
        (("end", "step"), BoxKind.TASK),
    ]
    assert [(a.start, a.end) for a in small.arrows] == [
        ("parameter x", "a0"),
        ("a0", "step"),
        ("step", "end"),
    ]
    assert small.note.endswith("calls of one task that lie beside each other are drawn as one box")


def test_what_cannot_be_made_smaller_stays():
    """In a chain each call depends on the one before."""
    chain = reduced_chain(30)
    assert collapsed(chain, 10) is chain


def test_a_collapsed_picture_is_in_order():
    """Each box stands behind those that lead to it, so it can be laid out."""
    for seed in range(10):
        for limit in (50, 30, 5):
            small = collapsed(random_picture(seed), limit)
            place = {box.key: number for number, box in enumerate(small.boxes)}
            assert all(place[arrow.start] < place[arrow.end] for arrow in small.arrows)
            assert all(box.group in ["", *(g.key for g in small.groups)] for box in small.boxes)
            assert sum(box.tasks for box in small.boxes) == 60
    assert Arrow("a", "b").label == ""
    assert Box("a", "a").tasks == 1

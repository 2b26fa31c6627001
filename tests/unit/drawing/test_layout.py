"""Where things stand: nothing overlaps, everything is where it belongs, and it is done in time."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from daskflow.drawing.geometry import Rect
from daskflow.drawing.layout import lay_out
from daskflow.drawing.picture import Arrow, Box, Picture, picture_of
from tests.unit.drawing.cases import etl, random_picture, reduced_chain, wide_picture

PICTURES = {
    "etl": picture_of(etl.definition()),
    "empty": Picture("empty", (), ()),
    "one": Picture("one", (Box("a", "a"),), ()),
    **{f"random {seed}": random_picture(seed) for seed in range(12)},
}


def size_of(box):
    return 40.0 + 7 * (len(box.name) % 5), 20.0 + 12 * (len(box.name) % 2)


def title_width(group):
    return 60.0


def placed(picture):
    return lay_out(picture, size_of, title_width)


def overlap(one, other):
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def holds(outer, inner):
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_boxes_do_not_overlap_and_frames_hold_their_own(picture):
    """A frame holds the boxes of its group and touches no other; all of it is in the drawing."""
    layout, nest = placed(picture), picture.nest()
    whole = Rect(-0.01, -0.01, layout.width + 0.02, layout.height + 0.02)
    boxes = list(layout.boxes.items())
    for number, (key, rect) in enumerate(boxes):
        assert holds(whole, rect)
        assert not any(overlap(rect, other) for _, other in boxes[number + 1 :])
        for group, frame in layout.frames.items():
            assert holds(frame, rect) if group in nest.chain(key) else not overlap(frame, rect)
    assert all(holds(whole, frame) for frame in layout.frames.values())
    assert set(layout.boxes) == {box.key for box in picture.boxes}


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_each_arrow_ends_once_at_its_box(picture):
    """On the upper side of it, and no line goes upwards."""
    layout = placed(picture)
    ends = [route.arrow for route in layout.routes if route.arrow is not None]
    assert sorted(ends, key=repr) == sorted(picture.arrows, key=repr)
    for route in layout.routes:
        ys = [round(y, 6) for _, y in route.points]
        assert ys == sorted(ys)
        if route.arrow is not None:
            x, y = route.points[-1]
            rect = layout.boxes[route.arrow.end]
            assert y == pytest.approx(rect.y)
            assert rect.x <= x <= rect.x + rect.width


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_lines_are_joined_up(picture):
    """Each begins at its box, or at a point of another line from there: a trunk, or at a frame."""
    layout = placed(picture)
    points = Counter(
        (route.start, route.kind, *rounded(point))
        for route in layout.routes
        for point in dict.fromkeys(route.points)
    )
    for route in layout.routes:
        rect = layout.boxes[route.start]
        x, y = rounded(route.points[0])
        is_at_box = y == pytest.approx(rect.y + rect.height) and rect.x <= x <= rect.x + rect.width
        assert is_at_box or points[route.start, route.kind, x, y] > 1


def rounded(point):
    return tuple(round(value, 6) for value in point)


def test_a_chain_stands_below_itself():
    """Boxes that only follow each other make one straight line."""
    boxes = tuple(Box(name, "same") for name in "abc")
    layout = placed(Picture("chain", boxes, (Arrow("a", "b"), Arrow("b", "c"))))
    assert {(rect.x, rect.width) for rect in layout.boxes.values()} == {(0.0, 68.0)}
    assert all(len({x for x, _ in route.points}) == 1 for route in layout.routes)


def test_lines_that_end_at_one_box_can_be_told_apart():
    """It becomes wider for them, up to a limit."""
    names = [f"s{number}" for number in range(30)]
    for count, width in ((3, 61.0), (20, 204.0), (30, 294.0)):
        boxes = (*(Box(name, "x") for name in names), Box("end", "end"))
        arrows = tuple(Arrow(name, "end") for name in names[:count])
        layout = placed(Picture("fan", boxes, arrows))
        assert layout.boxes["end"].width == width
        assert len({route.points[-1] for route in layout.routes}) == count


def test_the_longest_lines_of_a_large_picture_go_straight():
    """Short ones go around boxes; places for all lines would be a hundred thousand here."""
    layout = placed(reduced_chain(450))
    points = {route.start: len(route.points) for route in layout.routes if route.arrow is None}
    assert points.keys() >= {"n400", "n440"}
    assert points["n400"] == 2 * (450 - 400) - 1  # it leaves n400 where its layer ends
    assert "n0" not in points
    assert sum(len(route.points) for route in layout.routes) < 30_000


def steps(picture):
    """Count the calls that it takes to lay a picture out."""
    count = 0

    def look(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        placed(picture)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.slow  # counting makes it slow: without, 2,000 boxes take half a second
def test_time_grows_with_the_number_of_boxes():
    """Two thousand boxes take about twice the steps of one thousand."""
    small, large = wide_picture(1000), wide_picture(2000)
    assert 1.8 < steps(large) / steps(small) < 2.5

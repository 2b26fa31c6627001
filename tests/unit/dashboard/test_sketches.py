"""The graph of a run as shapes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from daskflow import case, flow, task
from daskflow.dashboard import sketches
from daskflow.dashboard.sketches import (
    curve_of,
    head_of,
    labels_of,
    shown_boxes,
    sketch_of,
)
from daskflow.runtime.views import NodeProgress
from tests.unit.dashboard.looking import kept


@task
def load(n: int) -> int:
    if n == 1:
        raise ValueError("one is bad")
    return n


@task
def clean(n: int) -> int:
    return n


@task
def total(values: list[int]) -> int:
    return sum(values)


@flow
def shop(n: int):
    return clean(load(n))


@flow
def shops(ns: list[int]):
    found = total(shop.map(ns))
    with case(found, 3):
        clean.named("special")(found)
    return found


def sketch(run):
    """The sketch of a run."""
    return sketch_of(run.record.graph, run.flow_name, run.row.graph["references"])


@pytest.fixture(scope="module")
def run():
    """A run of a mapped sub-flow in which one lane failed, and of a case."""
    return kept(shops, ns=[0, 1, 2])


@pytest.fixture(scope="module")
def boxes(run):
    """Its boxes, by the nodes they stand for."""
    return {box.node: box for box in shown_boxes(sketch(run), run.progress())}


def test_boxes_stand_in_layers_and_none_overlap(boxes):
    """What comes later stands lower; nothing covers anything else."""
    assert boxes["shop.load"].rect.y < boxes["shop.clean"].rect.y < boxes["total"].rect.y
    rects = [box.rect for box in boxes.values()]
    for place, one in enumerate(rects):
        for other in rects[place + 1 :]:
            is_beside = one.x + one.width <= other.x or other.x + other.width <= one.x
            is_below = one.y + one.height <= other.y or other.y + other.height <= one.y
            assert is_beside or is_below


def test_a_box_tells_how_many_are_in_which_state(boxes):
    """Of a mapped task in symbols; of one that is not, by the name of the state."""
    assert (boxes["shop.load"].name, boxes["shop.load"].states) == ("load[i]", "✓2 ✕1")
    assert boxes["shop.load"].look == "failed"
    assert dict(boxes["shop.load"].shares) == pytest.approx({"success": 2 / 3, "failed": 1 / 3})
    assert boxes["shop.load"].told == "2 Success, 1 Failed"
    assert (boxes["total"].states, boxes["total"].look) == ("⊘ TriggerFailed", "failed")


def test_the_sub_flow_has_a_frame_around_its_boxes(run, boxes):
    """The frame has a title, and covers what is in it."""
    [(place, title)] = labels_of(sketch(run))
    frame = sketch(run).layout.frames["shop/"]
    assert title.startswith("shop[i]")
    assert frame.x < place[0] < frame.x + frame.width
    inner = boxes["shop.load"].rect
    assert frame.x <= inner.x
    assert inner.x + inner.width <= frame.x + frame.width


def test_what_decides_how_the_run_ends_is_marked(boxes):
    """The reference tasks have an edge of their own."""
    assert {node for node, box in boxes.items() if box.is_reference} <= {"special", "total"}
    assert any(box.is_reference for box in boxes.values())


def test_a_line_ends_at_its_head(run):
    """Lines go from box to box in short pieces; heads point down at the box."""
    for route in sketch(run).layout.routes:
        xs, ys = curve_of(route)
        assert all(before <= behind for before, behind in pairwise(ys))
        if route.arrow is not None:
            tip_x, tip_y = (side[0] for side in head_of(route))
            assert (tip_x, tip_y) == route.points[-1]
            assert xs[-1] == tip_x
            assert ys[-1] < tip_y


def test_a_large_graph_is_drawn_with_fewer_boxes(run, monkeypatch):
    """A sub-flow becomes one box, which counts all in it; the sketch says so."""
    monkeypatch.setattr(sketches, "MOST_BOXES", 3)
    small = sketch(run)
    [box] = [one for one in shown_boxes(small, run.progress()) if one.name.startswith("shop")]
    assert (box.more, box.states, box.node) == ("2 tasks", "✓4 ✕2", "")
    assert "sub-flows are drawn as one box each" in small.note


def looks(counts, total):
    """How a box of one mapped task looks whose task runs are in these states."""
    run = kept(shops, ns=[])
    progress = [
        NodeProgress(node, total, counts if node == "shop.load" else {})
        for node in run.record.nodes
    ]
    [box] = [box for box in shown_boxes(sketch(run), progress) if box.node == "shop.load"]
    return box.look, box.states


@pytest.mark.parametrize(
    ("counts", "total", "seen"),
    [
        ({}, None, ("waiting", "of ?")),
        ({}, 0, ("waiting", "")),
        ({"Pending": 4}, 4, ("waiting", "of 4")),
        ({"Success": 1, "Pending": 3}, 4, ("running", "✓1 of 4")),
        ({"Success": 3, "Cached": 1}, 4, ("success", "✓3 ≡1")),
        ({"Skipped": 4}, 4, ("skipped", "»4")),
        ({"Success": 3, "Retrying": 1}, 4, ("retrying", "✓3 ↻1 of 4")),
        ({"Success": 3, "Failed": 1, "Paused": 2}, 6, ("failed", "✓3 ✕1 ‖2 of 6")),
        (
            {"Success": 88_888, "Failed": 1_234, "Skipped": 9_877, "Cached": 1},
            100_000,
            ("failed", "100000 of 100000"),
        ),
    ],
)
def test_how_a_box_looks(counts, total, seen):
    """Like what asks for attention, else like what goes on, else like most of what was done."""
    assert looks(counts, total) == seen

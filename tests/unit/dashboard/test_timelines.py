"""The timeline: each task run, or how busy lanes were."""

from __future__ import annotations

import numpy as np
import pytest

from daskflow.dashboard.columns import TaskRunColumns
from daskflow.dashboard.signs import LOOKS
from daskflow.dashboard.timelines import (
    MOST_LANES,
    MOST_SINGLE,
    SPANS,
    timeline_of,
    whole_sight,
)
from daskflow.states import Failed, Running, Success

OK, BAD = Success.code, Failed.code


def columns_from(runs, nodes=("a", "b"), workers=("w1", "w2")):
    """Columns of task runs, each told by node, worker, code, start and end."""
    node, worker, code, started, ended = zip(*runs, strict=True) if runs else [()] * 5
    size = len(code)
    return TaskRunColumns(
        tuple(nodes),
        tuple(workers),
        np.array(node, np.int32),
        np.arange(size),
        np.array(code, np.uint8),
        np.ones(size, np.uint16),
        np.array(worker, np.int32),
        np.array(started, np.float64),
        np.array(ended, np.float64),
        (0,) * len(nodes),
        {},
    )


def busy(timeline, lane):
    """How long a lane was busy, all of its rectangles added up."""
    return sum(
        (bar.right - bar.left) * bar.share
        for bar in timeline.bars
        if round(-(bar.top + bar.bottom) / 2) == lane
    )


def test_each_task_run_is_a_rectangle():
    """From when it began to when it ended, in the lane of its worker, looking like its state."""
    columns = columns_from([(0, 0, OK, 10.0, 12.0), (1, 1, BAD, 11.0, 15.0)])
    found = timeline_of(columns, "worker")
    assert (found.lanes, found.hidden, found.is_each, found.sight) == (
        ("w1", "w2"),
        0,
        True,
        (10.0, 15.0),
    )
    first, second = found.bars
    assert tuple(first)[:4] == (10.0, 12.0, -0.43, 0.43)
    assert (second.bottom, second.top) == pytest.approx((-1.43, -0.57))
    assert (first.row, second.row) == (0, 1)
    assert [LOOKS[bar.look].name for bar in found.bars] == ["success", "failed"]


def test_what_runs_is_drawn_to_the_edge():
    """It has no end yet; what only waits has no rectangle, though it ran once before."""
    columns = columns_from(
        [(0, 0, OK, 10.0, 14.0), (0, 1, Running.code, 11.0, 0.0), (1, 1, 0, 12.0, 0.0)]
    )
    found = timeline_of(columns, "worker")
    assert [(bar.left, bar.right, bar.row) for bar in found.bars] == [
        (10.0, 14.0, 0),
        (11.0, 14.0, 1),
    ]
    assert LOOKS[found.bars[1].look].name == "running"


def test_by_task_there_is_a_lane_for_each_that_ran():
    """Lanes are in the order of the flow, and there is none for what nobody ran."""
    columns = columns_from([(2, 0, OK, 1.0, 2.0), (0, 1, OK, 0.5, 3.0)], nodes=("a", "b", "c"))
    assert timeline_of(columns, "task").lanes == ("a", "c")


def test_what_runs_at_a_time_stands_one_above_the_other():
    """Two at a time share the height of a lane; what comes behind takes a level that is free."""
    columns = columns_from(
        [(0, 0, OK, 1.0, 5.0), (0, 0, OK, 2.0, 3.0), (0, 0, OK, 3.0, 4.0), (0, 1, OK, 1.0, 9.0)]
    )
    found = timeline_of(columns, "worker")
    upper, lower, behind, alone = sorted(found.bars, key=lambda bar: bar.row)
    assert (upper.bottom, lower.top) == pytest.approx((0.0, 0.0))
    assert (lower.bottom, lower.top) == (behind.bottom, behind.top)
    assert alone.top - alone.bottom == pytest.approx(0.86)


def test_what_is_very_short_can_still_be_seen():
    """A millisecond of an hour is drawn as wide as a pixel or two."""
    columns = columns_from([(0, 0, BAD, 3600.0, 3600.001), (0, 1, OK, 1.0, 7201.0)])
    short = next(bar for bar in timeline_of(columns, "worker").bars if bar.row == 0)
    assert short.right - short.left == pytest.approx(12.0)


def test_of_many_it_is_told_how_busy_lanes_were():
    """However many there are, rectangles are few, and no time is lost or counted twice."""
    size = MOST_SINGLE * 4
    runs = [
        (0, n % 2, BAD if n % 50 == 0 else OK, 9 + n * 0.01, 9.015 + n * 0.01) for n in range(size)
    ]
    found = timeline_of(columns_from(runs), "worker")
    assert not found.is_each
    assert len(found.bars) <= 2 * SPANS * 2
    assert busy(found, 0) + busy(found, 1) == pytest.approx(size * 0.015, rel=1e-6)
    assert sum(bar.row for bar in found.bars) == size
    failed = [bar for bar in found.bars if LOOKS[bar.look].name == "failed"]
    assert sum(bar.row for bar in failed) == size / 50
    assert all(bar.top - bar.bottom >= 0.04 * 0.86 - 1e-9 for bar in failed)
    assert all(-1.5 <= bar.bottom < bar.top <= 0.5 for bar in found.bars)


def test_rectangles_of_one_span_stand_on_each_other():
    """In a span each look stands on the one below it; none covers another."""
    runs = [
        (0, 0, BAD if n % 3 else OK, 9 + n * 0.01, 9.01 + n * 0.01) for n in range(MOST_SINGLE * 2)
    ]
    spans = {}
    for bar in timeline_of(columns_from(runs), "worker").bars:
        spans.setdefault(bar.left, []).append(bar)
    for bars in spans.values():
        assert [bar.top for bar in bars[:-1]] == [bar.bottom for bar in bars[1:]]


def test_zooming_in_shows_each_one_again():
    """What is out of sight does not count, so that few are left in the end."""
    runs = [(0, 0, OK, float(n), n + 0.5) for n in range(MOST_SINGLE * 2)]
    columns = columns_from(runs)
    assert not timeline_of(columns, "task").is_each
    near = timeline_of(columns, "task", (100.0, 110.0))
    assert near.is_each
    assert [bar.row for bar in near.bars] == list(range(100, 110))


def test_lanes_that_there_is_no_room_for_are_counted():
    """Of very many workers the first are shown."""
    workers = [f"w{n:03}" for n in range(MOST_LANES + 7)]
    runs = [(0, n, OK, 1.0, 2.0) for n in range(len(workers))]
    found = timeline_of(columns_from(runs, workers=workers), "worker")
    assert (len(found.lanes), found.hidden) == (MOST_LANES, 7)
    assert len(found.bars) == MOST_LANES


@pytest.mark.parametrize("by", ["worker", "task"])
@pytest.mark.parametrize("runs", [[], [(0, -1, OK, 0.0, 0.0)], [(0, 0, OK, 5.0, 0.0)]])
def test_where_nothing_has_ended_nothing_is_shown(by, runs):
    """No task runs, one that nobody ran, one that goes on: no rectangle, and no error."""
    columns = columns_from(runs)
    assert not len(timeline_of(columns, by).bars)
    start, end = whole_sight(columns)
    assert start < end

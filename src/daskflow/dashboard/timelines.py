"""When task runs ran, by worker or by task, as rectangles: each one, or shares of spans. Pure.

While there are few in sight, each task run is a rectangle of its own, and what ran at the same time
stands one above the other. Of many, each lane is cut into spans, and shows for each look of a state
how busy the lane was with it, so that a hundred thousand cost as much as a thousand. Zooming in
asks anew, and in the end shows each one again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from daskflow.dashboard.columns import TaskRunColumns
from daskflow.dashboard.signs import LOOK_NUMBERS, LOOKS
from daskflow.states import Running

By = Literal["worker", "task"]
Sight = tuple[float, float]  # from one instant to another

MOST_SINGLE = 1500  # task runs in sight that are drawn one by one
MOST_LANES = 40
SPANS = 160  # of a lane, where they are not
_LOOKS = np.frombuffer(LOOK_NUMBERS, np.uint8)
_HEIGHT = 0.86  # of a lane, whose neighbours are 1.0 away
_SHORTEST = 1 / 600  # of what is in sight: what is shorter is drawn as wide as that
_FAINTEST = 0.04  # of a lane's height: less is drawn as high as that, for one failure is worth it


BAR = np.dtype(  # a rectangle; the lanes stand one below the other, at 0, -1, -2, ...
    [
        ("left", float),  # instants
        ("right", float),
        ("bottom", float),
        ("top", float),
        ("look", np.uint8),  # number of the look of its state
        ("row", np.int64),  # of the task run; of a share, how many task runs it is of
        ("share", float),  # of a share: how busy the lane was with them
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """What is shown.

    The rectangles are rows of an array: as objects they would be most of what a page leaves to the
    garbage collector, and while that looks at all there is, whoever serves the page waits.
    """

    lanes: tuple[str, ...]
    hidden: int  # lanes that there is no room for
    is_each: bool  # a rectangle is a task run
    sight: Sight
    bars: np.recarray[Any, np.dtype[np.void]]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Timeline):
            return NotImplemented
        told, others = ((one.lanes, one.hidden, one.is_each, one.sight) for one in (self, other))
        return told == others and np.array_equal(self.bars, other.bars)

    __hash__ = None  # type: ignore[assignment]


class _Spells(NamedTuple):
    """The task runs in sight, in the order in which they began."""

    row: NDArray[np.int64]
    lane: NDArray[np.int64]
    look: NDArray[np.uint8]
    start: NDArray[np.float64]
    end: NDArray[np.float64]


def whole_sight(columns: TaskRunColumns) -> Sight:
    """Return from when to when anything ran; (0, 1) where nothing did.

    Of a task run that has not ended only its beginning is known.
    """
    known = columns.started[columns.started > 0]
    if not len(known):
        return 0.0, 1.0
    start, end = float(known.min()), float(max(known.max(), columns.ended.max()))
    return start, end if end > start else start + 1e-3


def timeline_of(columns: TaskRunColumns, by: By, sight: Sight | None = None) -> Timeline:
    """Return the timeline of all task runs, as far as they are in sight; None: all of it."""
    sight = whole_sight(columns) if sight is None else sight
    lane_of = columns.worker if by == "worker" else columns.node
    names = columns.workers if by == "worker" else columns.nodes
    is_going = columns.code == Running.code
    ran = (columns.started > 0) & ((columns.ended > 0) | is_going) & (lane_of >= 0)
    lanes = _lanes(names, np.unique(lane_of[ran]), by)
    spells = _in_sight(columns, lane_of, lanes[:MOST_LANES], ran, sight)
    is_each = len(spells.row) <= MOST_SINGLE
    bars = _singles(spells, sight) if is_each else _shares(spells, sight)
    shown = tuple(names[number] for number in lanes[:MOST_LANES])
    rows = np.fromiter(bars, BAR).view(np.recarray)
    return Timeline(shown, max(0, len(lanes) - MOST_LANES), is_each, sight, rows)


def _lanes(names: tuple[str, ...], used: NDArray[np.int64], by: By) -> list[int]:
    """Return the numbers of what has a lane: workers by name, tasks in the order of the flow."""
    numbers = [int(number) for number in used]
    return sorted(numbers, key=names.__getitem__) if by == "worker" else numbers


def _in_sight(
    columns: TaskRunColumns,
    lane_of: NDArray[np.int32],
    lanes: list[int],
    ran: NDArray[np.bool_],
    sight: Sight,
) -> _Spells:
    places = np.full(int(lane_of.max(initial=0)) + 1, -1)
    places[lanes] = np.arange(len(lanes))
    ended = np.where(columns.ended > 0, columns.ended, sight[1])  # what runs is drawn to the edge
    is_seen = ran & (columns.started < sight[1]) & (ended > sight[0])
    rows = np.flatnonzero(is_seen & (places[lane_of] >= 0))
    rows = rows[np.argsort(columns.started[rows], kind="stable")]
    return _Spells(
        rows,
        places[lane_of[rows]],
        _LOOKS[columns.code[rows]],
        columns.started[rows],
        ended[rows],
    )


def _singles(spells: _Spells, sight: Sight) -> Iterator[tuple[float, ...]]:
    """Return a rectangle for each task run, those at the same time one above the other."""
    least = (sight[1] - sight[0]) * _SHORTEST
    end = np.maximum(spells.end, spells.start + least)
    levels, heights = _levels(spells.lane, spells.start, spells.end)
    for at in range(len(spells.row)):
        lane = int(spells.lane[at])
        height = _HEIGHT / heights[lane]
        top = _HEIGHT / 2 - lane - levels[at] * height
        sides = (spells.start[at], end[at], top - height, top)
        yield *sides, spells.look[at], spells.row[at], 1.0


def _levels(
    lane: NDArray[np.int64], start: NDArray[np.float64], end: NDArray[np.float64]
) -> tuple[list[int], dict[int, int]]:
    """Return on which level of its lane each one stands, and how many levels a lane has."""
    busy: dict[int, list[tuple[float, int]]] = {}  # by lane: until when, and the level
    free: dict[int, list[int]] = {}
    heights: dict[int, int] = {}
    levels = []
    for one, begins, ends in zip(lane.tolist(), start.tolist(), end.tolist(), strict=True):
        ends_of, levels_of = busy.setdefault(one, []), free.setdefault(one, [])
        while ends_of and ends_of[0][0] <= begins:
            heappush(levels_of, heappop(ends_of)[1])
        level = heappop(levels_of) if levels_of else len(ends_of)
        heappush(ends_of, (ends, level))
        heights[one] = max(heights.get(one, 1), level + 1)
        levels.append(level)
    return levels, heights


def _shares(spells: _Spells, sight: Sight) -> Iterator[tuple[float, ...]]:
    """Return for each lane, span and look how busy the lane was, stacked from below."""
    edges = np.linspace(*sight, SPANS + 1)
    width = float(edges[1] - edges[0])
    for lane in np.unique(spells.lane).tolist():
        here = spells.lane == lane
        busy: dict[int, NDArray[np.float64]] = {}
        begun: dict[int, NDArray[np.int64]] = {}
        for look in np.unique(spells.look[here]).tolist():
            of = here & (spells.look == look)
            busy[look] = _busy(spells.start[of], spells.end[of], edges) / width
            begun[look], _ = np.histogram(spells.start[of], edges)
        yield from _stacked(lane, busy, begun, edges)


def _busy(
    start: NDArray[np.float64], end: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return for each span how long it was filled, all that ran in it added up."""
    until = _filled(np.sort(start), edges) - _filled(np.sort(end), edges)
    return np.maximum(np.diff(until), 0.0)


def _filled(instants: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each edge how long ago all instants before it were, added up."""
    first = instants[0]
    before = np.searchsorted(instants, edges)
    sums = np.concatenate([[0.0], np.cumsum(instants - first)])
    filled: NDArray[np.float64] = before * (edges - first) - sums[before]
    return filled


def _stacked(
    lane: int,
    busy: dict[int, NDArray[np.float64]],
    begun: dict[int, NDArray[np.int64]],
    edges: NDArray[np.float64],
) -> Iterator[tuple[float, ...]]:
    most = max(1.0, float(np.max(sum(busy.values()))))
    for span in range(SPANS):
        bottom = -_HEIGHT / 2 - lane
        for look in sorted(busy, key=lambda number: LOOKS[number].name != "success"):
            share = float(busy[look][span])
            if not share and not begun[look][span]:
                continue
            top = bottom + max(_FAINTEST, share / most) * _HEIGHT
            sides = (edges[span], edges[span + 1], bottom, min(top, 0.5 - lane))
            yield *sides, look, begun[look][span], share
            bottom = min(top, 0.5 - lane)

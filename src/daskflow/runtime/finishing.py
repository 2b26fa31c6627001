"""A block that no driver stands behind: it is walked until each of its task runs is finished.

In a run, a task run that is Retrying waits in the driver's record and a later pass lowers it again.
In a graph that was handed to other Dask code there are no later passes, so it waits here, in its
block: all that it needs is here anyway (other blocks send nothing that is not finished), and no
value has to travel to whoever would drive it. The price: the wait holds the block's thread. All
of a block's task runs have had their first attempt before it waits, so they wait together.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from daskflow.events import Segment, left_behind
from daskflow.lowering.plan import BlockBody, Strip
from daskflow.runtime.shim import BlockWalk
from daskflow.runtime.spec import RunSpec
from daskflow.states import FINISHED, Paused
from daskflow.timing import now, wait_until

_WINDOW = 0.05  # seconds in which due retries are gathered; see `EngineSettings.retry_window`


@dataclass(frozen=True, slots=True)
class _Place:
    """The task runs of a strip at one position: of each of its nodes one."""

    position: int
    segments: tuple[Segment, ...]  # of the strip, which tell of them
    passing: list[str]  # nodes whose values only the strip needs

    def left(self) -> list[Segment]:
        """Return the segments that tell of one here that is not finished."""
        return [s for s in self.segments if s.codes[self.position - s.start] not in FINISHED]

    def dues(self) -> list[float]:
        """Return the instants for which something here waits."""
        return [due for due in map(self._due, self.left()) if 0 < due < inf]

    def ready(self, instant: float) -> list[Segment]:
        """Return the segments that tell of one here that waits for no later instant.

        It may wait for another one here: then it says so once more.
        """
        return [segment for segment in self.left() if self._due(segment) <= instant]

    def _due(self, segment: Segment) -> float:
        offset = self.position - segment.start
        note = segment.notes.get(offset)
        due = note.due if note is not None else None
        if due is None and segment.codes[offset] == Paused.code:
            return inf  # nobody can approve it here
        return due or 0.0

    def let_go(self) -> None:
        """Drop the values that nobody needs any more."""
        for segment in self.segments:
            if segment.node in self.passing and segment.values is not None:
                segment.values.pop(self.position - segment.start, None)


def finish_block(spec: RunSpec, body: BlockBody, inputs: tuple[Any, ...]) -> tuple[Segment, ...]:
    """Return the segments of a block, each task run in them finished, or paused without an end.

    Parameters
    ----------
    inputs
        Blocks, literals and parts of values that it needs, as `run_block` gets them.
    """
    walk = BlockWalk(spec, body, inputs, is_local=False)
    told = tuple(walk.walk())
    places = _places_left(walk, told)
    while any(place.dues() for place in places):
        wait_until(min(due for place in places for due in place.dues()) + _WINDOW)
        _try_again(spec, body, (*inputs, told), places)
        for place in places:
            if not place.left():
                place.let_go()
        places = [place for place in places if place.left()]
    return told


def _places_left(walk: BlockWalk, told: tuple[Segment, ...]) -> list[_Place]:
    """Return the places at which something is not finished."""
    found: list[_Place] = []
    rest = list(told)
    for strip in walk.body.strips:
        mine = tuple(rest[: len(strip.nodes)])
        del rest[: len(strip.nodes)]
        if not all(FINISHED.issuperset(segment.codes) for segment in mine):
            passing = walk.passing(strip)
            places = (_Place(p, mine, passing) for p in range(strip.start, strip.stop))
            found += [place for place in places if place.left()]
    return found


def _try_again(
    spec: RunSpec, body: BlockBody, inputs: tuple[Any, ...], places: list[_Place]
) -> None:
    """Walk the task runs at these places that are due, and note what became of them."""
    instant = now()
    ready = [(place.position, place.ready(instant)) for place in places]
    runs = [(segment, position) for position, segments in ready for segment in segments]
    strips = [
        Strip(tuple(segment.node for segment in segments), position, position + 1)
        for position, segments in ready
        if segments
    ]
    before = {(s.node, position): left_behind(s, position - s.start) for s, position in runs}
    again = body._replace(strips=strips, before=before)
    told = BlockWalk(spec, again, inputs, is_local=False).walk()
    for (segment, position), news in zip(runs, told, strict=True):
        _take_in(segment, position - segment.start, news)


def _take_in(segment: Segment, offset: int, news: Segment) -> None:
    """Let a segment tell at one offset what another one tells of its only task run."""
    segment.codes[offset] = news.codes[0]
    segment.attempts[offset] = news.attempts[0]
    segment.started[offset] = news.started[0]
    segment.ended[offset] = news.ended[0]
    segment.smalls[offset] = news.smalls[0]
    segment.notes.pop(offset, None)
    for note in news.notes.values():
        segment.notes[offset] = note
    for value in (news.values or {}).values():
        segment.values[offset] = value  # type: ignore[index]

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
from typing import Any, NamedTuple

from daskflow.events import Segment, left_behind
from daskflow.lowering.plan import BlockBody, Strip
from daskflow.runtime.shim import BlockWalk
from daskflow.runtime.spec import RunSpec
from daskflow.states import FINISHED, Paused
from daskflow.timing import now, wait_until

_WINDOW = 0.05  # seconds in which due retries are gathered; see `EngineSettings.retry_window`


class _Told(NamedTuple):
    """Where a segment tells of a task run."""

    segment: Segment
    node: str
    offset: int

    def is_left(self) -> bool:
        """Return whether the task run is not finished."""
        return self.segment.codes[self.offset] not in FINISHED

    def due(self) -> float:
        """Return the instant for which it waits; 0.0: for none."""
        note = self.segment.notes.get(self.offset)
        due = note.due if note is not None else None
        if due is None and self.segment.codes[self.offset] == Paused.code:
            return inf  # nobody can approve it here
        return due or 0.0


@dataclass(frozen=True, slots=True)
class _Place:
    """The task runs of a strip at one position: of each of its nodes one, or a single one."""

    position: int
    runs: tuple[_Told, ...]
    passing: list[str]  # nodes whose values only the strip needs

    def left(self) -> list[_Told]:
        """Return what here is not finished."""
        return [run for run in self.runs if run.is_left()]

    def dues(self) -> list[float]:
        """Return the instants for which something here waits."""
        return [due for due in (run.due() for run in self.left()) if 0 < due < inf]

    def ready(self, instant: float) -> list[_Told]:
        """Return what here waits for no later instant.

        It may wait for another one here: then it says so once more.
        """
        return [run for run in self.left() if run.due() <= instant]

    def let_go(self) -> None:
        """Drop the values that nobody needs any more."""
        for run in self.runs:
            if run.node in self.passing and run.segment.values is not None:
                run.segment.values.pop(run.offset, None)


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
    rest = iter(told)
    for strip in walk.body.strips:
        if walk.is_stretch(strip):
            stretch = next(rest)
            runs = [_Told(stretch, name, at) for at, name in enumerate(strip.nodes)]
            found += [_Place(0, (run,), []) for run in runs if run.is_left()]
            continue
        mine = [next(rest) for _ in strip.nodes]
        if not all(FINISHED.issuperset(segment.codes) for segment in mine):
            passing = walk.passing(strip)
            for position in range(strip.start, strip.stop):
                here = tuple(_Told(s, s.node, position - s.start) for s in mine)
                found.append(_Place(position, here, passing))
    return [place for place in found if place.left()]


def _try_again(
    spec: RunSpec, body: BlockBody, inputs: tuple[Any, ...], places: list[_Place]
) -> None:
    """Walk the task runs at these places that are due, and note what became of them."""
    instant = now()
    ready = [(place.position, place.ready(instant)) for place in places]
    strips = [
        Strip(tuple(run.node for run in runs), position, position + 1)
        for position, runs in ready
        if runs
    ]
    runs = [(position, run) for position, runs in ready for run in runs]
    before = {(run.node, at): left_behind(run.segment, run.offset) for at, run in runs}
    again = body._replace(strips=strips, before=before)
    told = BlockWalk(spec, again, inputs, is_local=False).walk()
    for (_, run), news in zip(runs, told, strict=True):
        _take_in(run.segment, run.offset, news)


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

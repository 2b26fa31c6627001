"""What is written of a run, entry by entry: enough to restore it just as it was.

Folded in order (`runtime.restoring`), the entries give the state of every task run, with all that
is needed to go on. They are frozen, and tell only what cannot be found out anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from daskflow.events import Segment
from daskflow.states import Failed, State, Success


@dataclass(frozen=True, slots=True)
class SpaceOpened:
    """Below one place of the space around it an index space has so many places."""

    space: str
    parent: int  # position
    width: int
    parts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SpaceEnded:
    """Mapped nodes ended without children below one place."""

    space: str
    parent: int
    state: State


@dataclass(frozen=True, slots=True)
class SegmentTold:
    """What a block told of its task runs of one node."""

    block: int
    worker: str
    segment: Segment  # without its values


@dataclass(frozen=True, slots=True)
class RunMoved:
    """The flow run came into a state."""

    at: float
    state: State


@dataclass(frozen=True, slots=True)
class TaskRunMoved:
    """A task run came into a state that was not happy, or that no block told of."""

    at: float
    node: str
    index: tuple[int, ...]
    position: int  # -1: a mapped node that ended without children
    state: State
    is_driver: bool = False  # the driver made the change: no segment tells of it


Entry = SpaceOpened | SpaceEnded | SegmentTold | RunMoved | TaskRunMoved


def without_values(entry: Entry) -> Entry:
    """Return an entry without what is the user's: results and exceptions."""
    if isinstance(entry, SpaceOpened):
        return entry
    if isinstance(entry, SegmentTold):
        segment = entry.segment.without_values()
        segment.smalls = [None] * len(segment.codes)
        segment.notes = {at: n._replace(failure=None) for at, n in segment.notes.items()}
        return replace(entry, segment=segment)
    return replace(entry, state=_bare(entry.state))


def _bare(state: State) -> State:
    if isinstance(state, Failed):
        return replace(state, exception=None)
    return replace(state, result=None) if isinstance(state, Success) else state

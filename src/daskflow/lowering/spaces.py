"""Index spaces as far as they are known: which map indexes there are, and at what position.

The task runs of a node are entries of columns, at *positions* counted from 0. A space says for
each position of the space around it which range of its own positions lies below. The ranges are
given out in the order in which widths become known, so the widths may be ragged and come in any
order. In a space that lies in the root a position is the map index itself.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import accumulate, chain, starmap
from typing import Any, NamedTuple

from daskflow.errors import CrashedError, PortableError
from daskflow.sealing import opened, seal
from daskflow.states import Failed, State

Index = tuple[int, ...]


class Below(NamedTuple):
    """The task runs below one map index."""

    ranges: list[tuple[int, int]]  # positions: from, to
    decided: dict[Index, State]  # of mapped nodes that ended without children, by where
    is_complete: bool = True  # False: of some it is not known yet whether they exist

    def positions(self) -> Iterator[int]:
        """Iterate over the positions."""
        return chain.from_iterable(starmap(range, self.ranges))


class Space:
    """One index space.

    Examples
    --------
    >>> lanes = Space(Space()); lanes.open(0, 2)
    >>> inner = Space(lanes); inner.open(1, 3); inner.open(0, 1)
    >>> inner.index_of(2), inner.find((0, 0)), inner.size
    ((1, 2), 3, 4)
    """

    __slots__ = ("_owners", "_starts", "children", "decided", "flat", "level", "parent", "size")

    def __init__(self, parent: Space | None = None) -> None:
        self.parent = parent  # None: this is the root
        self.level: int = 0 if parent is None else parent.level + 1  # of its map indexes
        self.size = 1 if parent is None else 0  # positions given out
        self.children: dict[int, tuple[int, int]] = {}  # parent's position -> first one, width
        self.decided: dict[int, State] = {}  # parent's position -> why nothing is below
        self.flat: dict[int, array[int]] = {}  # flattened: parent's position -> where parts end
        self._starts: array[int] = array("l")
        self._owners: array[int] = array("l")

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        slots = {slot: getattr(self, slot) for slot in self.__slots__}
        slots["decided"] = {parent: _portable(state) for parent, state in self.decided.items()}
        return None, slots

    def copy(self, parent: Space | None) -> Space:
        """Return a copy that can grow by itself, around which another space lies."""
        made = Space(parent)
        made.size = self.size
        made.children = dict(self.children)
        made.decided = dict(self.decided)
        made.flat = dict(self.flat)
        made._starts = self._starts[:]
        made._owners = self._owners[:]
        return made

    def open(self, parent: int, width: int, parts: Collection[int] = ()) -> None:
        """Give out positions below one of the parent's.

        Parameters
        ----------
        parts
            Where the space numbers the elements of several values: how many each of them has.
        """
        self.children[parent] = (self.size, width)
        if parts:
            self.flat[parent] = array("l", accumulate(parts))
        if width:
            self._starts.append(self.size)
            self._owners.append(parent)
        self.size += width

    def undecided(self) -> list[int]:
        """Return the parent's positions below which it is not known yet what there is."""
        if self.parent is None or len(self.children) + len(self.decided) == self.parent.size:
            return []
        return [
            position
            for position in range(self.parent.size)
            if position not in self.children and position not in self.decided
        ]

    def is_complete(self) -> bool:
        """Return whether all task runs in it are known."""
        return self.parent is None or (
            len(self.children) + len(self.decided) == self.parent.size and self.parent.is_complete()
        )

    def owner(self, position: int) -> int:
        """Return the parent's position that a position lies below."""
        if self.level <= 1:
            return 0
        return self._owners[bisect_right(self._starts, position) - 1]

    def index_of(self, position: int) -> Index:
        """Return the map index of a position."""
        if self.parent is None:
            return ()
        if self.level == 1:
            return (position,)
        owner = self.owner(position)
        return (*self.parent.index_of(owner), position - self.children[owner][0])

    def find(self, index: Index) -> int | None:
        """Return the position of a map index; None where there is none."""
        if self.parent is None:
            return 0
        if self.level == 1:
            return None if self.decided else index[0]
        above = self.parent.find(index[:-1])
        entry = self.children.get(above) if above is not None else None
        return entry[0] + index[-1] if entry is not None and index[-1] < entry[1] else None

    def part_of(self, position: int) -> tuple[int, int]:
        """Return in a flattened space the number of the part of a position, and its place there."""
        owner = self.owner(position)
        offset = position - self.children[owner][0]
        ends = self.flat[owner]
        part = bisect_right(ends, offset)
        return part, offset - (ends[part - 1] if part else 0)

    def exceeded(self, index: Index) -> int | None:
        """Return the number of children at which a map index is known to end, if it is too few."""
        position = 0
        for space, place in zip(self.chain()[1:], index, strict=True):
            entry = space.children.get(position)
            if entry is None:
                return None
            if place >= entry[1]:
                return entry[1]
            position = entry[0] + place
        return None

    def below(self, index: Index) -> Below:
        """Return the task runs whose map indexes begin so."""
        found = Below([], {})
        is_complete = self._gather(index, found)
        return found._replace(is_complete=is_complete)

    def _gather(self, index: Index, found: Below) -> bool:
        """Collect what is below a map index; return whether that is all."""
        if len(index) >= self.level:
            position = self.find(index)
            if position is not None:
                found.ranges.append((position, position + 1))
                return True
            ended = self.ended(index)
            found.decided.update(ended)
            return bool(ended)
        above = Below([], found.decided)
        around = self.parent or self
        is_complete = around._gather(index, above)  # noqa: SLF001 - of its own kind
        for start, stop in above.ranges:
            for position in range(start, stop):
                entry = self.children.get(position)
                if entry is not None:
                    _append(found.ranges, entry[0], entry[0] + entry[1])
                elif position in self.decided:
                    found.decided[around.index_of(position)] = self.decided[position]
                else:
                    is_complete = False
        return is_complete

    def missing(self, index: Index) -> State | None:
        """Return in which state a mapped node ended above a map index that does not exist."""
        return next(iter(self.ended(index).values()), None)

    def ended(self, index: Index) -> dict[Index, State]:
        """Return the same with the map index where it did; empty where none did."""
        position = 0
        for depth, space in enumerate(self.chain()[1 : len(index) + 1]):
            if position in space.decided:
                return {index[:depth]: space.decided[position]}
            entry = space.children.get(position)
            if entry is None:
                break
            position = entry[0] + index[depth]
        return {}

    def chain(self) -> list[Space]:
        """Return the spaces around it, from the root, and itself."""
        return [*(self.parent.chain() if self.parent is not None else ()), self]

    def under(self, parent: Space, tops: Collection[int] | None) -> Space:
        """Return the part of it below some places of the outermost space, or all of it.

        Positions stay what they are.

        Parameters
        ----------
        parent
            The same part of the space around it.
        """
        if tops is None or self.level <= 1:
            return self.copy(parent)
        made = Space(parent)
        made.size = self.size
        for place in parent.positions(tops):
            if place in self.children:
                made.children[place] = self.children[place]
            if place in self.decided:
                made.decided[place] = self.decided[place]
            if place in self.flat:
                made.flat[place] = self.flat[place]
        starts = sorted((start, place) for place, (start, width) in made.children.items() if width)
        made._starts = array("l", [start for start, _ in starts])
        made._owners = array("l", [place for _, place in starts])
        return made

    def positions(self, tops: Collection[int]) -> Iterator[int]:
        """Return the positions in a part that was made by `under`."""
        if self.level <= 1:
            yield from tops if self.level else (0,)
            return
        for start, width in self.children.values():
            yield from range(start, start + width)


def _portable(state: State) -> State:
    """Return a state as it travels: without its exception where that cannot."""
    if isinstance(state, Failed):
        try:
            opened(seal(state.exception))
        except CrashedError:
            return replace(state, exception=PortableError(state.message))
    return state


def _append(ranges: list[tuple[int, int]], start: int, stop: int) -> None:
    """Add a range, joined to the one before it where they touch."""
    if ranges and ranges[-1][1] == start:
        ranges[-1] = (ranges[-1][0], stop)
    elif start < stop:
        ranges.append((start, stop))

"""What the driver knows when it lowers: a column of states for each node, and values at hand.

The driver owns and changes these; lowering only reads them. A mapped task's children are entries
of a column, never objects: a byte of state, the number of the block that has the value, and a few
numbers more.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from daskflow.states import FINISHED_MASK, Pending, State, mask_of

OWNED = 255  # in place of a state's code: in a block on its way; Pending for everybody else
OPEN_MASK = mask_of([Pending.code])

Key = tuple[str, int]  # of a block: ("<task name>-<run id>", number)


@dataclass(slots=True)
class Column:
    """The task runs of one node, a position each; an unmapped node has one."""

    width: int | None = None  # None: a mapped node whose length is not known yet
    decided: State | None = None  # a mapped node that ended without children
    codes: bytearray = field(default_factory=bytearray)  # kinds of state, or OWNED
    blocks: array[int] = field(default_factory=lambda: array("l"))  # who has it; 0: nobody
    attempts: array[int] = field(default_factory=lambda: array("H"))  # bodies started so far
    states: dict[int, State] = field(default_factory=dict)  # those that no block tells of

    def widen(self, width: int) -> None:
        """Make room for the children."""
        self.width = width
        self.codes = bytearray(width)
        self.blocks = array("l", bytes(array("l").itemsize * width))
        self.attempts = array("H", bytes(2 * width))

    def finished(self) -> bytes:
        """Return a column of 1 where a task run is finished, else 0."""
        return bytes(self.codes.translate(FINISHED_MASK))

    def open(self) -> bytes:
        """Return a column of 1 where a task run may be put into a block, else 0."""
        return bytes(self.codes.translate(OPEN_MASK))

    def is_finished(self) -> bool:
        """Return whether all of it is finished."""
        if self.decided is not None:
            return True
        return self.width is not None and b"\0" not in self.finished()


@dataclass(slots=True)
class AtHand:
    """Values, or where they are, that need no task run any more."""

    literals: Mapping[str, Any]  # parameters and constants
    large: frozenset[str] = frozenset()  # those of them that do not travel with the spec
    placed: frozenset[str] = frozenset()  # those of the large ones that are on the cluster already
    lengths: Mapping[str, int | str] = field(default_factory=dict)  # of values; text: why not
    keys: Mapping[int, Key] = field(default_factory=dict)  # of blocks by number

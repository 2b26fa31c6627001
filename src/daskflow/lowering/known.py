"""What the driver knows when it lowers: index spaces, a column of states for each node, values.

The driver owns and changes these; lowering only reads them. A mapped task's children are entries
of a column, never objects: a byte of state, the number of the block that has the value, and a few
numbers more.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from daskflow.definition.nodes import ROOT, FlowGraph
from daskflow.events import Before, Length, Segment
from daskflow.lowering.spaces import Index, Space
from daskflow.states import FINISHED_MASK, Pending, State, mask_of

OWNED = 255  # in place of a state's code: in a block on its way; Pending for everybody else
OPEN_MASK = mask_of([Pending.code])

Key = tuple[str, int]  # of a block: ("<task name>-<run id>", number)


@dataclass(slots=True)
class Column:
    """The task runs of one node, one for each position of its index space."""

    space: Space
    codes: bytearray = field(default_factory=bytearray)  # kinds of state, or OWNED
    blocks: array[int] = field(default_factory=lambda: array("l"))  # who has it; 0: nobody
    attempts: array[int] = field(default_factory=lambda: array("H"))  # bodies started so far
    states: dict[int, State] = field(default_factory=dict)  # those that no block tells of
    before: dict[int, Before] = field(default_factory=dict)  # more than the number of attempts
    given: dict[Index, State] = field(default_factory=dict)  # of task runs that are not there yet
    carriers: dict[int, int] = field(default_factory=dict)  # block that has the loop's result
    held: set[int] = field(default_factory=set)  # run only where and when they are named

    def grow(self) -> int:
        """Make room for all positions of the space; return how many came."""
        more = self.space.size - len(self.codes)
        self.blocks.extend([0] * more)
        self.attempts.extend([0] * more)
        self.codes += bytes(more)  # last: who reads meanwhile goes by it
        return more

    def grown(self, space: Space) -> Column:
        """Return a copy with room for all positions of a space that this one's became.

        What was given for task runs that came is in it.
        """
        columns = self.codes[:], self.blocks[:], self.attempts[:]
        made = Column(
            space, *columns, self.states, self.before, carriers=self.carriers, held=self.held
        )
        made.grow()
        if self.given:
            made.given, made.states = self.given, dict(self.states)
            for index, position in made.came():
                made.states[position] = self.given[index]
                made.codes[position] = self.given[index].code
        return made

    def came(self) -> list[tuple[Index, int]]:
        """Return the task runs that are there now and whose states were given, and where."""
        places = ((index, self.space.find(index)) for index in self.given)
        return [(index, at) for index, at in places if at is not None and at < self.space.size]

    def finished(self) -> bytes:
        """Return a column of 1 where a task run is finished, else 0."""
        return bytes(self.codes.translate(FINISHED_MASK))

    def open(self) -> bytes:
        """Return a column of 1 where a task run may be put into a block, else 0."""
        found = self.codes.translate(OPEN_MASK)
        for position in self.held:
            found[position] = 0
        return bytes(found)

    def is_finished(self) -> bool:
        """Return whether all of it is finished."""
        return self.space.is_complete() and b"\0" not in self.finished()


@dataclass(slots=True)
class Known:
    """All of a run that lowering looks at."""

    columns: Mapping[str, Column]  # by node
    spaces: Mapping[str, Space]  # by name

    @classmethod
    def nothing(cls, graph: FlowGraph) -> Known:
        """Return what is known before anything has run."""
        spaces = open_spaces(graph)
        columns = {name: Column(spaces[node.space]) for name, node in graph.nodes.items()}
        for column in columns.values():
            column.grow()
        return cls(columns, spaces)


def open_spaces(graph: FlowGraph) -> dict[str, Space]:
    """Return a graph's index spaces, in which nothing but the root is known."""
    spaces = {ROOT: Space()}
    for name, spec in graph.spaces.items():  # a space stands behind that around it
        if name != ROOT:
            spaces[name] = Space(spaces[spec.parent])
    return spaces


@dataclass(slots=True)
class AtHand:
    """Values, or where they are, that need no task run any more."""

    literals: Mapping[str, Any]  # parameters and constants
    large: frozenset[str] = frozenset()  # those of them that do not travel with the spec
    placed: frozenset[str] = frozenset()  # those of the large ones that are on the cluster already
    lengths: Mapping[str, Mapping[int, Length]] = field(default_factory=dict)  # of values
    keys: Mapping[int, Key] = field(default_factory=dict)  # of blocks by number
    holders: Mapping[int, str] = field(default_factory=dict)  # who ran a block, by number
    state_of: Callable[[str, int], State] | None = None  # of a task run, in full; None: its kind
    give: Callable[[str, range], Segment] | None = None  # what was kept of task runs, with values

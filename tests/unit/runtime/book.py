"""A flow run without a driver: its record, the plans it took, and blocks walked when asked."""

from __future__ import annotations

from array import array
from types import MappingProxyType

from daskflow import flow
from daskflow.definition.nodes import NodeRef, references
from daskflow.events import UNKNOWN, Fate, Note, Report, Segment
from daskflow.lowering import AtHand, Target, lower
from daskflow.lowering.plan import unpack_block
from daskflow.runtime.inputs import cut_piece
from daskflow.runtime.losses import Losses
from daskflow.runtime.record import RunRecord
from daskflow.runtime.shim import BlockWalk
from daskflow.runtime.spec import RunSpec

NO_HOMES = MappingProxyType({})


class Book:
    """A traced flow with its record; also the session from which values are fetched."""

    def __init__(self, function, kept=(), **parameters):
        made = flow(function, name="case").definition()
        self.graph = made.graph
        self.kept = frozenset(kept) | frozenset(references(made.returned))
        self.literals = {**made.literals, **parameters}
        givers = [giver.form for space in made.graph.spaces.values() for giver in space.givers]
        measured = frozenset(form.name for form in givers if isinstance(form, NodeRef))
        self.spec = RunSpec(
            "ab12", "calm-otter", "case", made.graph, self.literals, self.kept, measured
        )
        self.record = RunRecord(made.graph, self.kept)
        self.losses = Losses(self.record)
        self.held = {}  # values of blocks by key
        self.is_closed = False
        self.next_block = 1

    def lower(self, block_size=None, homes=NO_HOMES):
        """Lower what is due, or what is set apart and named, and take the plan."""
        record = self.record
        at_hand = AtHand(self.literals, lengths=record.lengths, keys=record.keys, give=record.given)
        target = Target("ab12", 1, block_size, self.next_block, homes=homes)
        plan = lower(self.graph, self.record.known, at_hand, target)
        self.next_block += len(plan.blocks)
        self.record.take_plan(plan)
        if homes:
            self.losses.sent(plan, homes)
        return plan

    def walk(self, block, *, is_local=True):
        """Run the bodies of a block here; return its segments."""
        received = [self.held[key] for key in block.inputs]
        for node, start, stop, source in block.portions:
            received.append(cut_piece(node, start, stop, self.held[source]))
        body = unpack_block(block.packed())
        segments = BlockWalk(self.spec, body, tuple(received), is_local=is_local).walk()
        self.held[block.key] = segments
        return segments

    def play(self, block_size=None):
        """Lower, walk and fold until nothing is left that could run at once."""
        while plan := self.lower(block_size):
            if not plan.blocks:
                return self
            for block in plan.blocks:
                found = tuple(segment.without_values() for segment in self.walk(block))
                self.record.fold(Report("ab12", block.number, "here", found))
        return self

    def fold(self, number, *segments, **told):
        """Take in a report of a block."""
        self.record.fold(Report("ab12", number, "here", segments, **told))
        return self

    def lose(self, number, *place, **fate):
        """Take in that a block was lost: how far it was, and the rest of its fate."""
        words = {"beside": 0, "kin": 0, "story": "w is gone", **fate}
        self.losses.fold(number, Fate("w", place=place[0] if place else UNKNOWN, **words))
        return self

    def fetch(self, keys):
        """Return the values of blocks, as a session does."""
        return [self.held[key] for key in keys]

    def close(self):
        """Note that the run's hold ended."""
        self.is_closed = True

    def closer(self):
        """Return what notes that."""
        return self.close

    def kinds(self, name):
        """Return the states of a node's task runs by the names of their kinds."""
        return [
            type(self.record.state(name, i)).__name__
            for i in range(len(self.record.nodes[name].codes))
        ]


def segment(node, start, *kinds, notes=None, started=True):
    """Return what a block tells of a stretch of task runs."""
    n = len(kinds)
    return Segment(
        node,
        start,
        bytearray(kind.code for kind in kinds),
        array("H", [int(started)] * n),
        array("d", [100.0 * started] * n),
        array("d", [101.0 * started] * n),
        [None] * n,
        {offset: Note(**note) for offset, note in (notes or {}).items()},
        None,
    )

"""When values between nodes that are not mapped are let go inside a block.

Such a value never leaves the block where all that needs it is in the block too, and goes when the
last of these is finished. In a lane the strip itself says when, see `BlockWalk.passing`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from daskflow.definition.nodes import ROOT
from daskflow.events import Segment
from daskflow.lowering.plan import Strip
from daskflow.runtime.spec import RunSpec


@dataclass
class Waning:
    """Counts, for the values that only the block needs, what still needs them."""

    spec: RunSpec
    left: Counter[str] = field(default_factory=Counter)
    segments: dict[str, Segment] = field(default_factory=dict)

    @classmethod
    def of(cls, spec: RunSpec, strips: Sequence[Strip]) -> Waning:
        """Return the counts at the beginning of a block."""
        made = cls(spec)
        if len(strips) < 2:  # noqa: PLR2004 - a strip by itself lets go of its own
            return made
        graph = spec.graph
        here = {strip.nodes[0] for strip in strips if graph.nodes[strip.nodes[0]].space == ROOT}
        for name in here - spec.kept:
            consumers = {edge.downstream for edge in graph.downstream(name)}
            if consumers <= here:
                made.left[name] = len(consumers)
        return made

    def finished(self, strip: Strip, mine: Mapping[str, Segment]) -> None:
        """Note that the task runs of a strip are finished; let go of what nobody needs now."""
        if not self.left:
            return
        (name,) = strip.nodes
        self.segments[name] = mine[name]
        for upstream in {edge.upstream for edge in self.spec.graph.upstream(name)}:
            if upstream in self.left:
                self.left[upstream] -= 1
                if not self.left[upstream]:
                    self.segments[upstream].values = {}

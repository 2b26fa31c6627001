"""When values between nodes that are not mapped are let go inside a block.

Such a value never leaves the block where all that needs it is in the block too, and goes when the
last of these is finished. In a lane the strip itself says when, see `BlockWalk.passing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from daskflow.definition.nodes import ROOT
from daskflow.events import Stretch
from daskflow.lowering.plan import Strip
from daskflow.runtime.spec import RunSpec


@dataclass
class Waning:
    """Counts, for the values that only the block needs, what still needs them."""

    spec: RunSpec
    left: dict[str, int] = field(default_factory=dict)  # by node; nobody outside needs these

    @classmethod
    def of(cls, spec: RunSpec, strips: Sequence[Strip]) -> Waning:
        """Return the counts at the beginning of a block."""
        made = cls(spec)
        if len(strips) == 1 and len(strips[0].nodes) == 1:
            return made
        graph = spec.graph
        here = {name for s in strips if graph.nodes[s.nodes[0]].space == ROOT for name in s.nodes}
        for name in here - spec.kept if len(here) > 1 else ():
            edges = graph.downstream(name)
            if len(edges) == 1:  # as in every chain
                count = int(edges[0].downstream in here)
            else:
                consumers = {edge.downstream for edge in edges}
                count = len(consumers) if consumers <= here else 0
            if count or not edges:
                made.left[name] = count
        return made

    def finished(self, upstreams: Iterable[str], told: Stretch) -> None:
        """Note that a task run is finished; let go of what nobody needs now.

        Parameters
        ----------
        upstreams
            The nodes that it needed, each once.
        told
            What tells of it, and of those before it in the block.
        """
        for upstream in upstreams:
            if upstream in self.left:
                self.left[upstream] -= 1
                at = told.places.get(upstream)
                if not self.left[upstream] and at is not None and told.values is not None:
                    told.values.pop(at, None)

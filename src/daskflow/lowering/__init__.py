"""The compiler: from a graph and what is known to a plan of blocks. Pure.

`lower` is called at the start of a run, when a length becomes known, when a retry is due, and when
a block gave task runs back; the driver knows no other way to get work done. Rooms: `known` what
goes in, `expand` how wide mapped tasks are, `order` what may share a block, `blocks` the cutting,
`plan` what comes out, `checks` the rules a plan keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from daskflow.graph import Graph
from daskflow.lowering.blocks import Cutter, find_due
from daskflow.lowering.checks import verify
from daskflow.lowering.expand import expand
from daskflow.lowering.known import AtHand, Column
from daskflow.lowering.order import stages
from daskflow.lowering.plan import Plan
from daskflow.nodes import NodeSpec

__all__ = ["AtHand", "Column", "Plan", "Target", "lower", "verify"]


@dataclass(frozen=True, slots=True)
class Target:
    """For which run, and for how large a cluster, a plan is made."""

    run_id: str
    threads: int = 1  # worker threads on the cluster
    block_size: int | None = None  # task runs in a block; None: by the width
    first_block: int = 1  # number of the first block


def lower(
    graph: Graph[NodeSpec], known: Mapping[str, Column], at_hand: AtHand, target: Target
) -> Plan:
    """Return the plan of all task runs that can be put into blocks now.

    Parameters
    ----------
    known
        A column for each node of the graph; not changed.
    at_hand
        Values that need no task run any more, or where they are.
    """
    order = graph.order()
    found = expand(graph, order, known, at_hand)
    seen = {**known, **_widened(known, found.widths)}
    for name, state in found.decided.items():
        seen[name] = replace(known[name], decided=state)
    due = find_due(graph, order, seen)
    cutter = Cutter(
        graph,
        target.run_id,
        seen,
        at_hand,
        due,
        stages(graph, order),
        target.threads,
        target.block_size,
        target.first_block,
    )
    blocks = tuple(cutter.cut())
    wanted = dict.fromkeys(name for block in blocks for name in block.literals)
    literals = {name: at_hand.literals[name] for name in wanted if name not in at_hand.placed}
    return Plan(target.run_id, blocks, found.widths, found.decided, literals)


def _widened(known: Mapping[str, Column], widths: Mapping[str, int]) -> dict[str, Column]:
    columns = {}
    for name, width in widths.items():
        columns[name] = replace(known[name])
        columns[name].widen(width)
    return columns

"""The compiler: from a graph and what is known to a plan of blocks. Pure.

`lower` is called at the start of a run, when a length becomes known, when a retry is due, and when
a block gave task runs back; the driver knows no other way to get work done. Rooms: `known` what
goes in, `expand` how wide mapped tasks are, `spaces` and `links` which task runs need which,
`order` what may share a block, `blocks` the cutting, `needs` what a block needs, `plan` what comes
out, `checks` the rules a plan keeps.
"""

from __future__ import annotations

from collections.abc import Mapping

from daskflow.definition.nodes import FlowGraph
from daskflow.lowering.blocks import Cutter, Target, find_due, find_named
from daskflow.lowering.checks import verify
from daskflow.lowering.expand import expand
from daskflow.lowering.known import AtHand, Column, Known
from daskflow.lowering.links import LazyLinks
from daskflow.lowering.needs import Pass
from daskflow.lowering.order import stages
from daskflow.lowering.plan import Plan
from daskflow.lowering.spaces import Space

__all__ = ["AtHand", "Column", "Known", "Plan", "Target", "lower", "verify"]


def lower(graph: FlowGraph, known: Known, at_hand: AtHand, target: Target) -> Plan:
    """Return the plan of all task runs that can be put into blocks now.

    Parameters
    ----------
    known
        Index spaces, and a column for each node of the graph; not changed.
    at_hand
        Values that need no task run any more, or where they are.
    """
    found = expand(graph, known, at_hand)
    seen = Known(_grown(graph, known, found.spaces), found.spaces)
    # any order will do in which each stands behind what it needs: where nothing is mapped, that
    # is asked for later anyway
    every = graph.order() if len(graph.spaces) > 1 else graph.depth_first()
    order = [name for name in every if 0 in seen.columns[name].codes]
    links = LazyLinks(graph, seen.spaces)
    if target.homes:
        due = find_named(seen.columns, target.homes)
    else:
        due = find_due(graph, links, order, seen.columns)
    now = Pass(graph, seen, at_hand, links, due)
    cutter = Cutter(now, stages(graph, links, due), target)
    blocks = tuple(cutter.cut())
    wanted = dict.fromkeys(name for block in blocks for name in block.literals)
    literals = {name: at_hand.literals[name] for name in wanted if name not in at_hand.placed}
    return Plan(
        target.run_id,
        blocks,
        tuple(found.openings),
        tuple(found.ended),
        literals,
        frozenset(cutter.shut),
        cutter.is_short,
    )


def _grown(graph: FlowGraph, known: Known, spaces: Mapping[str, Space]) -> Mapping[str, Column]:
    """Return the columns with room for what came into their spaces in this pass."""
    if all(space is known.spaces[name] for name, space in spaces.items()):
        return known.columns
    return {
        name: column
        if spaces[graph.nodes[name].space] is column.space
        else column.grown(spaces[graph.nodes[name].space])
        for name, column in known.columns.items()
    }

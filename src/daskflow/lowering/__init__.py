"""The compiler: from a graph and what is known to a plan of blocks. Pure.

`lower` is called at the start of a run, when a length becomes known, when a retry is due, and when
a block gave task runs back; the driver knows no other way to get work done. Rooms: `known` what
goes in, `expand` how wide mapped tasks are, `order` what may share a block, `blocks` the cutting,
`plan` what comes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from daskflow.graph import Graph
from daskflow.lowering.blocks import Cutter, find_due
from daskflow.lowering.expand import expand
from daskflow.lowering.known import AtHand, Column
from daskflow.lowering.order import is_lane, stages
from daskflow.lowering.plan import Block, Plan
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


def verify(plan: Plan, graph: Graph[NodeSpec], known: Mapping[str, Column]) -> list[str]:
    """Return what is wrong with a plan; an empty list where nothing is.

    Checked: every task run is in one block only; each of its upstreams comes before it in the same
    block, or is in a block that this one names as input, or is finished; blocks come behind their
    inputs, so the graph is acyclic.
    """
    problems: list[str] = []
    home: dict[tuple[str, int], tuple[int, int]] = {}
    blocks = {block.key: block.number for block in plan.blocks}
    seen: set[object] = set()
    for block in plan.blocks:
        problems += [
            f"block {block.number} comes before its input {key}"
            for key in block.inputs
            if key in blocks and key not in seen
        ]
        seen.add(block.key)
        for place, run in enumerate(_walk(block)):
            if run in home:
                problems.append(f"{run} is in the blocks {home[run][0]} and {block.number}")
            home[run] = (block.number, place)
    for block in plan.blocks:
        near = {blocks[key] for key in block.inputs if key in blocks}
        for place, (name, position) in enumerate(_walk(block)):
            for upstream in _upstream_runs(graph, known, plan, name, position):
                at = home.get(upstream)
                if at is None:
                    if not _is_done(known, plan, upstream):
                        problems.append(f"{name, position} needs {upstream}, which is nowhere")
                elif not (at[0] in near or (at[0] == block.number and at[1] < place)):
                    problems.append(f"{name, position} does not wait for {upstream}")
    return problems


def _walk(block: Block) -> Iterator[tuple[str, int]]:
    """Return the task runs of a block in the order in which it walks them."""
    for strip in block.strips:
        for position in range(strip.start, strip.stop):
            for name in strip.nodes:
                yield name, position


def _upstream_runs(
    graph: Graph[NodeSpec], known: Mapping[str, Column], plan: Plan, name: str, position: int
) -> Iterator[tuple[str, int]]:
    for edge in graph.upstream(name):
        if is_lane(graph, edge):
            yield edge.upstream, position
        else:
            width = plan.widths.get(edge.upstream, known[edge.upstream].width) or 0
            for other in range(width):
                yield edge.upstream, other


def _is_done(known: Mapping[str, Column], plan: Plan, run: tuple[str, int]) -> bool:
    name, position = run
    return name not in plan.widths and bool(known[name].finished()[position])

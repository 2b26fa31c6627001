"""Holds a plan against the rules that plans are made by. For tests: it looks at every task run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from daskflow.events import PARENT
from daskflow.graph import Graph
from daskflow.lowering.known import Column
from daskflow.lowering.order import is_lane
from daskflow.lowering.plan import Block, Plan
from daskflow.nodes import NodeSpec
from daskflow.states import Pending, State

Run = tuple[str, int]  # node and position


def verify(plan: Plan, graph: Graph[NodeSpec], known: Mapping[str, Column]) -> list[str]:
    """Return what is wrong with a plan; an empty list where nothing is.

    Checked: every task run that can run is in one block, and no other is in any; each of its
    upstreams comes before it in the same block, or is in a block that this one names as input, or
    is finished and this block names the block that has it, or is given its state; blocks come
    behind their inputs, so the graph is acyclic.
    """
    check = _Check(plan, graph, known)
    check.look_at_blocks()
    check.look_at_upstreams()
    check.look_at_the_rest()
    return check.problems


class _Check:
    """One look through a plan."""

    def __init__(self, plan: Plan, graph: Graph[NodeSpec], known: Mapping[str, Column]) -> None:
        self.plan, self.graph, self.known = plan, graph, known
        self.problems: list[str] = []
        self._home: dict[Run, tuple[int, int]] = {}  # number of its block, and place in it

    def look_at_blocks(self) -> None:
        """Find task runs that are in a block wrongly, and blocks in a wrong order."""
        to_come = {block.number for block in self.plan.blocks}
        for block in self.plan.blocks:
            self.problems += [
                f"block {block.number} comes before its input {number}"
                for _, number in block.inputs
                if number in to_come
            ]
            to_come.discard(block.number)
            for place, run in enumerate(_walk(block)):
                if run in self._home:
                    at = self._home[run][0]
                    self.problems.append(f"{run} is in the blocks {at} and {block.number}")
                elif not self._is_open(run):
                    self.problems.append(f"{run} is in block {block.number} but is not open")
                self._home[run] = (block.number, place)

    def look_at_upstreams(self) -> None:
        """Find task runs that would not find what they need."""
        for block in self.plan.blocks:
            near = {number for _, number in block.inputs}
            given = {(segment.node, segment.start) for segment in block.given}
            for place, run in enumerate(_walk(block)):
                for upstream in self._upstreams(run):
                    number, before = self._home.get(upstream, (0, 0))
                    if number == 0:
                        self._look_at_finished(run, upstream, near, given)
                    elif number not in near and not (number == block.number and before < place):
                        self.problems.append(f"{run} does not wait for {upstream}")

    def _look_at_finished(self, run: Run, upstream: Run, near: set[int], given: set[Run]) -> None:
        if not self._is_done(upstream):
            self.problems.append(f"{run} needs {upstream}, which is nowhere")
            return
        name, position = upstream
        number = 0 if position == PARENT else self.known[name].blocks[position]
        if number and number not in near:
            self.problems.append(f"{run} does not name block {number}, which has {upstream}")
        if not number and upstream not in given:
            self.problems.append(f"{run} is not given the state of {upstream}")

    def look_at_the_rest(self) -> None:
        """Find task runs that could run and are in no block."""
        for name in self.graph.nodes:
            for position in range(self._width(name) or 0):
                run = (name, position)
                if run in self._home or not self._is_open(run) or self._waits(name):
                    continue
                if all(up in self._home or self._is_done(up) for up in self._upstreams(run)):
                    self.problems.append(f"{run} can run but is in no block")

    def _upstreams(self, run: Run) -> Iterator[Run]:
        name, position = run
        for edge in self.graph.upstream(name):
            if is_lane(self.graph, edge):
                yield edge.upstream, position
            elif self._decided(edge.upstream) is not None:
                yield edge.upstream, PARENT
            else:
                for other in range(self._width(edge.upstream) or 0):
                    yield edge.upstream, other

    def _waits(self, name: str) -> bool:
        """Return whether a mapped node upstream has neither children nor an end."""
        return any(
            self._width(edge.upstream) is None and self._decided(edge.upstream) is None
            for edge in self.graph.upstream(name)
        )

    def _width(self, name: str) -> int | None:
        return self.plan.widths.get(name, self.known[name].width)

    def _decided(self, name: str) -> State | None:
        return self.plan.decided.get(name, self.known[name].decided)

    def _is_open(self, run: Run) -> bool:
        name, position = run
        return name in self.plan.widths or self.known[name].codes[position] == Pending.code

    def _is_done(self, run: Run) -> bool:
        name, position = run
        if position == PARENT:
            return True
        return name not in self.plan.widths and bool(self.known[name].finished()[position])


def _walk(block: Block) -> Iterator[Run]:
    """Return the task runs of a block in the order in which it walks them."""
    for strip in block.strips:
        for position in range(strip.start, strip.stop):
            for name in strip.nodes:
                yield name, position

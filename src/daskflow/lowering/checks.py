"""Holds a plan against the rules that plans are made by. For tests: it looks at every task run."""

from __future__ import annotations

from collections.abc import Iterator

from daskflow.definition.nodes import ROOT, FlowGraph
from daskflow.graph import Edge
from daskflow.lowering.known import Column, Known
from daskflow.lowering.links import link_of, space_in
from daskflow.lowering.plan import Block, Plan
from daskflow.lowering.spaces import Below, Index, Space
from daskflow.states import Pending

Run = tuple[str, int]  # node and position


def verify(plan: Plan, graph: FlowGraph, known: Known) -> list[str]:
    """Return what is wrong with a plan; an empty list where nothing is.

    Checked: every task run that can run is in one block, and no other is in any; each of its
    upstreams comes before it in the same block, or is in a block that this one names as input, or
    is finished and this block names the block that has it, or is given what was kept; each finds
    those by the parts of index spaces that its block has; blocks come behind their inputs, so the
    graph is acyclic; task runs of a block ask for the same of a worker.
    """
    check = _Check(plan, graph, known)
    check.look_at_blocks()
    check.look_at_upstreams()
    check.look_at_parts()
    check.look_at_the_rest()
    return check.problems


class _Check:
    """One look through a plan."""

    def __init__(self, plan: Plan, graph: FlowGraph, known: Known) -> None:
        self.plan, self.graph = plan, graph
        self.problems: list[str] = []
        self.spaces = self._spaces_after(known)
        self.columns = {
            name: column.grown(self.spaces[graph.nodes[name].space])
            for name, column in known.columns.items()
        }
        self._home: dict[Run, tuple[int, int]] = {}  # number of its block, and place in it
        self._below: dict[str, dict[Index, list[int]]] = {}

    def _spaces_after(self, known: Known) -> dict[str, Space]:
        """Return the index spaces as they are with what the plan opens."""
        spaces: dict[str, Space] = {}
        for name, spec in self.graph.spaces.items():
            parent = None if name == ROOT else spaces[spec.parent]
            spaces[name] = known.spaces[name].copy(parent)
        for opening in self.plan.openings:
            spaces[opening.space].open(*opening[1:])
        for ended in self.plan.ended:
            spaces[ended.space].decided[ended.parent] = ended.state
        return spaces

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
                if self.graph.nodes[run[0]].task.rules.demand != block.demand:
                    self.problems.append(
                        f"{run} asks for something else than block {block.number} does"
                    )
                self._home[run] = (block.number, place)

    def look_at_upstreams(self) -> None:
        """Find task runs that would not find what they need."""
        for block in self.plan.blocks:
            near = {number for _, number in block.inputs}
            near |= {portion.source[1] for portion in block.portions}
            given = {(each.node, p) for each in block.given for p in range(each.start, each.stop)}
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
        number = self.columns[name].blocks[position]
        if number and number not in near and upstream not in given:
            self.problems.append(f"{run} does not name block {number}, which has {upstream}")
        if not number and upstream not in given:
            self.problems.append(f"{run} is not given the state of {upstream}")

    def look_at_parts(self) -> None:
        """Find task runs that would not find the right ones by what their block has of spaces."""
        for block in self.plan.blocks:
            for name, position in _walk(block):
                for edge in self.graph.upstream(name):
                    wanted = self.columns[edge.upstream].space.below(self._picked(edge, position))
                    if not self._finds(block, edge, position, wanted):
                        self.problems.append(
                            f"{name, position} does not find {edge.upstream} by the spaces of "
                            f"block {block.number}"
                        )

    def _finds(self, block: Block, edge: Edge, position: int, wanted: Below) -> bool:
        """Return whether the parts of spaces in a block lead to the right task runs."""
        parts = block.spaces
        ends = (self.graph.space_of(edge.upstream), self.graph.space_of(edge.downstream))
        if any(spec.depth > 1 and spec.name not in parts for spec in ends):
            return False
        theirs = space_in(parts, self.graph, edge.upstream)
        link = link_of(self.graph, edge, parts)
        if link.is_same:
            return wanted.ranges == [(position, position + 1)]
        if link.is_whole and theirs.level == 1 and not theirs.children:  # all that has come
            return len(wanted.decided) == len(theirs.decided)
        found = link.below(position, space_in(parts, self.graph, edge.downstream), theirs)
        return found[:2] == wanted[:2]

    def look_at_the_rest(self) -> None:
        """Find task runs that could run and are in no block."""
        if self.plan.is_short:
            return
        for name, column in self.columns.items():
            for position in range(len(column.codes)) if name not in self.plan.shut else ():
                run = (name, position)
                if run in self._home or not self._is_open(run):
                    continue
                ups = list(self._upstreams(run))
                if self._is_complete(run) and all(
                    up in self._home or self._is_done(up) for up in ups
                ):
                    self.problems.append(f"{run} can run but is in no block")

    def _upstreams(self, run: Run) -> Iterator[Run]:
        name, position = run
        for edge in self.graph.upstream(name):
            for other in self._index(edge.upstream).get(self._picked(edge, position), ()):
                yield edge.upstream, other

    def _index(self, name: str) -> dict[Index, list[int]]:
        """Return the positions of a node by each beginning of their map indexes."""
        found = self._below.get(name)
        if found is None:
            found = self._below[name] = {}
            column = self.columns[name]
            for position in range(len(column.codes)):
                index = column.space.index_of(position)
                for length in range(len(index) + 1):
                    found.setdefault(index[:length], []).append(position)
        return found

    def _picked(self, edge: Edge, position: int) -> Index:
        space = self.columns[edge.downstream].space
        index = space.index_of(position)
        picked = tuple(index[level] for level in edge.levels)
        if edge.is_flat:
            picked = (*picked[:-1], *space.part_of(position))
            picked = picked[: self.graph.depth(edge.upstream)]
        return picked

    def _is_complete(self, run: Run) -> bool:
        """Return whether all is known of the index spaces that a task run needs."""
        return all(
            self.columns[edge.upstream].space.below(self._picked(edge, run[1])).is_complete
            for edge in self.graph.upstream(run[0])
        )

    def _column(self, run: Run) -> Column:
        return self.columns[run[0]]

    def _is_open(self, run: Run) -> bool:
        column = self._column(run)
        return column.codes[run[1]] == Pending.code and run[1] not in column.held

    def _is_done(self, run: Run) -> bool:
        return bool(self._column(run).finished()[run[1]])


def _walk(block: Block) -> Iterator[Run]:
    """Return the task runs of a block in the order in which it walks them."""
    for strip in block.strips:
        for position in range(strip.start, strip.stop):
            for name in strip.nodes:
                yield name, position

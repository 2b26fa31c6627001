"""Which blocks' values are still needed. Bookkeeping without I/O.

A block is settled when each of its task runs is finished, by whichever block. Its value may go
when it is settled, when every block that takes it as input is settled, and when nothing that
depends on its nodes is still to be lowered. What the user may ask for stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from daskflow.definition.nodes import FlowGraph
from daskflow.lowering.known import Key
from daskflow.lowering.plan import Block

_NO_BLOCKS: frozenset[int] = frozenset()
TaskRunKey = tuple[str, int]  # node and position


@dataclass(slots=True)
class _Held:
    key: Key
    nodes: frozenset[str]
    inputs: list[Key]
    open: int  # its task runs that are not finished
    consumers: set[int] = field(default_factory=set)  # blocks that are not settled


class Holding:
    """The blocks of a run whose values are held on the executor."""

    def __init__(self, graph: FlowGraph, kept: frozenset[str]) -> None:
        self._graph = graph
        self._kept = kept
        self._blocks: dict[int, _Held] = {}
        # the blocks of each node: a set of its own only where there are, or were, several
        self._by_node: dict[str, AbstractSet[int]] = {}
        self._to_lower: set[str] = set(graph.nodes)  # nodes with task runs never lowered yet
        self._earlier: dict[TaskRunKey, list[int]] = {}  # blocks that gave a task run back
        self._unbegun: dict[str, list[tuple[int, int, int]]] = {}  # by node: from, to, its block
        self._settled: set[int] = set()  # blocks of which each task run is finished, or given back
        self._loose: set[int] = set()  # of these the ones to look at again

    def add(self, block: Block) -> None:
        """Take in a block that is about to be submitted."""
        nodes = frozenset(name for strip in block.strips for name in strip.nodes)
        held = _Held(block.key, nodes, list(block.sources()), block.task_runs())
        self._blocks[block.number] = held
        only = frozenset([block.number])
        shared = nodes & self._by_node.keys()
        self._by_node.update(dict.fromkeys(nodes - shared, only))
        for name in shared:
            known = self._by_node[name]
            if isinstance(known, set):
                known.add(block.number)
            else:
                self._by_node[name] = {*known, block.number}
        for key in held.inputs:
            if key[1] in self._blocks:
                self._blocks[key[1]].consumers.add(block.number)
        if self._earlier or self._unbegun:
            self._take_over(block, held)

    def _take_over(self, block: Block, held: _Held) -> None:
        """Hold a block for its task runs' earlier blocks, and for all that took those as input.

        The latter are on their way, will find that something is not finished, and then need this
        block; and in an earlier block itself something that depends on the task run may be open.
        """
        before: set[int] = set()
        for name, start, stop in block.spans():
            if self._earlier:
                runs = ((name, position) for position in range(start, stop))
                before.update(number for run in runs for number in self._earlier.get(run, ()))
            before.update(self._taken_up(name, start, stop))
        for earlier in before & self._blocks.keys():
            for consumer in {earlier, *self._blocks[earlier].consumers} - {block.number}:
                if self._blocks[consumer].open > 0:
                    held.consumers.add(consumer)
                    self._blocks[consumer].inputs.append(block.key)

    def _taken_up(self, name: str, start: int, stop: int) -> set[int]:
        """Return the blocks that did not begin some of these task runs, for the last time."""
        found: set[int] = set()
        left: list[tuple[int, int, int]] = []
        for a, b, number in self._unbegun.get(name, ()):
            if a < stop and start < b:
                found.add(number)
                left += [(x, y, number) for x, y in ((a, start), (stop, b)) if x < y]
            else:
                left.append((a, b, number))
        if left:
            self._unbegun[name] = left
        else:
            self._unbegun.pop(name, None)
        return found

    def unbegun(self, block: int, name: str, start: int, stop: int) -> None:
        """Note task runs that a block will not begin: as if they had not been in it."""
        self._unbegun.setdefault(name, []).append((start, stop, block))
        self._to_lower.add(name)
        self._close(block, stop - start)

    def fully_lowered(self, nodes: Collection[str]) -> None:
        """Note nodes of which every task run has been in a block, or never will be."""
        self._to_lower.difference_update(nodes)
        for node in nodes if self._settled else ():
            for edge in self._graph.upstream(node):
                self._loose.update(self._by_node.get(edge.upstream, _NO_BLOCKS) & self._settled)

    def gave_back(self, block: int, runs: Iterable[TaskRunKey]) -> None:
        """Note task runs that a block reported without having finished them."""
        for run in runs:
            self._earlier.setdefault(run, []).append(block)

    def finished(self, block: int, count: int, runs: Iterable[TaskRunKey]) -> None:
        """Note that a block finished so many task runs.

        Parameters
        ----------
        runs
            Those of them that earlier blocks may have given back.
        """
        self._close(block, count)
        if self._earlier:
            for run in runs:
                for earlier in self._earlier.pop(run, ()):
                    self._close(earlier, 1)

    def take_loose(self) -> list[Key]:
        """Return the keys of blocks that nobody needs any more; they are forgotten here."""
        keys = []
        while self._loose:
            number = self._loose.pop()
            held = self._blocks.get(number)
            if held is not None and self._is_loose(held):
                del self._blocks[number]
                self._settled.discard(number)
                for name in held.nodes:
                    known = self._by_node[name]
                    if isinstance(known, set):
                        known.discard(number)
                    elif number in known:
                        del self._by_node[name]
                keys.append(held.key)
        return keys

    def _close(self, number: int, count: int) -> None:
        held = self._blocks.get(number)
        if held is None:
            return
        held.open -= count
        if held.open > 0:
            return
        self._settled.add(number)
        self._loose.add(number)
        for key in held.inputs:
            upstream = self._blocks.get(key[1])
            if upstream is not None:
                upstream.consumers.discard(number)
                if not upstream.consumers and upstream.open <= 0:
                    self._loose.add(key[1])

    def _is_loose(self, held: _Held) -> bool:
        if held.consumers or held.nodes & self._kept:
            return False
        return not any(
            edge.downstream in self._to_lower
            for name in held.nodes
            for edge in self._graph.downstream(name)
        )

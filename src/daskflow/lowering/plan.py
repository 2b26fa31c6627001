"""A plan: blocks of task runs, and the one layer of a Dask graph that they become.

The only room that knows `dask.task_spec`. A block travels as opaque bytes, so the scheduler
unpickles neither code nor values of the user's.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from daskflow.demands import NO_DEMAND, Demand
from daskflow.events import Before, Segment, Span
from daskflow.lowering.expand import Ended, Opening
from daskflow.lowering.known import Key
from daskflow.lowering.spaces import Space
from daskflow.pickling import dumps


class Strip(NamedTuple):
    """Task runs of a block: for each position from start to stop, each of these nodes in order."""

    nodes: tuple[str, ...]
    start: int
    stop: int


class Portion(NamedTuple):
    """The part of a node's large value that a block maps over: a graph node of its own."""

    node: str
    start: int
    stop: int
    source: Key  # of the block that has the value
    holder: str  # address of the worker that has it: the part is cut there


class Slice(NamedTuple):
    """The part of a large literal that a block maps over."""

    literal: str
    start: int
    values: Any


@dataclass(frozen=True, slots=True)
class Block:
    """A small group of task runs that one Dask task walks through."""

    number: int
    key: Key
    strips: tuple[Strip, ...]
    inputs: tuple[Key, ...] = ()  # blocks whose values or states it needs
    literals: tuple[str, ...] = ()  # large literals it needs whole
    # what earlier bodies have left, where there were any
    before: Mapping[tuple[str, int], Before] = field(default_factory=dict)
    given: tuple[Segment, ...] = ()  # upstream task runs that no block tells of
    slices: tuple[Slice, ...] = ()
    spaces: Mapping[str, Space] = field(default_factory=dict)  # parts of index spaces
    portions: tuple[Portion, ...] = ()
    demand: Demand = NO_DEMAND

    def spans(self) -> Iterator[Span]:
        """Return its task runs, node by node."""
        for strip in self.strips:
            for name in strip.nodes:
                yield name, strip.start, strip.stop

    def task_runs(self) -> int:
        """Return how many task runs it holds."""
        return sum(len(s.nodes) * (s.stop - s.start) for s in self.strips)

    def sources(self) -> tuple[Key, ...]:
        """Return the blocks whose values it needs, whole or in part."""
        return (*self.inputs, *(portion.source for portion in self.portions))

    def packed(self) -> bytes:
        """Return what its worker needs, as bytes; see `unpack_block`."""
        rest = (self.given, self.slices, self.spaces)
        extra = dumps(rest) if any(rest) else b""
        before = {run: tuple(left) for run, left in self.before.items()}
        return pickle.dumps(([tuple(s) for s in self.strips], before, extra), 5)


class BlockBody(NamedTuple):
    """What the worker needs of a block."""

    strips: list[Strip]
    before: dict[tuple[str, int], Before]
    given: tuple[Segment, ...] = ()
    slices: tuple[Slice, ...] = ()
    spaces: Mapping[str, Space] = MappingProxyType({})


def strips_of(body: bytes) -> list[Strip]:
    """Return the strips of a packed block; nothing of the user's is unpickled."""
    return [Strip(*strip) for strip in pickle.loads(body)[0]]


def unpack_block(body: bytes) -> BlockBody:
    """Return the block that `Block.packed` packed."""
    strips, before, extra = pickle.loads(body)
    rest = pickle.loads(extra) if extra else ()
    left = {run: Before(*each) for run, each in before.items()}
    return BlockBody([Strip(*strip) for strip in strips], left, *rest)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call of `lower` comes to."""

    run_id: str
    blocks: tuple[Block, ...] = ()
    openings: tuple[Opening, ...] = ()  # of index spaces: children that now exist
    ended: tuple[Ended, ...] = ()  # mapped nodes that ended without children
    literals: Mapping[str, Any] = field(default_factory=dict)  # large ones to be put out now
    shut: frozenset[str] = frozenset()  # nodes that could run, and wait for what they gather
    is_short: bool = False  # there was no room for more blocks

    def demands(self) -> dict[Key, Demand]:
        """Return what graph nodes ask of the worker that runs them; those that ask for nothing not.

        A part of a value is cut where the value is, if that worker is still there.
        """
        found: dict[Key, Demand] = {}
        for block in self.blocks:
            if block.demand:
                found[block.key] = block.demand
            for portion in block.portions:
                wish = Demand(workers=(portion.holder,), is_wish=True)
                found[portion_key(self.run_id, portion)] = wish if portion.holder else NO_DEMAND
        return found

    def carries_values(self) -> bool:
        """Return whether something of the user's travels with it: values, or what they were."""
        return bool(self.literals) or any(b.given or b.slices or b.spaces for b in self.blocks)

    def outline(self) -> Plan:
        """Return what a record needs to take this plan in: no values, and nothing for workers."""
        blocks = [
            replace(block, literals=(), given=(), slices=(), spaces={}) for block in self.blocks
        ]
        return replace(self, blocks=tuple(blocks), literals={})

    def layer(
        self, walk: Callable[..., Any], unpack: Callable[..., Any], cut: Callable[..., Any]
    ) -> dict[Key, Any]:
        """Return the Dask graph: a node for each block, large literal, part of a large value.

        Parameters
        ----------
        walk
            The shim: called as ``walk(run id, number, body, *inputs)``.
        unpack
            Turns a large literal's bytes into an input: ``unpack(name, bytes)``.
        cut
            Makes an input of a part of a value: ``cut(node, start, stop, block)``.
        """
        from dask.task_spec import Task, TaskRef

        layer: dict[Key, Any] = {}
        for name, value in self.literals.items():
            key = literal_key(self.run_id, name)
            layer[key] = Task(key, unpack, name, dumps(value))
        for block in self.blocks:
            refs = [TaskRef(key) for key in block.inputs]
            refs += [TaskRef(literal_key(self.run_id, name)) for name in block.literals]
            for portion in block.portions:
                key = portion_key(self.run_id, portion)
                node, start, stop, source, _ = portion
                layer[key] = Task(key, cut, node, start, stop, TaskRef(source))
                refs.append(TaskRef(key))
            layer[block.key] = Task(
                block.key, walk, self.run_id, block.number, block.packed(), *refs
            )
        return layer


def block_key(task: str, run_id: str, number: int, group: int | None = None) -> Key:
    """Return the key of a block: the Dask dashboard groups by the part before the first number.

    Dask holds back tasks without inputs, of which its word is that they are root-ish, where their
    group is larger than twice the threads there are: a worker gets the next one only when it has
    told of one before. Groups of this number or less are sent at once.

    Parameters
    ----------
    group
        In which small group the block is, and so not to be held back; None: in that of its task.

    Examples
    --------
    >>> block_key("clean", "5f0c", 7), block_key("clean", "5f0c", 7, group=3)
    (('clean-5f0c', 7), ('clean-3-5f0c', 7))
    """
    return (f"{task}-{run_id}" if group is None else f"{task}-{group}-{run_id}", number)


def literal_key(run_id: str, name: str) -> Any:
    """Return the key of a large literal's graph node."""
    return (f"literal-{run_id}", name)


def portion_key(run_id: str, portion: Portion) -> Any:
    """Return the key of the graph node that cuts a part of a value."""
    node, start, stop, source, _ = portion
    return (f"{PORTION}-{run_id}", f"{node}[{start}:{stop}] of {source[1]}")


PORTION = "portion"  # begins the keys of parts of values, kept only for the blocks that need them

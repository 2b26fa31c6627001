"""A plan: blocks of task runs, and the one layer of a Dask graph that they become.

The only room that knows `dask.task_spec`. A block travels as opaque bytes, so the scheduler
unpickles neither code nor values of the user's.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cloudpickle

from daskflow.events import Segment
from daskflow.lowering.known import Key
from daskflow.states import State


class Strip(NamedTuple):
    """Task runs of a block: for each position from start to stop, each of these nodes in order."""

    nodes: tuple[str, ...]
    prefix: tuple[int, ...]  # map index of the enclosing lane
    start: int
    stop: int


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
    attempts: Mapping[tuple[str, int], int] = field(default_factory=dict)  # made before, if any
    given: tuple[Segment, ...] = ()  # upstream task runs that no block tells of
    slices: tuple[Slice, ...] = ()

    def task_runs(self) -> int:
        """Return how many task runs it holds."""
        return sum(len(s.nodes) * (s.stop - s.start) for s in self.strips)

    def packed(self) -> bytes:
        """Return what its worker needs, as bytes; see `unpack_block`."""
        extra = cloudpickle.dumps((self.given, self.slices)) if self.given or self.slices else b""
        return pickle.dumps(([tuple(s) for s in self.strips], dict(self.attempts), extra), 5)


class BlockBody(NamedTuple):
    """What the worker needs of a block."""

    strips: list[Strip]
    attempts: dict[tuple[str, int], int]
    given: tuple[Segment, ...]
    slices: tuple[Slice, ...]


def unpack_block(body: bytes) -> BlockBody:
    """Return the block that `Block.packed` packed."""
    strips, attempts, extra = pickle.loads(body)
    given, slices = pickle.loads(extra) if extra else ((), ())
    return BlockBody([Strip(*strip) for strip in strips], attempts, given, slices)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call of `lower` comes to."""

    run_id: str
    blocks: tuple[Block, ...] = ()
    widths: Mapping[str, int] = field(default_factory=dict)  # mapped nodes that now have children
    decided: Mapping[str, State] = field(default_factory=dict)  # mapped nodes that ended without
    literals: Mapping[str, Any] = field(default_factory=dict)  # large ones to be put out now

    def layer(self, walk: Callable[..., Any], unpack: Callable[..., Any]) -> dict[Key, Any]:
        """Return the Dask graph: a node for each block and for each large literal.

        Parameters
        ----------
        walk
            The shim: called as ``walk(run id, number, body, *inputs)``.
        unpack
            Turns a large literal's bytes into an input: ``unpack(name, bytes)``.
        """
        from dask.task_spec import Task, TaskRef

        layer: dict[Key, Any] = {}
        for name, value in self.literals.items():
            key = literal_key(self.run_id, name)
            layer[key] = Task(key, unpack, name, cloudpickle.dumps(value, protocol=5))
        for block in self.blocks:
            refs = [TaskRef(key) for key in block.inputs]
            refs += [TaskRef(literal_key(self.run_id, name)) for name in block.literals]
            layer[block.key] = Task(
                block.key, walk, self.run_id, block.number, block.packed(), *refs
            )
        return layer


def block_key(task: str, run_id: str, number: int) -> Key:
    """Return the key of a block: the Dask dashboard groups by the part before the run id."""
    return (f"{task}-{run_id}", number)


def literal_key(run_id: str, name: str) -> Any:
    """Return the key of a large literal's graph node."""
    return (f"literal-{run_id}", name)

"""All task runs of a run as arrays: what the table, the timeline and the counts are made from.

A hundred thousand task runs are seven arrays, made anew from the record when it has changed; a task
run becomes an object when it is shown. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daskflow.context import run_label
from daskflow.runtime.columns import worker_of
from daskflow.runtime.record import RunRecord
from daskflow.states import KINDS, Pending

Index = tuple[int, ...]
_NOWHERE = -1  # the number of the worker of what nobody ran, and the position of what has none


@dataclass(frozen=True, slots=True)
class TaskRunColumns:
    """A row for each task run, in the order of the flow; a column in each array.

    A mapped task that ended without children is a row as well; it has no position.
    """

    nodes: tuple[str, ...]
    workers: tuple[str, ...]
    node: NDArray[np.int32]  # number among the nodes
    position: NDArray[np.int64]  # in the node's columns; -1: none
    code: NDArray[np.uint8]  # of the kind of state
    attempt: NDArray[np.uint16]
    worker: NDArray[np.int32]  # number among the workers; -1: nobody
    started: NDArray[np.float64]  # instants; 0.0: never
    ended: NDArray[np.float64]
    bases: tuple[int, ...]  # the row of position 0, by number of the node
    ends: Mapping[int, Index]  # map indexes of the rows without a position

    def __len__(self) -> int:
        return len(self.code)

    @property
    def took(self) -> NDArray[np.float64]:
        """Seconds of the last attempt; not a number where it has not ended."""
        is_known = (self.started > 0) & (self.ended > 0)
        return np.where(is_known, self.ended - self.started, np.nan)

    def place(self, record: RunRecord, row: int) -> tuple[str, Index]:
        """Return node and map index of a row."""
        node = self.nodes[self.node[row]]
        if row in self.ends:
            return node, self.ends[row]
        return node, record.index(node, int(self.position[row]))

    def label(self, record: RunRecord, row: int) -> str:
        """Return the name of a row's task run."""
        return run_label(*self.place(record, row))


def columns_of(record: RunRecord) -> TaskRunColumns:
    """Return all task runs of a record as they are now."""
    numbers: dict[str, int] = {}  # of workers
    parts: list[tuple[Any, ...]] = []
    ends: dict[int, Index] = {}
    bases: list[int] = []
    rows = 0
    for number, (name, node) in enumerate(record.nodes.items()):
        decided = list(record.decided(name))
        ends |= {rows + place: index for place, (index, _) in enumerate(decided)}
        codes = bytes(state.code for _, state in decided) + bytes(node.codes)
        size, more = len(codes), len(decided)
        bases.append(rows + more)
        rows += size
        parts.append(
            (
                np.full(size, number, np.int32),
                np.r_[np.full(more, _NOWHERE, np.int64), np.arange(size - more)],
                np.frombuffer(codes, np.uint8),
                _padded(node.attempts, np.uint16, more),
                np.r_[np.full(more, _NOWHERE, np.int32), _workers(record, node.blocks, numbers)],
                _padded(node.started, np.float64, more),
                _padded(node.ended, np.float64, more),
            )
        )
    parts.append(tuple(np.zeros(0, kind) for kind in _KINDS))  # a flow may have no nodes
    node_of, position, code, attempt, worker, started, ended = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    worker = np.where(started > 0, worker, _NOWHERE).astype(np.int32)  # who decided ran nothing
    code = np.where(code < len(KINDS), code, Pending.code).astype(np.uint8)  # a driver has it
    for (name, place), running in list(record.running.items()):  # the driver may be at work
        row = bases[list(record.nodes).index(name)] + place
        by = worker_of(running)
        code[row], attempt[row] = running.code, running.attempt
        worker[row] = numbers.setdefault(by, len(numbers)) if by else _NOWHERE
        started[row] = running.timestamp.timestamp() if running.timestamp else 0.0
        ended[row] = 0.0
    return TaskRunColumns(
        tuple(record.nodes),
        tuple(numbers),
        node_of,
        position,
        code,
        attempt,
        worker,
        started,
        ended,
        tuple(bases),
        ends,
    )


_KINDS: tuple[Any, ...] = (
    np.int32,
    np.int64,
    np.uint8,
    np.uint16,
    np.int32,
    np.float64,
    np.float64,
)


def _padded(column: Any, kind: Any, more: int) -> NDArray[Any]:
    """Return a column copied: who reads it in place would keep it from growing."""
    found = np.frombuffer(bytes(column), kind)
    return np.concatenate([np.zeros(more, found.dtype), found])


def _workers(record: RunRecord, blocks: Any, numbers: dict[str, int]) -> NDArray[Any]:
    """Return for each block the number of the worker that ran it."""
    found, places = np.unique(np.frombuffer(bytes(blocks), np.int64), return_inverse=True)
    workers = [record.workers.get(int(block), "") for block in found]
    known = [numbers.setdefault(w, len(numbers)) if w else _NOWHERE for w in workers]
    return np.array(known, np.int32)[places] if len(found) else np.zeros(0, np.int32)

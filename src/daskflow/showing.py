"""What a run shows of itself to people while it goes on: a summary, and its history in pieces."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from daskflow.keeping import holder
from daskflow.lines import Batch, pack_batch
from daskflow.lowering.known import OWNED
from daskflow.runtime.columns import Columns
from daskflow.states import KINDS, Pending, Running, State
from daskflow.stores.history import RunReader, RunRow, Wanted
from daskflow.stores.wire import Packed, pack_entry, pack_run, size_of

_MOST_LOGGED = 500  # such pieces at a time
_PIECE = 256 << 10  # bytes; to take in as much as that is a matter of milliseconds


@dataclass(frozen=True)
class ShownRun:
    """A run that people may look at: what is known of it, and where its history is kept."""

    row: RunRow
    store: RunReader

    @classmethod
    def of(cls, row: RunRow, store: RunReader) -> ShownRun:
        """Return a run that this process is about to drive."""
        me = holder()
        return cls(replace(row, user=me.user, host=me.host, pid=me.pid), store)

    @property
    def run_id(self) -> str:
        """Its id."""
        return self.row.id

    def summary(
        self, state: State, started: float, ended: float | None, columns: Columns
    ) -> dict[str, Any]:
        """Return what is known of it now, and how many of its task runs are in which state."""
        row = replace(self.row, state=state, started=started, ended=ended)
        is_sure = all(space.is_complete() for space in columns.spaces.values())
        return {
            "run": pack_run(row),
            "progress": {"counts": counts_of(columns), "is_sure": is_sure},
        }

    def history(self, behind: int) -> Iterator[dict[str, Any]]:
        """Return its history behind a version, in pieces, at least one."""
        found = self.store.runs(Wanted(called=self.run_id))  # without what is heavy
        is_over = any(row.id == self.run_id and row.state.is_finished() for row in found)
        graph = "" if behind else json.dumps(dict(self.store.run(self.run_id).graph))
        packed = map(pack_entry, self.store.entries(self.run_id, behind, with_values=False))
        pieces = list(_cut(packed))
        for number, piece in enumerate(pieces, 1):
            is_last = is_over and number == len(pieces)
            yield {"graph": graph if number == 1 else "", "entries": piece, "is_last": is_last}

    def lines(self, task: str, behind: int) -> Iterator[dict[str, Any]]:
        """Return what a task run has logged behind a version, in pieces, at least one."""
        is_over = self.store.holder(self.run_id) is None  # what is logged late comes behind the end
        found = self.store.logs(self.run_id, task, behind)
        for start in range(0, max(1, len(found)), _MOST_LOGGED):
            part = found[start : start + _MOST_LOGGED]
            yield {
                "versions": [one.version for one in part],
                "batch": pack_batch(Batch([one.piece for one in part], is_shown=True)),
                "is_last": is_over and start + _MOST_LOGGED >= len(found),
            }


def _cut(packed: Iterator[Packed]) -> Iterator[list[Packed]]:
    """Cut a history into pieces of a size; where it is empty, into one."""
    piece: list[Packed] = []
    size = 0
    for one in packed:
        piece.append(one)
        size += size_of(one)
        if size > _PIECE:
            yield piece
            piece, size = [], 0
    yield piece


def counts_of(columns: Columns) -> dict[str, int]:
    """Return how many task runs there are of each kind of state, by its name.

    Examples
    --------
    >>> from daskflow import LocalExecutor, flow, task
    >>> @flow(executor=LocalExecutor())
    ... def lengths():
    ...     return task(len).map(["a", "bc"])
    >>> counts_of(lengths.run().record)
    {'Success': 2}
    """
    nodes = columns.nodes.values()
    singles = b"".join(node.codes for node in nodes if not node.space.level)
    counted = Counter(singles)  # there may be very many of these, with one task run each
    counted[Pending.code] += counted.pop(OWNED, 0)
    for node in [node for node in nodes if node.space.level]:
        for code, count in list(node.counts.items()):
            counted[code] += count  # the driver may be at work
    for _, code in columns.seen_running():
        counted[code] -= 1
        counted[Running.code] += 1
    return {KINDS[code].__name__: count for code, count in counted.items() if count}

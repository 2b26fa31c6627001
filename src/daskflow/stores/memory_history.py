"""Runs in the memory of this process: a real store, gone with the process."""

from __future__ import annotations

import pickle
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from daskflow.entries import Entry, SegmentTold, SpaceOpened, without_values
from daskflow.errors import LeaseLostError, LeaseTakenError, UnknownRunError
from daskflow.lines import Piece, is_of, wanted
from daskflow.results.signing import Signer
from daskflow.runtime.calling import make_portable
from daskflow.states import Failed
from daskflow.stores.history import Holder, Lease, Numbered, NumberedPiece, RunRow, Wanted
from daskflow.stores.memory_orders import MemoryOrders

_BYTES_OF_AN_ENTRY = 200
_BYTES_OF_A_LINE = 150
_OPS = 10_000  # so many `op_id` are remembered


@dataclass
class _MemoryLease:
    run_id: str
    token: int
    store: MemoryHistory

    def release(self) -> None:
        self.store.let_go(self)


@dataclass
class _Kept:
    row: RunRow
    entries: list[Entry] = field(default_factory=list)
    logs: list[NumberedPiece] = field(default_factory=list)
    lease: _MemoryLease | None = None
    weight: int = 0  # bytes, roughly


class MemoryHistory:
    """Keeps runs in this process; see `RunStore`.

    Parameters
    ----------
    most
        So many runs that have ended are kept, the newest: a process may make runs without end.
    most_bytes
        And no more of them than take so much, roughly.
    """

    url = "memory://"

    def __init__(self, most: int = 100, most_bytes: int = 256 << 20) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._runs: dict[str, _Kept] = {}
        self._ops: dict[str, None] = {}  # in the order in which they came
        self._lock = threading.RLock()
        self._signer = Signer(secrets.token_bytes(32))
        self.orders = MemoryOrders(self.run)

    def create(self, run: RunRow, op_id: str) -> None:
        """Take in a new run."""
        with self._lock:
            if self._is_new(op_id):
                self._forget_oldest()
                self._runs[run.id] = _Kept(run, weight=len(run.parameters))

    def _forget_oldest(self) -> None:
        ended = [
            run_id
            for run_id, kept in self._runs.items()
            if kept.lease is None and kept.row.state.is_finished()
        ]
        room = self._most_bytes
        for age, run_id in enumerate(reversed(ended), 1):
            room -= self._runs[run_id].weight
            if age > self._most or room < 0:
                del self._runs[run_id]

    def lease(self, run_id: str, holder: Holder) -> Lease:
        """Take the lease of a run."""
        with self._lock:
            kept = self._find(run_id)
            if kept.lease is not None:
                msg = f"run {run_id} is driven by {self.holder(run_id)} already"
                raise LeaseTakenError(msg)
            kept.row = replace(
                kept.row,
                token=kept.row.token + 1,
                user=holder.user,
                host=holder.host,
                pid=holder.pid,
            )
            kept.lease = _MemoryLease(run_id, kept.row.token, self)
            return kept.lease

    def let_go(self, lease: _MemoryLease) -> None:
        """Take a lease back."""
        with self._lock:
            kept = self._runs.get(lease.run_id)
            if kept is not None and kept.lease is lease:
                kept.lease = None

    def write(
        self,
        lease: Lease,
        entries: Sequence[Entry],
        op_id: str,
        row: Mapping[str, Any] = {},
    ) -> None:
        """Append to a run's history, and change fields of its row."""
        with self._lock:
            if not self._is_new(op_id):
                return
            kept = self._find_for(lease)
            kept.entries += map(_without_frames, entries)
            told = [len(one.segment.codes) for one in entries if isinstance(one, SegmentTold)]
            kept.weight += _BYTES_OF_AN_ENTRY * (len(entries) + sum(told))
            kept.row = replace(kept.row, **{**row, "version": len(kept.entries)})

    def add_logs(self, lease: Lease, pieces: Sequence[Piece], op_id: str) -> None:
        """Keep what task runs have logged."""
        with self._lock:
            if not self._is_new(op_id):
                return
            kept = self._find_for(lease)
            last = kept.logs[-1].version if kept.logs else 0
            new, newest = wanted(pieces)
            if newest:
                kept.logs = [one for one in kept.logs if not _is_replaced(one.piece, newest)]
            kept.logs += [NumberedPiece(*one) for one in enumerate(new, last + 1)]
            kept.weight += _BYTES_OF_A_LINE * sum(len(piece.lines) for piece in new)

    def logs(self, run_id: str, task: str | None = None, behind: int = 0) -> list[NumberedPiece]:
        """Return what task runs of a run have logged."""
        with self._lock:
            found = list(self._find(run_id).logs)
        return [one for one in found if one.version > behind and is_of(one.piece.task_run, task)]

    def parameters(self, run_id: str) -> bytes:
        """Return the parameters of a run."""
        return self.run(run_id).parameters

    def run_key(self, run_id: str) -> bytes:
        """Return the key with which results of a run are signed; as short-lived as the run."""
        return self._signer.key_for(run_id)

    def run(self, run_id: str) -> RunRow:
        """Return what is known of a run."""
        with self._lock:
            return self._find(run_id).row

    def runs(self, wanted: Wanted = Wanted()) -> list[RunRow]:  # noqa: B008 - it is frozen
        """Return runs, the newest first, without what is heavy."""
        with self._lock:
            rows = [
                replace(kept.row, parameters=b"", code={}, graph={}) for kept in self._runs.values()
            ]
        rows.sort(key=lambda row: (-row.created, row.id))
        return [row for row in rows if is_wanted(row, wanted)][: wanted.limit]

    def entries(self, run_id: str, behind: int = 0, *, with_values: bool = True) -> list[Numbered]:
        """Return a run's history in order, behind a version."""
        with self._lock:
            found = self._find(run_id).entries[behind:]
        shown = found if with_values else map(without_values, found)
        return [Numbered(version, entry) for version, entry in enumerate(shown, behind + 1)]

    def spoiled(self, run_id: str) -> list[int]:
        """Return nothing: nobody but this process can change what is in its memory."""
        self._find(run_id)
        return []

    def is_genuine(self, run_id: str) -> bool:
        """Return true, for the same reason."""
        self._find(run_id)
        return True

    def holder(self, run_id: str) -> Holder | None:
        """Return who drives a run now."""
        with self._lock:
            kept = self._find(run_id)
            row = kept.row
            return Holder(row.user, row.host, row.pid) if kept.lease is not None else None

    def delete(self, run_ids: Sequence[str], op_id: str) -> int:
        """Forget runs that nobody drives."""
        with self._lock:
            if not self._is_new(op_id):
                return 0
            found = [one for one in run_ids if one in self._runs and not self._runs[one].lease]
            for run_id in found:
                del self._runs[run_id]
            return len(found)

    def close(self) -> None:
        """Do nothing: what is kept here is gone with the process."""

    def _is_new(self, op_id: str) -> bool:
        is_new = op_id not in self._ops
        self._ops[op_id] = None
        if len(self._ops) > _OPS:
            del self._ops[next(iter(self._ops))]
        return is_new

    def _find_for(self, lease: Lease) -> _Kept:
        """Return a run to be written; raise where the lease is not the newest."""
        kept = self._find(lease.run_id)
        if kept.row.token != lease.token:
            msg = f"run {lease.run_id} was taken over by somebody else: nothing was written"
            raise LeaseLostError(msg)
        return kept

    def _find(self, run_id: str) -> _Kept:
        if run_id not in self._runs:
            msg = f"there is no run {run_id!r} in {self.url}"
            raise UnknownRunError(msg)
        return self._runs[run_id]


def _is_replaced(piece: Piece, newest: Mapping[int, Piece]) -> bool:
    """Return whether a later piece of its tape has taken the place of a piece."""
    by = newest.get(piece.tape)
    return by is not None and piece.is_replaced(by)


def is_wanted(row: RunRow, wanted: Wanted) -> bool:
    """Return whether a run is one of those that are asked for."""
    return (
        wanted.flow in (None, row.flow_name)
        and (wanted.states is None or type(row.state).__name__ in wanted.states)
        and (wanted.called is None or _is_called(row, wanted.called))
        and (wanted.tag is None or wanted.tag in row.tags)
        and (wanted.since is None or row.created >= wanted.since)
    )


def _is_called(row: RunRow, called: str) -> bool:
    return called == row.name or row.id.startswith(called)


def _without_frames(entry: Entry) -> Entry:
    """Return an entry whose exceptions hold no frames: else all in these would be kept too."""
    if isinstance(entry, SegmentTold):
        notes = entry.segment.notes
        if not any(isinstance(note.failure, BaseException) for note in notes.values()):
            return entry
        light = {
            offset: note._replace(failure=make_portable(note.failure, note.trace)[1])
            if isinstance(note.failure, BaseException)
            else note
            for offset, note in notes.items()
        }
        return replace(entry, segment=replace(entry.segment, notes=light))
    if isinstance(entry, SpaceOpened):
        return entry
    state = entry.state
    if not isinstance(state, Failed) or state.exception is None:
        return entry
    error = pickle.loads(make_portable(state.exception)[1])
    return replace(entry, state=replace(state, exception=error))

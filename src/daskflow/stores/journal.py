"""Writes the history of one run, in batches, off the thread that drives it.

Entries are written in the order in which they came, by one thread, so whatever is durable is a
beginning of what happened. Where the store cannot write for the time being, the same batch is tried
again, with the same `op_id`, until it can; meanwhile the run waits, and nothing fails.

What task runs have logged is written by the same thread, when there are no entries; see
`LineWriter`.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from daskflow._crash_points import reach
from daskflow.entries import Entry
from daskflow.errors import StoreBusyError, StoreError
from daskflow.lines import Piece
from daskflow.stores.history import Lease, RunStore
from daskflow.stores.line_writer import LineWriter
from daskflow.timing import monotonic

_GATHER_SECONDS = 0.2  # in which entries are gathered for one transaction
_AGAIN_SECONDS = (0.1, 0.5, 2.0)  # between tries; the last one repeats
_log = logging.getLogger("daskflow")


class Journal:
    """The way of one run's entries into the store."""

    def __init__(self, store: RunStore, lease: Lease) -> None:
        self.store = store
        self.lease = lease
        self.trouble: StoreError | None = None  # why nothing can be written; None: all is well
        self._entries: list[Entry] = []  # not yet taken by the writer
        self._row: dict[str, Any] = {}
        self._lines = LineWriter(store, lease)
        self._added = self._written = 0  # entries and changes of the row, counted
        self._changed = threading.Condition()
        self._flushing = 0  # how many wait until all is written
        self._is_closing = False
        self._thread = threading.Thread(
            target=self._work, name=f"daskflow-journal-{lease.run_id[:8]}", daemon=True
        )
        self._thread.start()

    def add(self, entry: Entry, row: Mapping[str, Any] | None = None) -> None:
        """Take in an entry, and new values for fields of the run's row."""
        with self._changed:
            self._entries.append(entry)
            self._row.update(row or {})
            self._added += 1
            if len(self._entries) == 1:  # else who writes knows of some, and gathers
                self._changed.notify_all()

    def add_lines(self, pieces: Sequence[Piece], dropped: int = 0) -> None:
        """Take in what task runs have logged, and how many lines of it were dropped already."""
        with self._changed:
            self._lines.add(pieces, dropped)
            self._changed.notify_all()

    def flush(self, timeout: float | None = None) -> bool:
        """Return when all that was added is durable, or the time is over: whether it is durable.

        Raises
        ------
        StoreError
            It never will be.
        """
        due = None if timeout is None else monotonic() + timeout
        with self._hurried():
            wanted = self._added
            while self._written < wanted:
                self.check()
                if not self._thread.is_alive():
                    msg = f"{self.store.url}: the run was given back, and something came behind"
                    raise StoreError(msg)
                left = None if due is None else due - monotonic()
                if left is not None and left <= 0:
                    return False
                self._changed.wait(left)
        return True

    @contextmanager
    def _hurried(self) -> Iterator[None]:
        """Hold the lock, and let nothing be gathered meanwhile."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            try:
                yield
            finally:
                self._flushing -= 1

    def _is_hurried(self) -> bool:
        return bool(self._flushing) or self._is_closing

    def may_go_on(self) -> bool:
        """Return whether the store takes what is written; where not, nothing more is begun.

        Raises
        ------
        StoreError
            It never will: somebody else has taken the run over, or the store is broken.
        """
        self.check()
        return self.trouble is None

    def check(self) -> None:
        """Raise what keeps the run from being written for good."""
        if self.trouble is not None and not isinstance(self.trouble, StoreBusyError):
            raise self.trouble

    def close(self) -> None:
        """End when all is written; give the lease back.

        Raises
        ------
        StoreError
            Something could not be written, and never will be.
        """
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()
        self.lease.release()
        self.check()

    def _work(self) -> None:
        while self._wait():
            with self._changed:
                self._changed.wait_for(self._is_hurried, _GATHER_SECONDS)
                entries, self._entries = self._entries, []
                row, self._row = self._row, {}
            if not self._write(entries, row):
                return
        self._lines.write_all()

    def _wait(self) -> bool:
        """Return when there are entries; write lines meanwhile. False: nothing more will come."""
        while True:
            with self._changed:
                left = self._lines.left()
                while not (self._entries or self._is_closing or left == 0.0):
                    self._changed.wait(left)
                    left = self._lines.left()
                if self._entries or self._is_closing:
                    return bool(self._entries)
            self._lines.write()

    def _write(self, entries: list[Entry], row: Mapping[str, Any]) -> bool:
        """Write a batch, however long it takes; return whether more may be written."""
        op_id, tries = uuid.uuid4().hex, 0
        while True:
            try:
                reach("journal.before_write")
                self.store.write(self.lease, entries, op_id, row)
                reach("journal.committed")
            except StoreBusyError as error:
                self._note(error)
                pause = _AGAIN_SECONDS[min(tries, len(_AGAIN_SECONDS) - 1)]
                tries += 1
                threading.Event().wait(pause)
            except StoreError as error:
                self._note(error)
                return False
            except Exception as error:  # noqa: BLE001 - the run has to be told, whatever it is
                _log.exception("the history of a run cannot be written")
                self._note(StoreError(f"{self.store.url}: {type(error).__name__}: {error}"))
                return False
            else:
                break
        with self._changed:
            self._written += len(entries)
            if self.trouble is not None:
                _log.warning("the store %s can be written again; the run goes on", self.store.url)
                self.trouble = None
            self._changed.notify_all()
        return True

    def _note(self, error: StoreError) -> None:
        with self._changed:
            if type(self.trouble) is not type(error):
                waits = "waits, for" if isinstance(error, StoreBusyError) else "ends, for"
                _log.warning("the run %s its history cannot be written: %s", waits, error)
            self.trouble = error
            self._changed.notify_all()

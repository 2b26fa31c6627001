"""Writes what the task runs of one run have logged, in transactions of its own that are soon over.

No run waits for it, and none ends for it. While the store is busy lines wait, but no more of them
than so many: of older ones it is told how many there were.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections import deque
from collections.abc import Sequence

from daskflow.errors import StoreBusyError
from daskflow.lines import Piece, lost_note, pack_lines
from daskflow.stores.history import Lease, RunStore
from daskflow.timing import monotonic, now

_GATHER_SECONDS = 0.25  # in which lines are gathered for one transaction
_AGAIN_SECONDS = 0.5  # between tries
_LAST_TRIES = 3  # to write lines of a run that is given back
_AT_A_TIME = 256 << 10  # characters, for a state may come while they are written
_OF_A_PIECE = 100  # characters, besides those of its lines
_log = logging.getLogger("daskflow")


class PendingLines:
    """Pieces that were not written yet, the newest.

    Parameters
    ----------
    most
        So many characters at most; of older pieces only the number of lines is kept, and told.

    Examples
    --------
    >>> from daskflow.lines import Line, Piece
    >>> pending = PendingLines(most=500)
    >>> for number in range(3):
    ...     pending.add([Piece("clean", 1, 7, "w", number + 1, (Line(1.0, 20, "", "x" * 200),))])
    >>> [piece.lines[0].message[:20] for piece in pending.next(now=2.0)]
    ['2 lines were dropped', 'xxxxxxxxxxxxxxxxxxxx']
    """

    def __init__(self, most: int = 8 << 20) -> None:
        self._most = most
        self._pieces: deque[Piece] = deque()
        self._weight = 0
        self._dropped = 0  # lines

    def __bool__(self) -> bool:
        return bool(self._pieces or self._dropped)

    def add(self, pieces: Sequence[Piece], dropped: int = 0) -> None:
        """Take in pieces, and how many lines were dropped already."""
        kept = [piece for piece in pieces if piece.lines]
        self._dropped += dropped
        self._pieces.extend(kept)
        self._weight += sum(map(_weight, kept))
        while self._weight > self._most and len(self._pieces) > 1:
            self._dropped += len(self._take().lines)

    def next(self, now: float) -> list[Piece]:
        """Return what is to be written next, in front of it what tells of dropped lines."""
        found = [lost_note(self._dropped, now)] if self._dropped else []
        self._dropped = 0
        size = 0
        while self._pieces and size < _AT_A_TIME:
            size += _weight(self._pieces[0])
            found.append(self._take())
        return found

    def _take(self) -> Piece:
        piece = self._pieces.popleft()
        self._weight -= _weight(piece)
        return piece


def _weight(piece: Piece) -> int:
    return _OF_A_PIECE + len(pack_lines(piece.lines))


class LineWriter:
    """The way of one run's lines into the store: lines are added, and one thread writes them."""

    def __init__(self, store: RunStore, lease: Lease) -> None:
        self._store = store
        self._lease = lease
        self._lock = threading.Lock()
        self._pending = PendingLines()
        self._batch: tuple[str, list[Piece]] | None = None  # op_id and what was tried to be written
        self._due = 0.0  # when to write, by the clock that nobody sets
        self._is_refused = False  # it never can be

    def add(self, pieces: Sequence[Piece], dropped: int = 0) -> None:
        """Take in pieces, and how many lines were dropped before them."""
        with self._lock:
            if not self._pending and self._batch is None:
                self._due = monotonic() + _GATHER_SECONDS
            if not self._is_refused:
                self._pending.add(pieces, dropped)

    def left(self) -> float | None:
        """Return in how many seconds there is something to be written; None: there is nothing."""
        if not self._pending and self._batch is None:
            return None
        return max(0.0, self._due - monotonic())

    def write(self) -> None:
        """Write some of what there is; where the store is busy it is tried again later."""
        with self._lock:
            if self._batch is None:
                self._batch = uuid.uuid4().hex, self._pending.next(now())
            self._due = monotonic() + _AGAIN_SECONDS
        op_id, pieces = self._batch
        try:
            self._store.add_logs(self._lease, pieces, op_id)
        except StoreBusyError:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on
            self._refuse(f"{type(error).__name__}: {error}")
        with self._lock:
            self._batch, self._due = None, monotonic()

    def write_all(self) -> None:
        """Write all that there is; not for ever, where the store is busy."""
        tries = 0
        while self.left() is not None:
            self.write()
            if self._batch is not None:
                tries += 1
                if tries == _LAST_TRIES:
                    self._refuse("the store is busy")
                    return
                threading.Event().wait(_AGAIN_SECONDS)

    def _refuse(self, why: str) -> None:
        """Note that nothing more can be written."""
        with self._lock:
            self._is_refused = True
            self._pending, self._batch = PendingLines(), None
        told = "what tasks of run %s have logged is not kept any more: %s"
        _log.warning(told, self._lease.run_id, why)

"""What the bodies of a run log, as it comes to whoever drives the run: kept, then shown.

Neither may keep a state waiting. So this happens in the thread that brings the lines, never in the
driver's; to keep them is to hand them on; and they are shown in a thread of their own, for how long
the user's handlers of `logging` take is not known.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence

from daskflow.lines import LogLine, Piece, Reader, unpack_batch
from daskflow.runtime.tapes import outbox
from daskflow.timing import monotonic

_LAST = 20  # lines of an attempt that are at hand while it runs
_ATTEMPTS = 1_000  # of so many attempts; those that have ended are told of by their states
_MOST = 20_000  # lines that wait to be shown
_PATIENCE = 5.0  # seconds in which the last lines of a run have to be shown
_IDLE = 1.0  # seconds without lines after which the thread ends
_log = logging.getLogger("daskflow")

Keep = Callable[[Sequence[Piece], int], None]
Show = Callable[[LogLine], None]


class Listener:
    """Hears what the bodies of one run log.

    Parameters
    ----------
    keep
        Takes pieces, and how many lines were dropped before them that nobody knows more of.
    show
        Shows a line that was logged in another process.
    """

    def __init__(self, keep: Keep, show: Show) -> None:
        self._keep = keep
        self._lock = threading.Lock()
        self._last: OrderedDict[int, deque[Piece]] = OrderedDict()  # by tape, of what goes on
        self._screen = _Screen(show)

    def take(self, data: bytes, dropped: int = 0) -> None:
        """Take a batch, as `lines.pack_batch` makes them, in any thread."""
        try:
            pieces, is_shown = unpack_batch(data)
        except (ValueError, TypeError):
            _log.exception("what a worker tells of its tasks' logs makes no sense")
            return
        with self._lock:
            for piece in pieces:
                self._note_last(piece)
        self._keep(pieces, dropped)
        if not is_shown:
            self._screen.put(pieces)

    def _note_last(self, piece: Piece) -> None:
        found = self._last.pop(piece.tape, None) or deque()
        if piece.is_end:
            return
        self._last[piece.tape] = found
        found.append(piece)
        while sum(len(one.lines) for one in found) - len(found[0].lines) >= _LAST:
            found.popleft()
        if len(self._last) > _ATTEMPTS:
            self._last.popitem(last=False)

    def last_lines(self, task_run: str, attempt: int | None = None) -> list[LogLine]:
        """Return the last lines that have come of an attempt that has not ended, as far as known.

        Of one whose worker was lost they are there when its loss is told.

        Parameters
        ----------
        task_run
            Its name: ``clean[3]``.
        attempt
            None: the newest.
        """
        with self._lock:
            tapes = [list(found) for found in self._last.values()]
        tapes = [found for found in tapes if found[0].task_run == task_run]
        wanted = [found for found in tapes if attempt in (None, found[0].attempt)]
        if not wanted:
            return []
        newest = max(wanted, key=lambda found: (found[0].attempt, found[-1].lines[-1].at))
        reader = Reader()
        lines = [line for line in reader.read(newest) if not line.dropped]
        return lines[-_LAST:]

    def settle(self) -> None:
        """Return when all that has come is shown, or that takes too long.

        What bodies in this process have logged comes first, also where they were interrupted.
        """
        outbox.send_all()
        self._screen.settle(_PATIENCE)


class _Screen:
    """Shows lines, in a thread of its own that is there as long as lines come."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._reader = Reader()
        self._pieces: deque[Piece] = deque()
        self._waiting = 0  # lines
        self._is_showing = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def put(self, pieces: Sequence[Piece]) -> None:
        """Let these be shown; where there are too many, the oldest are not."""
        with self._changed:
            self._pieces.extend(pieces)
            self._waiting += sum(len(piece.lines) for piece in pieces)
            while self._waiting > _MOST and len(self._pieces) > 1:
                self._waiting -= len(self._pieces.popleft().lines)
            if self._thread is None:
                name = "daskflow-screen"
                self._thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def settle(self, seconds: float) -> None:
        due = monotonic() + seconds
        with self._changed:
            while self._pieces or self._is_showing:
                left = due - monotonic()
                if left <= 0:
                    told = "%d lines of tasks are not shown yet: a handler of `logging` is slow"
                    _log.warning(told, self._waiting)
                    return
                self._changed.wait(left)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._is_showing = False
                self._changed.notify_all()
                if not self._pieces and not self._changed.wait_for(lambda: self._pieces, _IDLE):
                    self._thread = None
                    return
                piece = self._pieces.popleft()
                self._waiting -= len(piece.lines)
                self._is_showing = True
            for line in self._read(piece):
                try:
                    self._show(line)
                except Exception:  # a filter of the user's, say; handlers see to their own
                    _log.exception("a line of %s cannot be shown", line.task_run)

    def _read(self, piece: Piece) -> Iterator[LogLine]:
        try:
            yield from self._reader.read([piece])
        except (ValueError, TypeError):  # as `unpack_batch` did not look into them
            _log.exception("what %s has logged makes no sense", piece.task_run)

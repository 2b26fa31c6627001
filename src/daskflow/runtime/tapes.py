"""What bodies log in this process, on its way to whoever drives their runs.

A `Tape` takes the lines of one attempt and keeps the first and the last ones. The `Outbox` of the
process sends, in a thread of its own, what tapes have taken: the first line at once, others every
100 ms, so that little is lost when the process is killed. Of a tape whose first lines are through
only a few go each time, the newest: they show where it is, and are its last words should its worker
die. What an attempt has logged last is sent before its block reports.

Nothing of this is there before something is logged, neither tape nor thread.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from daskflow import context
from daskflow.executors.base import port_of_body
from daskflow.lines import Batch, Line, LogLimits, Piece, cut_message
from daskflow.logs import text_of

if TYPE_CHECKING:
    from daskflow.runtime.spec import RunSpec

_FLUSH_SECONDS = 0.1
_FEW = 20  # lines of a long tape that are sent at a time
_MUCH = 1 << 20  # characters of tapes that have ended, from which on who logs sends them itself
_log = logging.getLogger("daskflow")

Send = Callable[[Batch], None]
Attempt = tuple[int, int]  # its number, from 1, and how many iterations were before it


@dataclass(frozen=True, slots=True)
class Way:
    """Where the lines of a run go from here."""

    send: Send
    is_away: bool  # whether the run is driven by another process, which shows them
    limits: LogLimits


@dataclass(slots=True)
class _Last:
    """The last lines of a long tape."""

    most: int
    most_characters: int
    lines: deque[Line] = field(default_factory=deque)
    characters: int = 0

    def add(self, line: Line) -> None:
        self.lines.append(line)
        self.characters += len(line.message)
        while len(self.lines) > self.most or (
            self.characters > self.most_characters and len(self.lines) > 1
        ):
            self.characters -= len(self.lines.popleft().message)


class Tape:
    """Takes the lines of one attempt, in whichever thread they are logged."""

    def __init__(self, task_run: str, attempt: Attempt, worker: str, way: Way) -> None:
        self.attempt = attempt
        self.way = way
        self.is_ended = False
        self._about = (task_run, attempt[0], random.getrandbits(62), worker)
        self._process = outbox.process
        self._lock = threading.Lock()
        self._count = 0  # lines that were taken
        self._sent = 0  # number of the last line that was sent
        self._skipped = 0  # the same, of those that were not, while there were newer ones
        self._is_whole = False  # whether the last lines were sent as they were at the end
        self._first: list[Line] = []  # of the first lines those that were not sent
        self._room = way.limits.characters - way.limits.last_characters  # for first lines
        self._kept_to = 0  # number of the last of the first lines; 0: there may be more
        self._last = _Last(way.limits.last_lines, way.limits.last_characters)

    @property
    def is_away(self) -> bool:
        """Whether another process shows what this one takes."""
        return self.way.is_away

    def take(self, record: logging.LogRecord) -> bool:
        """Take a record; False: nobody would ever hear of it, for this is a forked process."""
        if outbox.process != self._process:
            return False
        text = cut_message(text_of(record), self.way.limits.message)
        line = Line(record.created, record.levelno, record.name, text)
        with self._lock:
            self._count += 1
            if self._kept_to:
                self._last.add(line)
            else:
                self._add_first(line)
        outbox.note(self)
        return True

    def _add_first(self, line: Line) -> None:
        limits = self.way.limits
        self._first.append(line)
        self._room -= len(line.message)
        if self._count >= limits.lines - limits.last_lines or self._room <= 0:
            self._kept_to = self._count

    def end(self) -> None:
        """Note that the attempt has ended; what somebody still logs is taken."""
        self.is_ended = True
        outbox.finish(self)

    def weight(self) -> int:
        """Return how many characters wait here, roughly."""
        return sum(len(line.message) for line in self._first) + self._last.characters

    def cut(self) -> list[Piece]:
        """Return what is to be sent now."""
        with self._lock:
            was_sent, self._sent = self._sent, self._count
            first, self._first = self._first, []
            last = self._cut_last(was_sent)
        pieces = [Piece(*self._about, was_sent + 1, tuple(first))] if first else []
        if last.lines:
            pieces.append(last)
        if self.is_ended and (pieces or was_sent):
            pieces = pieces or [Piece(*self._about, was_sent + 1)]
            pieces[-1] = replace(pieces[-1], is_end=True)
        return pieces

    def _cut_last(self, sent: int) -> Piece:
        """Return the newest of the last lines; when all is over, all of the last ones."""
        lines, stop = self._last.lines, self._count + 1
        oldest = kept_from = stop - len(lines)
        start = max(sent + 1, self._kept_to + 1, oldest)
        if not self.is_ended and stop - start > _FEW:
            start = stop - _FEW
            self._skipped = start - 1
        elif self.is_ended and not self._is_whole:
            is_torn = self._skipped >= oldest or oldest > self._kept_to + 1
            if is_torn and sent >= oldest:
                start, kept_from = oldest, stop
            self._is_whole = True
        found = tuple(islice(lines, start - oldest, None))
        return Piece(*self._about, start, found, self._kept_to, kept_from)


class Outbox:
    """The tapes of this process that have something to be sent, and the thread that sends it."""

    def __init__(self) -> None:
        self.ended: list[Tape] = []
        self.renew()

    def renew(self) -> None:
        """Begin anew, as in a process that was forked: nothing that is here goes from there."""
        self.process = uuid.uuid4().hex  # names this process among all
        self.ended = []
        self._weight = 0  # of what has ended
        self._going: dict[Tape, None] = {}  # those that took something since they were cut
        self._changed = threading.Condition()
        self._sending = threading.Lock()  # so that pieces leave in the order of their lines
        self._thread: threading.Thread | None = None
        self.opening = threading.Lock()  # of tapes, which several threads of a body may ask for

    def note(self, tape: Tape) -> None:
        """Note that a tape has something to be sent."""
        if tape in self._going:  # without the lock: who takes it out cuts it then
            return
        with self._changed:
            self._going[tape] = None
            if self._thread is None or not self._thread.is_alive():
                name = "daskflow-outbox"
                self._thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def finish(self, tape: Tape) -> None:
        """Note that a tape has ended; it is sent when its block ends, or sooner."""
        with self._changed:
            self._going.pop(tape, None)
            self.ended.append(tape)
            self._weight += tape.weight()
            is_much = self._weight > _MUCH
        if is_much:
            self.send_ended()

    def send_ended(self) -> None:
        """Send what tapes have that have ended."""
        with self._sending:
            with self._changed:
                tapes, self.ended, self._weight = self.ended, [], 0
            _send(tapes)

    def send_all(self) -> None:
        """Send all that there is."""
        with self._sending:
            with self._changed:
                tapes = [*self.ended, *self._going]
                self.ended, self._weight = [], 0
                self._going.clear()
            _send(tapes)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._going:
                    self._changed.wait()
            self.send_all()
            threading.Event().wait(_FLUSH_SECONDS)


def _send(tapes: Iterable[Tape]) -> None:
    """Send what tapes have to send, a batch for each run."""
    ways: dict[Way, list[Piece]] = {}
    for tape in tapes:
        ways.setdefault(tape.way, []).extend(tape.cut())
    for way, pieces in ways.items():
        if pieces:
            try:
                way.send(Batch(pieces, not way.is_away))
            except Exception:  # what it tells of goes on, and so does what is logged next
                _log.exception("what tasks have logged cannot be sent")


outbox = Outbox()  # of this process
os.register_at_fork(after_in_child=outbox.renew)


def this_process() -> str:
    """Return a name of this process that no other has."""
    return outbox.process


def open_tape(spec: RunSpec, task_run: str, attempt: Attempt, before: Tape | None) -> Tape | None:
    """Return a new tape, called in a body; None: nobody would hear of it.

    Parameters
    ----------
    before
        That of the attempt before this one: it ends.
    """
    way = _way_of(spec)
    if before is not None:
        before.end()
    if way is None:
        return None
    return Tape(task_run, attempt, context.place.get() or threading.current_thread().name, way)


def _way_of(spec: RunSpec) -> Way | None:
    port = port_of_body()
    if port is None or not spec.driver or not spec.log_limits.lines:
        return None
    send = port.lines_to(spec.session)
    return None if send is None else Way(send, spec.driver != this_process(), spec.log_limits)

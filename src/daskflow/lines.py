"""Lines that task runs log, on their way from the bodies to the store and to people. Pure.

What one attempt of a task run logs is a *tape*: its lines have numbers, from 1. Of a tape that
grows long the first lines are kept, and the last ones, which matter most where something fails.
What lies between is dropped where it is logged, so that a flood of it costs nothing farther on.
Whoever has to drop lines later (a scheduler or a store that is busy) drops older ones. Where
numbers are missing, so many lines were dropped: `Reader` puts a line there that says so.

Lines travel in *pieces*, several of one tape in a row. A piece of a long tape also says which ones
before it have had their time; a store forgets those, and so never keeps more of a tape than is
wanted, while the last lines of a body that still runs can be read all the time.

Who passes lines on has no use for them as objects, and a driver that makes thousands of those a
second waits for Python's garbage collector. So lines that have arrived stay `PackedLines`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload

WARNING = 30  # as `logging` counts
OURS = "daskflow"  # the name of the logger of lines that we add


class LogLimits(NamedTuple):
    """How much is kept of a tape, and of a line."""

    lines: int = 2_000
    characters: int = 256 << 10
    message: int = 8 << 10  # characters of one

    @property
    def last_lines(self) -> int:
        """How many of the lines are the last ones; the others are the first."""
        return self.lines // 4

    @property
    def last_characters(self) -> int:
        """How many of the characters are those of the last lines."""
        return self.characters // 4


DEFAULT_LOG_LIMITS = LogLimits()


class Line(NamedTuple):
    """What was logged at one time."""

    at: float  # instant
    level: int  # as `logging` counts
    logger: str  # name of the logger
    message: str  # with the traceback, where there was one


class PackedLines(Sequence[Line]):
    """Lines as `pack_lines` packed them; they are unpacked where somebody looks.

    Examples
    --------
    >>> lines = PackedLines('[[1.0,20,"task","one"],[2.0,20,"task","two"]]', 2)
    >>> len(lines), lines[1].message
    (2, 'two')
    """

    __slots__ = ("size", "text")

    def __init__(self, text: str, size: int) -> None:
        self.text = text
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Line]:
        return _unpacked(self.text)

    @overload
    def __getitem__(self, index: int) -> Line: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Line]: ...

    def __getitem__(self, index: int | slice) -> Line | Sequence[Line]:
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of a tape in a row."""

    task_run: str  # clean[3]; empty: the run itself
    attempt: int
    tape: int  # tells it from all others
    worker: str
    first: int = 1  # number of the first of the lines
    lines: Sequence[Line] = ()
    kept_to: int = 0  # pieces before this one are forgotten that lie behind this number,
    kept_from: int = 0  # and before this one; 0: none is
    is_end: bool = False  # the attempt has ended

    @property
    def stop(self) -> int:
        """The number behind that of the last line."""
        return self.first + len(self.lines)

    def is_replaced(self, by: Piece) -> bool:
        """Return whether a later piece of its tape lets this one be forgotten."""
        return self.first > by.kept_to and self.stop <= by.kept_from


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a task run has logged or printed, or one that tells of dropped ones.

    Attributes
    ----------
    at
        When, in seconds since the epoch.
    level
        As `logging` counts: 20 is INFO.
    number
        Among the lines of that attempt, from 1.
    dropped
        Not 0: this line stands for so many that were dropped.
    """

    at: float
    level: int
    message: str
    task_run: str
    attempt: int
    worker: str
    logger: str = ""
    number: int = 0
    dropped: int = 0


def cut_message(text: str, most: int) -> str:
    """Return a message as it is kept: its end left out where it is very long.

    Examples
    --------
    >>> cut_message("abcdefgh", 3)
    'abc... (5 characters more)'
    """
    return text if len(text) <= most else f"{text[:most]}... ({len(text) - most:,} characters more)"


def lost_note(count: int, at: float) -> Piece:
    """Return the piece that tells of lines of a run which nobody knows more of."""
    told = f"{count:,} lines were dropped: they came faster than they could be passed on"
    return Piece("", 0, 0, "", lines=(Line(at, WARNING, OURS, told),))


def wanted(pieces: Sequence[Piece]) -> tuple[list[Piece], dict[int, Piece]]:
    """Return those of some pieces that are to be kept, and by tape what others there were yield to.

    Examples
    --------
    >>> lines = (Line(1.0, 20, "task", "text"),)
    >>> early = Piece("clean", 1, 7, "w", 900, lines)
    >>> later = Piece("clean", 1, 7, "w", 950, lines, kept_to=500, kept_from=940)
    >>> [piece.first for piece in wanted([early, later])[0]]
    [950]
    """
    newest = {piece.tape: piece for piece in pieces if piece.kept_from}
    kept = [
        piece
        for piece in pieces
        if (by := newest.get(piece.tape)) is None or piece is by or not piece.is_replaced(by)
    ]
    return kept, newest


class Batch(NamedTuple):
    """Pieces of tapes of one run, as they leave a process."""

    pieces: Sequence[Piece]
    is_shown: bool  # whether the process in which they were logged has shown them

    def line_count(self) -> int:
        """Return how many lines it has."""
        return sum(len(piece.lines) for piece in self.pieces)


def pack_lines(lines: Iterable[Line]) -> str:
    """Return lines as text, which is one line of ASCII whatever is in them."""
    if isinstance(lines, PackedLines):
        return lines.text
    return json.dumps([tuple(line) for line in lines], separators=(",", ":"))


def unpack_lines(text: str) -> tuple[Line, ...]:
    """Return the lines that `pack_lines` packed."""
    return tuple(_unpacked(text))


def _unpacked(text: str) -> Iterator[Line]:
    return (Line(*line) for line in json.loads(text))


def pack_batch(batch: Batch) -> bytes:
    """Return a batch as bytes that are safe to read, whoever has sent them.

    The first line tells of the pieces, each other one holds the lines of one of them.
    """
    pieces = [
        (p.task_run, p.attempt, p.tape, p.worker, p.first, p.stop, p.kept_to, p.kept_from, p.is_end)
        for p in batch.pieces
    ]
    about = json.dumps((pieces, batch.is_shown), separators=(",", ":"))
    return "\n".join((about, *(pack_lines(piece.lines) for piece in batch.pieces))).encode()


def unpack_batch(data: bytes) -> Batch:
    """Return the batch that `pack_batch` packed; its lines stay packed.

    Raises
    ------
    ValueError
        It is none.
    """
    about, *texts = data.decode().split("\n")
    pieces, is_shown = json.loads(about)
    return Batch(
        [
            Piece(name, attempt, tape, worker, first, PackedLines(text, stop - first), *rest)
            for (name, attempt, tape, worker, first, stop, *rest), text in zip(
                pieces, texts, strict=True
            )
        ],
        is_shown,
    )


def is_of(task_run: str, task: str | None) -> bool:
    """Return whether a task run is meant by a task's name, or by its own; None means all.

    Examples
    --------
    >>> [is_of("clean[3, 1]", task) for task in ("clean", "clean[3]", "clean[3, 1]", "clean[1]")]
    [True, True, True, False]
    """
    return task is None or task_run == task or task_run.startswith(beginning_within(task))


def beginning_within(task: str) -> str:
    """Return how the names of the task runs of a mapped task begin.

    Examples
    --------
    >>> beginning_within("clean"), beginning_within("clean[3]")
    ('clean[', 'clean[3, ')
    """
    return f"{task[:-1]}, " if task.endswith("]") else f"{task}["


class Reader:
    """Reads pieces in the order in which they came, and tells where lines are missing.

    Examples
    --------
    >>> lines = (Line(1.0, 20, "task", "one"), Line(2.0, 20, "task", "two"))
    >>> pieces = [Piece("clean", 1, 7, "w", 1, lines), Piece("clean", 1, 7, "w", 103, lines)]
    >>> [line.message for line in Reader().read(pieces)]
    ['one', 'two', '100 lines were dropped here', 'one', 'two']
    """

    def __init__(self, level: int = 0) -> None:
        self._level = level
        self._next: dict[int, int] = {}  # by tape the number that would follow

    def read(self, pieces: Iterable[Piece]) -> Iterator[LogLine]:
        """Return the lines that are of the level at least, and what tells of dropped ones.

        Lines that come again, as the last ones of a long tape do, are returned once.
        """
        for piece in pieces:
            who = (piece.task_run, piece.attempt, piece.worker)
            if not piece.lines:
                continue
            due = self._next.get(piece.tape, 1)
            self._next[piece.tape] = max(piece.stop, due)
            missing = piece.first - due
            if missing > 0:
                told = f"{missing:,} {'line was' if missing == 1 else 'lines were'} dropped here"
                at, number = piece.lines[0].at, piece.first - missing
                yield LogLine(at, WARNING, told, *who, OURS, number, missing)
            for number, line in enumerate(piece.lines, piece.first):
                if number >= due and line.level >= self._level:
                    yield LogLine(line.at, line.level, line.message, *who, line.logger, number)

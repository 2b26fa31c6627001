"""What task runs of one run log, as far as somebody looks at it where stores are out of reach.

The driver is told which task runs are meant, and up to where their lines are known, whenever it
tells something of the run; see `live`. Lives under the lock of whoever has it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from daskflow.lines import unpack_batch
from daskflow.stores.history import NumberedPiece

_MOST = 20  # task runs, or tasks, those that were looked at last


@dataclass(slots=True)
class _Tape:
    looked: float = 0.0  # when somebody looked at it
    pieces: list[NumberedPiece] = field(default_factory=list)  # in order
    version: int = 0  # up to which they are known
    is_whole: bool = False  # there will be no more


class Tapes:
    """The lines of those task runs that somebody looks at."""

    def __init__(self) -> None:
        self._tapes: dict[str, _Tape] = {}  # the one that was looked at last comes last

    def look(self, task: str, behind: int, instant: float) -> tuple[list[NumberedPiece], bool]:
        """Return what is known of a task behind a version, and whether there may be more."""
        tape = self._tapes.pop(task, None) or _Tape()
        self._tapes[task] = tape
        tape.looked = instant
        if len(self._tapes) > _MOST:
            del self._tapes[next(iter(self._tapes))]
        first = bisect_right(tape.pieces, behind, key=lambda one: one.version)
        return tape.pieces[first:], not tape.is_whole

    def wanted(self, since: float) -> dict[str, int]:
        """Return the tasks that somebody has looked at since, with the versions that are known."""
        return {
            task: tape.version
            for task, tape in self._tapes.items()
            if tape.looked > since and not tape.is_whole
        }

    def add(self, task: str, versions: Sequence[int], data: bytes, *, is_last: bool) -> None:
        """Take in pieces that came behind those which are known."""
        tape = self._tapes.get(task)
        if tape is None:
            return
        pieces = unpack_batch(data).pieces if versions else ()
        for version, piece in zip(versions, pieces, strict=True):
            if version > tape.version:
                tape.pieces.append(NumberedPiece(version, piece))
                tape.version = version
        tape.is_whole = is_last

    def reopen(self) -> None:
        """Note that the run goes on after all."""
        for tape in self._tapes.values():
            tape.is_whole = False

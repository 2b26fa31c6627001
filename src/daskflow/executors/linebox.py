"""What bodies have logged, while it waits in the tracker for one client: bytes, never opened."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

_MOST_BYTES = 4 << 20  # of one run: a client that is slow gets the newest

Told = tuple[str, int, list[bytes]]  # run, how many lines were dropped, batches


class _Kept(NamedTuple):
    data: bytes
    lines: int  # how many are in it


@dataclass(slots=True)
class _Waiting:
    batches: deque[_Kept] = field(default_factory=deque)
    size: int = 0  # bytes
    dropped: int = 0  # lines

    def put(self, batch: _Kept) -> None:
        self.batches.append(batch)
        self.size += len(batch.data)
        while self.size > _MOST_BYTES and len(self.batches) > 1:
            oldest = self.batches.popleft()
            self.size -= len(oldest.data)
            self.dropped += oldest.lines


class LineBox:
    """The batches of lines that wait for one client, by run: of each so many bytes, the newest.

    Examples
    --------
    >>> box = LineBox()
    >>> box.put("run", b"two lines", 2)
    >>> box.take(), box.take()
    ([('run', 0, [b'two lines'])], [])
    """

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiting] = {}

    def put(self, run_id: str, data: bytes, lines: int) -> None:
        """Keep a batch of so many lines."""
        self._waiting.setdefault(run_id, _Waiting()).put(_Kept(data, lines))

    def take(self) -> list[Told]:
        """Return what waits, and keep it no more."""
        waiting, self._waiting = self._waiting, {}
        return [
            (run_id, found.dropped, [batch.data for batch in found.batches])
            for run_id, found in waiting.items()
        ]

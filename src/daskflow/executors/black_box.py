"""What a worker process is at, noted where it can be read when the process has died.

A box is a file that is mapped into memory: to note something is a store into memory, no message and
no call into the system, and the kernel keeps what a process has stored that is killed. The worker's
nanny reads it then; see `nannies`. So who has no nanny has no box.

It has a record for each block that was begun lately: the run, the block's number, and which of its
task runs is at work. A record is reused as late as can be, for a block that has ended may not have
been told of yet.
"""

from __future__ import annotations

import mmap
import os
import re
import tempfile
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from daskflow.events import AT_BEGIN, ENDED
from daskflow.executors.base import NOWHERE, Gauge

_FREE = -4  # in place of a place: the record is being written
_RECORDS = 64
_WORDS = 16  # of 8 bytes, in each record: the place, then the name
_NAME_BYTES = 8 * (_WORDS - 1)
_HEAD = 2  # words before the records: the process, and whether a block was not noted
_SIZE = 8 * (_HEAD + _RECORDS * _WORDS)


class Found(NamedTuple):
    """What a box held."""

    pid: int
    is_whole: bool  # every block was noted that was begun
    places: dict[str, int]  # by the name of a block: run and number


def name_of(run_id: str, block: int) -> str:
    """Return the name under which a block is noted."""
    return f"{run_id} {block}"


class BlackBox:
    """The box of this process, to be written."""

    def __init__(self, address: str) -> None:
        file = os.open(_file_of(address), os.O_RDWR | os.O_CREAT | os.O_TRUNC | _NO_LINK, 0o600)
        try:
            os.ftruncate(file, _SIZE)
            self._bytes = mmap.mmap(file, _SIZE)
        finally:
            os.close(file)
        self._words = memoryview(self._bytes).cast("q")
        starts = range(_HEAD, _HEAD + _RECORDS * _WORDS, _WORDS)
        self._gauges = {start: self._words[start : start + 1] for start in starts}
        for gauge in self._gauges.values():
            gauge[0] = _FREE
        self._words[0] = os.getpid()
        self._free = deque(starts)  # the one that ended longest ago comes first

    def begin(self, run_id: str, block: int) -> tuple[int, Gauge]:
        """Note that a block begins; return the number of its record, and its gauge."""
        name = name_of(run_id, block).encode()
        try:
            record = self._free.popleft()
        except IndexError:  # more blocks are at work than there are records
            self._words[1] = 1
            return 0, NOWHERE
        gauge = self._gauges[record]
        gauge[0] = _FREE
        start = 8 * (record + 1)
        self._bytes[start : start + _NAME_BYTES] = name[:_NAME_BYTES].ljust(_NAME_BYTES, b"\0")
        gauge[0] = AT_BEGIN
        return record, gauge

    def end(self, record: int) -> None:
        """Note that all of a block has run."""
        if record:
            self._gauges[record][0] = ENDED
            self._free.append(record)


_NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # what stands there may be somebody else's


def take_box(address: str) -> Found | None:
    """Return what the box of a process held that has died, and remove it; None: it had none."""
    try:
        file = _file_of(address)
        data = file.read_bytes()
        with suppress(FileNotFoundError):
            file.unlink()
    except OSError:
        return None
    return read_box(data) if len(data) == _SIZE else None


def read_box(data: bytes) -> Found:
    """Return what the bytes of a box say."""
    words = memoryview(data).cast("q")
    places = {}
    for start in range(_HEAD, _HEAD + _RECORDS * _WORDS, _WORDS):
        if words[start] != _FREE:
            name = data[8 * (start + 1) : 8 * (start + _WORDS)].rstrip(b"\0")
            places[name.decode(errors="replace")] = words[start]
    return Found(words[0], not words[1], places)


def _file_of(address: str) -> Path:
    """Return the file of a worker's box, in a folder that is this user's alone."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"daskflow-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and (folder.is_symlink() or folder.stat().st_uid != user):
        msg = f"{folder} is somebody else's"
        raise PermissionError(msg)
    return folder / f"box-{re.sub(r'[^0-9A-Za-z]+', '-', address)}"

"""A disk that loses power: what a process wrote, as strace saw it, and what may be left of it.

Safe is what was synced: a file's bytes by fsync of the file, its name by fsync of its folder. Of
what came behind that any part may be there: of writes each sector or not, of new names the first
few, for a file system keeps those in order.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

SECTOR = 512
CALLS = "openat,write,pwrite64,fsync,fdatasync,ftruncate,rename,link,unlink,mkdir"
_LINE = re.compile(r"(?P<pid>\d+) +(?P<call>\w+)\((?P<given>.*)\) += (?P<result>-?\d+)")
_BEGUN = re.compile(r"(?P<pid>\d+) +(?P<text>.*) <unfinished \.\.\.>$")
_GOES_ON = re.compile(r"(?P<pid>\d+) +<\.\.\. \w+ resumed>(?P<text>.*)")
_TEXT = re.compile(r'["<]((?:\\x[0-9a-f]{2})*)[">]')


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that succeeded."""

    name: str
    texts: tuple[bytes, ...]  # paths, also of descriptors, and data
    numbers: tuple[int, ...]
    creates: bool = False


def calls_in(log: Path) -> Iterator[Call]:
    """Read the log of ``strace -f -y -xx``, in the order in which calls returned."""
    begun: dict[str, str] = {}
    with log.open(encoding="ascii") as lines:
        for raw in lines:
            line = raw.rstrip("\n")
            if (cut := _BEGUN.match(line)) is not None:
                begun[cut["pid"]] = cut["text"]
                continue
            if (rest := _GOES_ON.match(line)) is not None:
                line = f"{rest['pid']} {begun.pop(rest['pid'])}{rest['text']}"
            found = _LINE.match(line)
            if found is not None and not found["result"].startswith("-"):
                texts = tuple(
                    bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(found["given"])
                )
                plain = _TEXT.sub("", found["given"])
                numbers = tuple(int(n) for n in re.findall(r"(?<![\w.])\d+(?![\w.])", plain))
                yield Call(found["call"], texts, numbers, "O_CREAT" in plain)


@dataclass
class File:
    """The bytes of a file: as they are safe, and what was done since."""

    safe: bytearray = field(default_factory=bytearray)
    size: int = 0  # as the process sees it
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # None: it ends there

    def do(self, offset: int, data: bytes | None) -> None:
        """Write, or cut off."""
        self.pending.append((offset, data))
        self.size = offset if data is None else max(self.size, offset + len(data))

    def sync(self) -> None:
        """Make all of it safe."""
        for offset, data in self.pending:
            _change(self.safe, offset, data)
        self.pending.clear()

    def left(self, draw: random.Random, share: float) -> bytes:
        """Return what a power cut may leave; of what is not safe, about such a share."""
        found = bytearray(self.safe)
        for offset, data in self.pending:
            if data is None:
                if draw.random() < share:
                    _change(found, offset, None)
                continue
            for start in range(0, len(data), SECTOR):
                if draw.random() < share:
                    _change(found, offset + start, data[start : start + SECTOR])
        return bytes(found)


def _change(data: bytearray, offset: int, new: bytes | None) -> None:
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    if new is None:
        del data[offset:]
    else:
        data[offset : offset + len(new)] = new


Move = tuple[str, File | None]  # a path, and what it names from now on


@dataclass
class Disk:
    """All that lies in one folder."""

    root: PurePath
    now: dict[str, File] = field(default_factory=dict)  # by path, as the process sees it
    safe: dict[str, File] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)  # of names, not yet safe

    def do(self, call: Call) -> None:
        """Take in a call; what does not concern the folder changes nothing."""
        paths = [text.decode(errors="replace") for text in call.texts]
        match call.name:
            case "openat" if call.creates and self._is_inside(paths[1]):
                if paths[1] not in self.now:
                    self._name(paths[1], File())
            case "mkdir" if self._is_inside(paths[0]):
                self._name(paths[0], File())
            case "rename" if paths[0] in self.now:
                self._name(paths[1], self.now[paths[0]])
                self._name(paths[0], None)
            case "link" if paths[0] in self.now:
                self._name(paths[1], self.now[paths[0]])
            case "unlink" if paths[0] in self.now:
                self._name(paths[0], None)
            case "fsync" | "fdatasync" if self._is_inside(paths[0]) or paths[0] == str(self.root):
                self._sync(paths[0])
            case "write" | "pwrite64" | "ftruncate" if paths[0] in self.now:
                self._write(call, self.now[paths[0]])

    def _write(self, call: Call, file: File) -> None:
        if call.name == "ftruncate":
            file.do(call.numbers[-1], None)
        else:  # whoever writes without an offset goes on at the end
            file.do(call.numbers[-1] if call.name == "pwrite64" else file.size, call.texts[1])

    def _is_inside(self, path: str) -> bool:
        return self.root in PurePath(path).parents

    def _name(self, path: str, file: File | None) -> None:
        self.moves.append((path, file))
        _move(self.now, path, file)

    def _sync(self, path: str) -> None:
        if path in self.now:
            self.now[path].sync()
        for move in [move for move in self.moves if str(PurePath(move[0]).parent) == path]:
            self.moves.remove(move)
            _move(self.safe, *move)

    def cut(self, draw: random.Random) -> dict[str, bytes]:
        """Return what a power cut may leave: bytes by path, where the folders on the way are."""
        share = draw.choice((0.0, 0.5, 1.0))
        names = dict(self.safe)
        for move in self.moves[: draw.randint(0, len(self.moves))]:
            _move(names, *move)
        return {
            path: file.left(draw, share)
            for path, file in names.items()
            if all(str(up) in names for up in PurePath(path).parents if self.root in up.parents)
        }


def _move(names: dict[str, File], path: str, file: File | None) -> None:
    if file is None:
        names.pop(path, None)
    else:
        names[path] = file

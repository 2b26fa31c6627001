"""The power is cut at any point of a run: what the store has acknowledged is there. Figure 5.

``python -m benchmarks.reliability.power_cuts [--count 10000] [--seed 1] [--normal]``. One process
drives runs of flows and is watched by strace. For each cut a point of what it wrote is drawn, the
files are rebuilt as a disk may have left them (`disks`), and the store is opened: it has to be
whole, with every entry that was acknowledged by then, and the file of each result. With
``--normal`` the store commits by ``synchronous=NORMAL``, which has to lose some.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.reliability import kills, rig
from benchmarks.reliability.disks import CALLS, Call, Disk, calls_in
from benchmarks.reliability.rig import Place
from daskflow.entries import SegmentTold
from daskflow.results.signing import Signer, key_from
from daskflow.stores import journal, sqlite
from daskflow.stores.choice import close_stores
from daskflow.stores.sql import SqlStore

RUNS = (("numbers", 6), ("frames", 3), ("numbers", 12))


def record(folder: Path, *, is_normal: bool) -> None:
    """Drive some runs, in the process that is watched; every commit is written down."""
    journal._GATHER_SECONDS = 0.0  # many small transactions
    sqlite._WAL_BYTES, sqlite._RECHECK = 60_000, 3
    place = Place(folder / "home")
    store: Any = place.store()
    if is_normal:
        with store._place._writer.connect() as connection:
            connection.connection.dbapi_connection.execute("PRAGMA synchronous = NORMAL")
    for number, (kind, width) in enumerate(RUNS):
        kills.drive(place, kills.Case(kind, width), f"run-{number}")


def trace(folder: Path, *, is_normal: bool) -> Path:
    """Record what a process writes; return the log."""
    log = folder / "log"
    me = [sys.executable, "-m", "benchmarks.reliability.power_cuts", "--record", str(folder)]
    watch = ["strace", "-f", "-y", "-xx", "-s", str(1 << 24), "-e", f"trace={CALLS}", "-o"]
    command = [*watch, str(log), *me, *(["--normal"] if is_normal else [])]
    subprocess.run(command, check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    return log


@dataclass
class Cuts:
    """Cuts the power again and again while the calls of a log are repeated."""

    home: PurePath  # where the store was
    scratch: Path  # where it is rebuilt
    disk: Disk
    acks: Counter[str] = field(default_factory=Counter)  # entries by run
    wrong: list[str] = field(default_factory=list)
    schedule: list[float] = field(default_factory=list)  # at which shares of the calls
    losses: int = 0  # cuts after which something acknowledged was missing

    def run(self, calls: list[Call], count: int, seed: int) -> None:
        """Cut so many times, at points drawn beforehand."""
        draw = rig.drawing(seed)
        self.schedule = [draw.random() for _ in range(count)]
        points = Counter(int(share * (len(calls) + 1)) for share in self.schedule)
        for point in range(len(calls) + 1):
            for _ in range(points[point]):
                self._cut(self.disk.cut(draw), f"cut at {point}")
            if point < len(calls):
                self._do(calls[point])

    def _do(self, call: Call) -> None:
        if call.name == "write" and PurePath(call.texts[0].decode()).name == "acks":
            run, count = call.texts[1].decode().split()
            self.acks[run] += int(count)
        self.disk.do(call)

    def _cut(self, files: dict[str, bytes], where: str) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        for name in (_FILE, *(f"{_FILE}{end}" for end in ("-wal", "-journal", ".key"))):
            if (data := files.get(str(self.home / name))) is not None:
                (self.scratch / name).write_bytes(data)
        lost = self._missing(files)
        self.losses += bool(lost)
        self.wrong += [f"{where}: {what}" for what in lost]

    def _missing(self, files: dict[str, bytes]) -> list[str]:
        """Return what the store that was rebuilt lacks."""
        file = self.scratch / _FILE
        is_new = str(self.home / f"{_FILE}.key") not in files
        if is_new and self.acks:
            return ["the key is gone"]
        try:
            store = SqlStore(sqlite.SqlitePlace(file), Signer(key_from(_key_of(file))))
        except Exception as error:  # noqa: BLE001 - whatever it is
            return [f"the store cannot be opened: {error!r}"]
        try:
            return [what for run in self.acks for what in self._lacks(store, run, files)]
        except Exception as error:  # noqa: BLE001
            return [f"the store cannot be read: {error!r}"]
        finally:
            store.close()

    def _lacks(self, store: SqlStore, run_id: str, files: dict[str, bytes]) -> list[str]:
        entries = store.entries(run_id)
        version = store.run(run_id).version
        wrong = []
        if version < self.acks[run_id]:
            wrong.append(f"{self.acks[run_id]} entries were acknowledged, {version} are left")
        if [one.version for one in entries] != list(range(1, version + 1)):
            wrong.append(f"the versions are not 1 to {version}")
        for one in entries:
            if isinstance(one.entry, SegmentTold):
                for note in one.entry.segment.notes.values():
                    if note.stored and not _is_whole(files, note.stored):
                        wrong.append(f"the result at {note.stored.url} is gone or torn")
        return wrong


_FILE = "daskflow.db"


def _key_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.key")


def _is_whole(files: dict[str, bytes], stored: Any) -> bool:
    data = files.get(stored.url.removeprefix("file://"))
    return data is not None and blake2b(data, digest_size=32).hexdigest() == stored.checksum


def main(given: list[str] | None = None) -> int:
    """Cut the power, and tell what came of it; return after how many cuts something was lost."""
    parser = rig.arguments(__doc__ or "", 10_000)
    parser.add_argument("--normal", action="store_true", help="with synchronous=NORMAL")
    parser.add_argument("--record", type=Path, help="only write a store there")
    told = parser.parse_args(given)
    if told.record is not None:
        record(told.record, is_normal=told.normal)
        return 0
    with TemporaryDirectory() as folder, TemporaryDirectory(dir=_memory()) as scratch:
        log = trace(Path(folder), is_normal=told.normal)
        home = PurePath(folder) / "home"
        cuts = Cuts(home, Path(scratch) / "home", Disk(PurePath(folder)))
        calls = [call for call in calls_in(log) if any(folder.encode() in t for t in call.texts)]
        cuts.run(calls, told.count, told.seed)
        ledger = Place(Path(home)).checksum()
    print(
        f"synchronous={'NORMAL' if told.normal else 'FULL'}: {told.count} power cuts in "
        f"{len(calls)} calls with {cuts.acks.total()} acknowledged transitions; "
        f"cuts that lost or tore something: {cuts.losses}; "
        f"seed {told.seed}, schedule {rig.digest(cuts.schedule)}, ledger {ledger}"
    )
    print(*cuts.wrong[:20], sep="\n", file=sys.stderr)
    close_stores()
    return cuts.losses


def _memory() -> str | None:
    """Return a folder in memory, where there is one: files are rebuilt there."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


if __name__ == "__main__":
    sys.exit(min(1, main()))

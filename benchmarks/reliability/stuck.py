"""A store that cannot be written for a while: the run waits, and goes on by itself.

``python -m benchmarks.reliability.stuck [--trouble locked] [--seconds 60]``. ``locked``: another
process holds the lock of the store. ``full``: the disk has no room, a tmpfs of `SIZE`. ``results``:
the folder of the results is mounted read-only. The last two have to be called by root. In the
midst of a run the trouble begins; no task may fail by it, no body be called twice, nothing that
was acknowledged be lost, and one message tell what is the matter, and one that it is over.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.reliability import rig
from benchmarks.reliability.rig import Place
from daskflow import LocalExecutor, Settings, flow
from daskflow.stores.choice import choose_store, close_stores
from tests.contract.waiting import Gate, eventually
from tests.semantics.ledger import Ledger

SIZE = "4m"
WIDTH = 8
_BYTES = 50_000  # of a result that is a file


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """Hold the lock that every writer takes."""
    lock = os.open(f"{place.file}.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(lock)


@contextmanager
def full(place: Place) -> Iterator[None]:
    """Leave no room on the disk."""
    filler = place.folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def results(place: Place) -> Iterator[None]:
    """Let nobody write to the folder of the results; who is root ignores modes."""
    folder = str(place.folder / "results")
    _mount("--bind", folder, folder)
    _mount("-o", "remount,bind,ro", folder)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)  # noqa: S607


TROUBLES: dict[str, Callable[[Place], AbstractContextManager[None]]] = {
    "locked": locked,
    "full": full,
    "results": results,
}


def _mount(*given: str) -> None:
    subprocess.run(["mount", *given], check=True)  # noqa: S607


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Have a disk of its own at a folder."""
    _mount("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder))
    try:
        yield
    finally:
        close_stores()
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S607


class Told(logging.Handler):
    """What the engine has logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append(record.getMessage())


def _flow(ledger: Ledger, gate: Gate) -> Any:
    def load(x: int) -> bytes:
        return bytes([x]) * _BYTES

    def hold(found: list[bytes]) -> int:
        gate.wait()
        return len(found)

    def more(x: int, offset: int) -> bytes:
        return bytes([x + offset]) * _BYTES

    def total(found: list[bytes]) -> int:
        return sum(one[0] for one in found)

    loads, holds, mores, totals = (ledger.task(made) for made in (load, hold, more, total))

    def case() -> Any:
        offset = holds(loads.map(range(WIDTH)))
        from daskflow import unmapped

        return totals(mores.map(range(WIDTH), unmapped(offset)))

    executor = LocalExecutor(threads=2)
    return flow(case, executor=executor, persist_result=True, block_size=1)


def endure(place: Place, trouble: str, seconds: float, aside: Path) -> tuple[list[str], Told]:
    """Run a flow through a trouble; return what went wrong, and what was logged."""
    place.enter()
    store = choose_store(None, Settings())
    acks = Ledger(aside / "acks")
    rig.acknowledge(store, acks)
    ledger, gate, told = Ledger(aside / "run.ledger"), Gate(aside / "gate", 120.0), Told()
    logging.getLogger("daskflow").addHandler(told)
    try:
        run = _flow(ledger, gate).submit()
        eventually(lambda: "hold" in ledger.lines())
        with TROUBLES[trouble](place):
            gate.open()
            time.sleep(seconds)
            is_early = run._idle.is_set()
        run.wait(60)
        for thread in threading.enumerate():
            if thread.name == f"daskflow-{run.name}":
                thread.join()  # whatever it still does, the store is there
    finally:
        logging.getLogger("daskflow").removeHandler(told)
    wrong = rig.audit(place, run.id)
    if is_early:
        wrong.append(f"it had ended while nothing could be written: {run.state}")
    if store.run(run.id).version != sum(int(line.split()[1]) for line in acks.lines()):
        wrong.append("what is in the store is not what was acknowledged")
    if run.result() != sum(range(WIDTH)) + WIDTH * WIDTH:
        wrong.append(f"it returned {run.result()}")
    if set(ledger.starts().values()) != {1}:
        wrong.append(f"bodies were called more than once: {ledger.starts()}")
    failed = [str(event.state) for event in run.events() if event.state.is_failed()]
    return wrong + failed, told


def main(given: list[str] | None = None) -> int:
    """Make trouble, and tell what came of it; return how much was wrong."""
    parser = rig.arguments(__doc__ or "", 1)
    parser.add_argument("--trouble", choices=TROUBLES, default="locked")
    parser.add_argument("--seconds", type=float, default=60.0, help="that it lasts")
    options = parser.parse_args(given)
    with TemporaryDirectory() as folder, TemporaryDirectory() as aside:
        if options.trouble == "full":
            with small_disk(Path(folder)):
                wrong, told = endure(Place(Path(folder)), "full", options.seconds, Path(aside))
        else:
            wrong, told = endure(Place(Path(folder)), options.trouble, options.seconds, Path(aside))
            close_stores()
        print(
            f"{options.trouble} for {options.seconds:g} s: wrong: {len(wrong)}; ledger "
            f"{Place(Path(aside)).checksum()}; it told:"
        )
        shown = dict.fromkeys([*told.lines[:2], *told.lines[-2:]])
        print(*(f"  {line}" for line in shown), sep="\n")
    print(*wrong, sep="\n", file=sys.stderr)
    return len(wrong)


if __name__ == "__main__":
    sys.exit(min(1, main()))

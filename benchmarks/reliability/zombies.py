"""Drivers that are stopped, lose their run meanwhile, and wake up: nothing of theirs is written.

``python -m benchmarks.reliability.zombies [--count 1000] [--seed 1]``; figure 4 of the promises. A
stopped process keeps the lock on its lease, so nobody else can take it: what takes the run over
here asks the store for a lease past that lock, which makes the token grow, and writes.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.reliability import rig
from benchmarks.reliability.kills import row_of
from benchmarks.reliability.rig import Place
from daskflow import LocalExecutor, Settings, flow
from daskflow.entries import RunMoved
from daskflow.errors import LeaseLostError
from daskflow.results.signing import Signer, key_from
from daskflow.states import Running
from daskflow.stores.choice import choose_store, close_stores
from daskflow.stores.history import Holder
from daskflow.stores.sql import SqlStore
from daskflow.stores.sqlite import SqlitePlace
from tests.semantics.ledger import Ledger

_LIMIT = 30.0  # seconds for whatever is waited for
_SPREAD = 0.03  # seconds after a body's start within which its driver is stopped


class NoGuard:
    """Keeps nobody from taking a lease."""

    def release(self) -> None:
        """Do nothing."""


class OpenPlace(SqlitePlace):
    """The same file, where a lease is given to whoever asks."""

    def guard(self, run_id: str) -> Any:
        """Give it."""
        return NoGuard()


def drive(place: Place, name: str) -> None:
    """Drive a run whose first body waits for a gate; tell how it ended. In a child."""
    rig.quietly(place.folder)
    place.enter()
    _count_writes(choose_store(None, Settings()), place.folder / f"{name}.writes")
    ledger, gate = place.ledger(name), place.folder / f"{name}.gate"

    def hold() -> int:
        _until(gate.exists)
        return 1

    def follow(x: int) -> int:
        return x + 1

    holds, follows = ledger.task(hold), ledger.task(follow)
    case = flow(lambda: follows(holds()), name="zombie", executor=LocalExecutor(threads=2))
    run = case.with_options(run_name=name).run()
    told = Ledger(place.folder / f"{name}.told")
    told.note(f"run {run.state}")
    for one in run.task_runs:
        told.note(type(one.state).__name__)
    close_stores()


def _count_writes(store: Any, path: Path) -> None:
    """Have each try to write a batch written down, and whether it was refused."""
    write, writes = store.write, Ledger(path)

    def told(*given: Any) -> None:
        try:
            write(*given)
        except LeaseLostError:
            writes.note("refused")
            raise
        writes.note("written")

    store.write = told


def _is_stopped(pid: int) -> bool:
    """Return whether all threads of a process have stopped."""
    told = [file.read_text(encoding="utf-8") for file in Path(f"/proc/{pid}/task").glob("*/stat")]
    return {text.rpartition(")")[2].split()[0] for text in told} == {"T"}


def _until(look: Callable[[], Any]) -> Any:
    """Return what is looked for as soon as it is there."""
    due = time.monotonic() + _LIMIT
    while not (found := look()):
        if time.monotonic() > due:
            raise TimeoutError
        time.sleep(0.005)
    return found


@dataclass
class Night:
    """Makes one zombie after the other."""

    place: Place
    store: SqlStore  # past the guards
    writes: Counter[str] = field(default_factory=Counter)  # of woken drivers
    wrong: list[str] = field(default_factory=list)

    def wake(self, name: str, delay: float) -> None:
        """Stop a driver, take its run, wake it, and look what it does."""
        with rig.killed_after(rig.start(drive, self.place, name)) as child:
            _until(self.place.ledger(name).lines)
            time.sleep(delay)
            self._stop(child.pid)
            writes = Ledger(self.place.folder / f"{name}.writes")
            before = len(writes.lines())
            run_id = self._take(name)
            version = self.store.run(run_id).version
            (self.place.folder / f"{name}.gate").touch()
            os.kill(child.pid, signal.SIGCONT)
            child.join(_LIMIT)
            code = child.exitcode
        self.writes.update(writes.lines()[before:])
        told = Ledger(self.place.folder / f"{name}.told").lines()
        if code != 0 or "taken over" not in told[0]:
            self.wrong.append(f"{name}: it ended with {code}, and told {told}")
        if {"Failed", "Crashed", "TriggerFailed"} & set(told[1:]):
            self.wrong.append(f"{name}: a task failed: {told}")
        if self.store.run(run_id).version != version:
            self.wrong.append(f"{name}: something of its was written")
        self.wrong += [f"{name}: {what}" for what in rig.audit(self.place, run_id)]

    def _stop(self, pid: int) -> None:
        """Stop a driver where it does not write just then: all others would wait for it."""
        lock = os.open(self.place.file.with_name(f"{self.place.file.name}.lock"), os.O_RDWR)
        is_writing = True
        while is_writing:
            os.kill(pid, signal.SIGSTOP)
            _until(lambda: _is_stopped(pid))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_writing = False
            except BlockingIOError:
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.005)
        os.close(lock)

    def _take(self, name: str) -> str:
        """Take a run over, and write; return its id."""
        row: Any = row_of(self.store, name)
        lease = self.store.lease(row.id, Holder("heir", "here", 1))
        self.store.write(lease, [RunMoved(time.time(), Running())], f"heir of {name}")
        return str(row.id)


def main(given: list[str] | None = None) -> int:
    """Wake zombies, and tell what came of it; return how much was wrong."""
    told = rig.arguments(__doc__ or "", 1000).parse_args(given)
    draw = rig.drawing(told.seed)
    schedule = [draw.random() for _ in range(told.count)]
    with TemporaryDirectory() as folder:
        place = Place(Path(folder))
        key = place.file.with_name(f"{place.file.name}.key")
        store = SqlStore(OpenPlace(place.file), Signer(key_from(key)))
        night = Night(place, store)
        for number, share in enumerate(schedule):
            night.wake(f"run-{number}", share * _SPREAD)
        print(
            f"zombies: {told.count} drivers were stopped, lost their run and woke up; of what they "
            f"tried to write {night.writes['refused']} were refused, {night.writes['written']} "
            f"written; wrong: {len(night.wrong)}; seed {told.seed}, "
            f"schedule {rig.digest(schedule)}, ledger {place.checksum()}"
        )
        print(*night.wrong[:20], sep="\n", file=sys.stderr)
        store.close()
        close_stores()
    return len(night.wrong) + night.writes["written"]


if __name__ == "__main__":
    sys.exit(min(1, main()))

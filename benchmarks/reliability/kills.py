"""Drivers killed at random points, again and again, and what is left: figure 1 of the promises.

``python -m benchmarks.reliability.kills [--count 1000] [--seed 1] [--kind numbers] [--width 20]
[--kills 10] [--within 1.0] [--block 4] [--cluster]``. The driver of a run is killed by SIGKILL at a
time drawn from 0 to as long as the run takes (or a share of that, `--within`), so is that of each
resume, up to `--kills` times; then the run is resumed to its end. After each kill all that the
store has acknowledged must be there, whole. No body whose completion was accepted, with a durable
value, may start again; where the value was not durable, the history tells why it does.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.reliability import flows, rig
from benchmarks.reliability.rig import Place
from daskflow import Settings
from daskflow.stores.choice import choose_store, close_stores
from daskflow.stores.history import RunRow, RunStore
from tests.contract.waiting import eventually
from tests.semantics.ledger import Ledger

_LIMIT = 120.0  # seconds in which a run must end
KINDS: dict[str, tuple[Callable[..., Any], Callable[[int], float]]] = {
    "numbers": (flows.numbers, flows.result_of_numbers),
    "frames": (flows.frames, flows.result_of_frames),
    "lost-frames": (
        lambda *given: flows.frames(*given, persist=False),
        flows.result_of_frames,
    ),
}


@dataclass(frozen=True)
class Case:
    """Which flow is run, how wide, and where; it travels to the children."""

    kind: str
    width: int
    address: str = ""
    block: int | None = None  # task runs in one

    def flow(self, ledger: Ledger) -> Any:
        """Return the flow."""
        made = KINDS[self.kind][0](ledger, self.width, self.address)
        return made.with_options(block_size=self.block)

    def result(self) -> float:
        """Return what it has to return."""
        return KINDS[self.kind][1](self.width)


def drive(place: Place, case: Case, name: str) -> None:
    """Begin a run, or resume it; write its result down. In a child."""
    rig.quietly(place.folder)
    place.enter()
    store = choose_store(None, Settings())
    rig.acknowledge(store, place.acks)
    flow = case.flow(place.ledger(name))
    Ledger(place.folder / f"{name}.begun").note(os.getpid())
    if row_of(store, name) is None:
        run = flow.with_options(run_name=name).run()
    else:
        run = flow.resume(name)
    Ledger(place.folder / f"{name}.result").note(run.result())
    close_stores()


def row_of(store: RunStore, name: str) -> RunRow | None:
    """Return the row of a run; None: there is none yet."""
    return next((row for row in store.runs() if row.name == name), None)


@dataclass
class Found:
    """What a harness has found out."""

    schedule: list[float] = field(default_factory=list)  # shares of the usual time
    kills: Counter[str] = field(default_factory=Counter)  # by what there was of the run
    wrong: list[str] = field(default_factory=list)
    accepted: int = 0  # task runs that were finished at a kill, all kills together
    again: int = 0  # bodies that were accepted, not durable, and told to run again
    runs: int = 0


@dataclass
class Harness:
    """Kills the driver of one run after the other."""

    place: Place
    case: Case
    random: random.Random
    within: float = 1.0
    usual: float = 0.0  # seconds that a run takes
    found: Found = field(default_factory=Found)
    # by run: what was finished when it was looked at, how long ledger and history were
    known: dict[str, tuple[dict[str, bool], int, int]] = field(default_factory=dict)

    def run(self, count: int, kills: int) -> Found:
        """Kill so many drivers, of each run at most so many."""
        self.usual = self._measured()
        while self.found.kills.total() < count:
            self.found.runs += 1
            name = f"run-{self.found.runs}"
            for _ in range(min(kills, count - self.found.kills.total())):
                if not self._kill(name):
                    break
            self.end(name)
        return self.found

    def _measured(self) -> float:
        took = []
        for number in range(3):
            self.end(f"usual-{number}")
            took.append(time.time() - (self.place.folder / f"usual-{number}.begun").stat().st_mtime)
        return sorted(took)[1]

    def _kill(self, name: str) -> bool:
        """Kill the driver of a run in the midst; return whether it had not ended before."""
        share = self.random.random() * self.within
        self.found.schedule.append(share)
        begun = Ledger(self.place.folder / f"{name}.begun")
        before = len(begun.lines())
        child = rig.start(drive, self.place, self.case, name)
        eventually(lambda: len(begun.lines()) > before, _LIMIT)
        child.join(share * self.usual)
        child.kill()
        child.join()
        row = row_of(self.place.store(), name)
        is_over = row is not None and row.state.is_finished()
        if not is_over:
            self.found.kills["no row yet" if row is None else type(row.state).__name__] += 1
        self.look(name)
        self.found.accepted += len(self.known[name][0]) if name in self.known else 0
        return not is_over

    def look(self, name: str) -> None:
        """Compare what the store has now with what was there, and with what ran since."""
        store, ledger = self.place.store(), self.place.ledger(name)
        row = row_of(store, name)
        if row is None:
            return
        entries = store.entries(row.id)
        before, seen, version = self.known.get(name, ({}, 0, 0))
        again = rig.started(ledger.lines()[seen:]) & set(before)
        told = rig.begun_again(one for one in entries if one.version > version)
        self.found.again += len(again)
        for one in sorted(again):
            if before[one]:
                self.found.wrong.append(f"{name}: {one} was accepted, and ran again")
            elif one not in told:
                self.found.wrong.append(f"{name}: {one} ran again, and nothing tells why")
        self.found.wrong += [f"{name}: {what}" for what in rig.audit(self.place, row.id)]
        self.known[name] = (rig.finished(entries), len(ledger.lines()), len(entries))

    def end(self, name: str) -> None:
        """Let a run go on to its end, and look whether that is right."""
        row = row_of(self.place.store(), name)
        if row is None or not row.state.is_successful():
            with rig.killed_after(rig.start(drive, self.place, self.case, name)) as child:
                child.join(_LIMIT)
                if child.exitcode != 0:
                    self.found.wrong.append(f"{name}: it did not end, {child.exitcode}")
        row = row_of(self.place.store(), name)
        if row is None or not row.state.is_successful():
            self.found.wrong.append(f"{name}: it is {row and row.state}")
        self.look(name)
        told = Ledger(self.place.folder / f"{name}.result").lines()
        if told not in ([], [str(self.case.result())]):
            self.found.wrong.append(f"{name}: it returned {told}")


def main(given: list[str] | None = None) -> int:
    """Kill, and tell what came of it; return how much was wrong."""
    parser = rig.arguments(__doc__ or "", 1000)
    parser.add_argument("--kind", choices=KINDS, default="numbers")
    parser.add_argument("--width", type=int, default=20, help="children of a mapped task")
    parser.add_argument("--kills", type=int, default=10, help="of one run, at most")
    parser.add_argument("--within", type=float, default=1.0, help="share of the usual time")
    parser.add_argument("--block", type=int, default=4, help="task runs in one block")
    parser.add_argument("--cluster", action="store_true", help="on a Dask cluster, not in threads")
    told = parser.parse_args(given)
    with TemporaryDirectory() as folder, _cluster(is_wanted=told.cluster) as address:
        place = Place(Path(folder))
        case = Case(told.kind, told.width, address, told.block)
        harness = Harness(place, case, rig.drawing(told.seed), told.within)
        found = harness.run(told.count, told.kills)
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.kills.items()))
        print(
            f"{told.kind}, {'cluster' if address else 'threads'}: "
            f"{found.kills.total()} drivers killed ({kinds}) in {found.runs} runs, "
            f"with {found.accepted} task runs accepted by then; "
            f"lost, torn or accepted and run again: {len(found.wrong)}; "
            f"not durable and run again, as told: {found.again}; seed {told.seed}, "
            f"schedule {rig.digest(found.schedule[: told.count])}, ledger {place.checksum()}"
        )
        print(*found.wrong[:20], sep="\n", file=sys.stderr)
        close_stores()
    return len(found.wrong)


@contextmanager
def _cluster(*, is_wanted: bool) -> Iterator[str]:
    """Give the address of a cluster, or none."""
    if not is_wanted:
        yield ""
        return
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


if __name__ == "__main__":
    sys.exit(min(1, main()))

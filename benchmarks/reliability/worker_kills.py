"""Workers killed at random while a flow runs: every run ends Success, nothing accepted runs again.

``python -m benchmarks.reliability.worker_kills [--count 200] [--seed 1] [--width 247] [--within
1.0] [--kills 1] [--threads 1]``. A flow of ``2 * width + 6`` task runs with small results runs once
for each round on three workers, grouped and not grouped in turns. At a time drawn from 0 to as long
as a run takes (or a share of that, `--within`) one of the workers, drawn as well, is killed by
SIGKILL. What the driver had accepted by then must not begin again.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.reliability import flows, rig
from benchmarks.reliability.rig import Place
from daskflow.states import FINISHED, Success
from daskflow.stores.choice import close_stores
from tests.contract.waiting import eventually

_WORKERS = 3
_LIMIT = 120.0  # seconds in which a run must end, and a worker come back
_SIZES = (None, 1)  # of blocks, in turns


@dataclass
class Harness:
    """Kills workers of one cluster, run after run."""

    cluster: Any
    place: Place
    random: random.Random
    width: int
    within: float
    usual: dict[int | None, float] = field(default_factory=dict)  # seconds a run takes, by size
    schedule: list[tuple[float, int]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    accepted: int = 0  # task runs at the kills, all together
    again: int = 0  # bodies that were lost, and ran again
    rounds: int = 0  # whose kill came before the run had ended

    def run(self, count: int, kills: int) -> None:
        """Go so many rounds."""
        for size in _SIZES:
            self._go(f"warm-{size}", size, 0)
            began = time.monotonic()
            self._go(f"usual-{size}", size, 0)
            self.usual[size] = time.monotonic() - began
        for number in range(count):
            self._go(f"run-{number}", _SIZES[number % len(_SIZES)], kills)

    def _go(self, name: str, size: int | None, kills: int) -> None:
        """Run once, with so many kills; look at what came of it."""
        eventually(lambda: len(self.cluster.scheduler.workers) == _WORKERS, _LIMIT)
        ledger = self.place.ledger(name)
        made = flows.numbers(ledger, self.width, self.cluster.scheduler_address)
        run = made.with_options(block_size=size, run_name=name).submit()
        done: list[tuple[set[str], int]] = []  # what was accepted, and the length of the ledger
        for _ in range(kills):
            share, victim = self.random.random() * self.within, self.random.randrange(_WORKERS)
            self.schedule.append((share, victim))
            time.sleep(share * self.usual[size] / kills)
            length = len(ledger.lines())  # first: what is accepted meanwhile began before
            done.append((accepted(run), length))
            self.rounds += not run.state.is_finished()
            kill(self.cluster, victim)
        try:
            run.wait(_LIMIT)
        except TimeoutError:
            self.wrong.append(f"{name}: it did not end")
            run.cancel()
            return
        self._look(name, run, done)

    def _look(self, name: str, run: Any, done: list[tuple[set[str], int]]) -> None:
        if type(run.state) is not Success or run.result() != flows.result_of_numbers(self.width):
            self.wrong.append(f"{name}: it ended {run.state}")
        lines = self.place.ledger(name).lines()
        for before, length in done:
            self.accepted += len(before)
            again = before & set(lines[length:])
            self.wrong += [f"{name}: {one} was accepted, and ran again" for one in sorted(again)]
        starts = self.place.ledger(name).starts()
        for found in run.task_runs:
            if starts.get(found.name, 0) > found.attempt:
                told = f"{starts[found.name]} starts at attempt {found.attempt}"
                self.wrong.append(f"{name}: {found.name} had {told}")
        self.again += sum("worker was lost" in event.state.message for event in run.events())
        self.wrong += [f"{name}: {what}" for what in rig.audit(self.place, run.id)]


def accepted(run: Any) -> set[str]:
    """Return the names of the task runs that a run's driver has accepted as finished."""
    return {found.name for found in run.task_runs if found.ended and found.state.code in FINISHED}


def kill(cluster: Any, victim: int) -> None:
    """Kill the process of a worker; one that is just starting is left alone."""
    pid = sorted(cluster.workers.items(), key=lambda item: str(item[0]))[victim][1].pid
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


@contextmanager
def workers(threads: int) -> Iterator[Any]:
    """Give a cluster of three workers."""
    import dask
    from distributed import LocalCluster

    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1000 days"}),
        LocalCluster(
            n_workers=_WORKERS,
            threads_per_worker=threads,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
        ) as cluster,
    ):
        yield cluster


def main(given: list[str] | None = None) -> int:
    """Kill, and tell what came of it; return how much was wrong."""
    parser = rig.arguments(__doc__ or "", 200)
    parser.add_argument("--width", type=int, default=247)
    parser.add_argument("--within", type=float, default=1.0)
    parser.add_argument("--kills", type=int, default=1, help="in each run")
    parser.add_argument("--threads", type=int, default=1, help="of each worker")
    told = parser.parse_args(given)
    with TemporaryDirectory() as folder, workers(told.threads) as cluster:
        place = Place(Path(folder))
        place.enter()
        harness = Harness(cluster, place, rig.drawing(told.seed), told.width, told.within)
        harness.run(told.count, told.kills)
        print(
            f"{told.threads} threads each: in {told.count} runs of {2 * told.width + 6} task runs "
            f"{told.count * told.kills} workers of {_WORKERS} were killed, {harness.rounds} before "
            f"the run had ended, with {harness.accepted} task runs accepted by then; bodies lost "
            f"and begun again: {harness.again}; not Success, or accepted and begun again: "
            f"{len(harness.wrong)}; seed {told.seed}, schedule {rig.digest(harness.schedule)}, "
            f"ledger {place.checksum()}"
        )
        print(*harness.wrong[:20], sep="\n", file=sys.stderr)
        close_stores()
    return len(harness.wrong)


if __name__ == "__main__":
    sys.exit(min(1, main()))

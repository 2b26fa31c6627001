"""A million log lines: what they do to the changes of state beside them, and to the store.

``python -m benchmarks.logs [--lines 1000000]``. Eight tasks log as fast as they can, each in a
worker process of its own; on two more workers short tasks end all the time. How late the driver
hears of those that end while all eight are at work is measured, from the end of the body until
their state is folded, once with the lines and once with the same work without logging. Exit code 1
where a change of state came later than `LATE`, or the store holds other lines than the first and
the last of each task.

The eight share the last core, so that the driver, the scheduler and the two workers have others to
themselves: else it is the waiting for a core that is measured (`--together`).

With several threads in a process (``--threads 5 --workers 2``) it is their sharing of Python's lock
that is measured, with and without lines.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from benchmarks.cores import OURS, move, move_to_last
from daskflow import DaskExecutor, flow, get_run_logger, task
from daskflow.events import Report
from daskflow.garbage import spare_collector
from daskflow.lines import LogLimits
from daskflow.runtime.record import RunRecord
from daskflow.stores.choice import close_stores
from daskflow.timing import now

Spell = tuple[float, float]  # from one instant to another
TASKS = 8
LATE = 0.2  # seconds


def make_room() -> None:
    """Leave the other cores to those who are measured, unless all are to be together."""
    if not os.environ.get("TOGETHER"):
        move_to_last()


@task
def flood(number: int, lines: int) -> Spell:
    """Log so many lines, and return from when to when."""
    make_room()
    log, began = get_run_logger(), now()
    for line in range(lines):
        log.info("task %d: line %d of a flood, as long as such lines are", number, line)
    return began, now()


@task
def toil(number: int, lines: int) -> Spell:
    """Keep the processor as busy, and log nothing."""
    make_room()
    began = now()
    text, is_over = "", time.thread_time() + lines * 50e-6
    while time.thread_time() < is_over:
        for line in range(100):
            text = f"task {number}: line {line} of a flood, as long as such lines are"
    return began, now() + len(text) * 0.0


@task
def tick(number: int) -> int:
    """End soon."""
    time.sleep(0.05)
    return number


@dataclass
class Measured:
    """What became of one run."""

    delays: list[float]  # seconds, of each change of state
    seconds: float  # that the eight tasks took, the longest
    kept: int  # lines in the store
    characters: int  # of their messages
    size: int  # bytes of the store's files

    def __str__(self) -> str:
        cuts = statistics.quantiles(self.delays, n=100)
        ms = [1000 * each for each in (statistics.median(self.delays), cuts[94], max(self.delays))]
        return (
            f"{len(self.delays)} changes of state, ms: median {ms[0]:.0f}, 95 % {ms[1]:.0f}, "
            f"latest {ms[2]:.0f}; the eight took {self.seconds:.1f} s; lines kept: {self.kept:,} "
            f"({self.characters / 1024:,.0f} Ki characters); store: {self.size / 1024:,.0f} KiB"
        )


class Late:
    """Notes how late the record hears of the ends of a node's task runs."""

    def __init__(self) -> None:
        self.noted: list[Spell] = []  # when it ended, and when the record heard of it
        self._fold = RunRecord.fold

    def __enter__(self) -> Self:
        def fold(record: RunRecord, report: Report) -> bool:
            news = self._fold(record, report)
            instant = now()
            for segment in report.segments:
                if segment.node == "tick":
                    self.noted += [(ended, instant) for ended in segment.ended]
            return news

        RunRecord.fold = fold  # type: ignore[method-assign]
        return self

    def between(self, spells: list[Spell]) -> list[float]:
        """Return in how many seconds it heard of what ended while all of these went on."""
        start, end = max(start for start, _ in spells), min(end for _, end in spells)
        return [heard - ended for ended, heard in self.noted if start <= ended <= end]

    def __exit__(self, *_: object) -> None:
        RunRecord.fold = self._fold  # type: ignore[method-assign]


def measure(executor: Any, work: Any, lines: int, ticks: int) -> Measured:
    """Run the eight tasks beside short ones, on a store of their own."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "runs.db")

        def case() -> Any:
            return work.map(list(range(TASKS)), [lines // TASKS] * TASKS), tick.map(
                list(range(ticks))
            )

        made = flow(case, executor=executor, store=f"sqlite:///{file}", block_size=1)
        with (
            Late() as late,
            Path(os.devnull).open("w", encoding="utf-8") as nowhere,
            redirect_stderr(nowhere),  # where lines are shown
        ):
            run = made.run()
        logged = [line for line in run.logs() if not line.dropped]
        spells = run[work.name].result()
        close_stores()  # which moves what is in its log into the database
        size = sum(path.stat().st_size for path in Path(folder).glob("runs.db*") if path.is_file())
    characters = sum(len(line.message) for line in logged)
    took = max(end - start for start, end in spells)
    return Measured(late.between(spells), took, len(logged), characters, size)


def main(given: list[str] | None = None) -> int:
    """Measure, and tell whether it is as it should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lines", type=int, default=1_000_000, help="of all tasks together")
    parser.add_argument("--ticks", type=int, default=1800, help="short tasks beside them")
    parser.add_argument("--workers", type=int, default=TASKS + 2)
    parser.add_argument("--threads", type=int, default=1, help="of each")
    parser.add_argument("--together", action="store_true", help="on all cores")
    options = parser.parse_args(given)
    if options.together:
        os.environ["TOGETHER"] = "1"  # for the workers too
    else:
        move(OURS)
    os.environ["DASKFLOW_LOGGING__LEVEL"] = "INFO"
    executor = DaskExecutor(workers=options.workers, threads_per_worker=options.threads)
    measure(executor, flood, 8_000, 20)  # the workers get to know the code
    spare_collector()  # as `daskflow run` does
    logging = measure(executor, flood, options.lines, options.ticks)
    silent = measure(executor, toil, options.lines, options.ticks)
    print(f"{options.lines:,} lines:  {logging}")
    print(f"without a line: {silent}")
    is_right = logging.kept == TASKS * min(LogLimits().lines, options.lines // TASKS)
    return 0 if is_right and max(logging.delays) <= LATE else 1


if __name__ == "__main__":
    sys.exit(main())

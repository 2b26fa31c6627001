"""A million log lines: what they do to the changes of state beside them, and to the store.

``python -m benchmarks.logs [--lines 1000000]``. Eight tasks log as fast as they can, each in a
worker process of its own; on two more workers short tasks end all the time. How late the driver
hears of those is measured, from the end of the body until their state is folded, once with the
lines and once with the same work without logging. Exit code 1 where a change of state came later
than `LATE`, or the store holds other lines than the first and the last of each task.

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

from daskflow import DaskExecutor, flow, get_run_logger, task
from daskflow.events import Report
from daskflow.lines import LogLimits
from daskflow.runtime.record import RunRecord
from daskflow.stores.choice import close_stores
from daskflow.timing import now

TASKS = 8
LATE = 0.2  # seconds


@task
def flood(number: int, lines: int) -> float:
    """Log so many lines, and return how many seconds that took."""
    log, began = get_run_logger(), time.monotonic()
    for line in range(lines):
        log.info("task %d: line %d of a flood, as long as such lines are", number, line)
    return time.monotonic() - began


@task
def toil(number: int, lines: int) -> float:
    """Keep the processor as busy, and log nothing."""
    began = time.monotonic()
    text = ""
    while time.monotonic() - began < lines * 40e-6:
        for line in range(100):
            text = f"task {number}: line {line} of a flood, as long as such lines are"
    return len(text) * 0.0 + time.monotonic() - began


@task
def tick(number: int) -> int:
    """End soon."""
    time.sleep(0.02)
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
        self.delays: list[float] = []
        self._fold = RunRecord.fold

    def __enter__(self) -> Self:
        def fold(record: RunRecord, report: Report) -> bool:
            news = self._fold(record, report)
            instant = now()
            for segment in report.segments:
                if segment.node == "tick":
                    self.delays += [instant - ended for ended in segment.ended]
            return news

        RunRecord.fold = fold  # type: ignore[method-assign]
        return self

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
        took = max(run[work.name].result())
        close_stores()  # which moves what is in its log into the database
        size = sum(path.stat().st_size for path in Path(folder).glob("runs.db*") if path.is_file())
    characters = sum(len(line.message) for line in logged)
    return Measured(late.delays, took, len(logged), characters, size)


def main(given: list[str] | None = None) -> int:
    """Measure, and tell whether it is as it should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lines", type=int, default=1_000_000, help="of all tasks together")
    parser.add_argument("--ticks", type=int, default=600, help="short tasks beside them")
    parser.add_argument("--workers", type=int, default=TASKS + 2)
    parser.add_argument("--threads", type=int, default=1, help="of each")
    options = parser.parse_args(given)
    os.environ["DASKFLOW_LOGGING__LEVEL"] = "INFO"
    executor = DaskExecutor(workers=options.workers, threads_per_worker=options.threads)
    measure(executor, flood, 8_000, 20)  # the workers get to know the code
    logging = measure(executor, flood, options.lines, options.ticks)
    silent = measure(executor, toil, options.lines, options.ticks)
    print(f"{options.lines:,} lines:  {logging}")
    print(f"without a line: {silent}")
    is_right = logging.kept == TASKS * min(LogLimits().lines, options.lines // TASKS)
    return 0 if is_right and max(logging.delays) <= LATE else 1


if __name__ == "__main__":
    sys.exit(main())

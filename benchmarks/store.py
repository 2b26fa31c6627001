"""What the store costs: ``python benchmarks/store.py [--pairs 5] [--rows mapped unmapped resume]``.

A run with a SQLite store against the same run with one in memory, alternating on one cluster of two
worker processes: the median of the ratios of wall time, with bodies of 1 ms. And how long after the
call of `resume` the first new task run of a run with 100,000 finished ones starts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster

from daskflow import DaskExecutor, MemoryStore, Pause, context, flow, task

WORKERS = 2


@task
def doze(x: int) -> int:
    """Sleep for a millisecond."""
    time.sleep(0.001)
    return x


@task(retries=1)
def stumble(x: int) -> int:
    """Sleep for a millisecond; one in a hundred fails at first."""
    time.sleep(0.001)
    if x % 100 == 0 and context.get().attempt == 1:
        raise ConnectionError(x)
    return x


@task
def count(xs: list[int]) -> int:
    """Return how many there are."""
    return len(xs)


@task
def when_resumed(xs: list[int]) -> float:
    """Wait to be approved; then tell the time."""
    if not context.get().resumed:
        raise Pause
    return time.time()


@flow
def mapped(xs: range) -> int:
    """Doze in many children."""
    return count(doze.map(xs))


@flow
def resumed(xs: range) -> float:
    """Doze in many children, then wait."""
    return when_resumed(doze.map(xs))


def unmapped(n: int) -> Any:
    """Return a flow of single tasks."""
    return flow(lambda: count([stumble(i) for i in range(n)]), name="unmapped")


def timed(call: Callable[[], Any]) -> float:
    """Return how long a call takes, in seconds."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def ratios(made: Callable[[Any], Any], url: str, pairs: int) -> list[float]:
    """Return wall times with the store on, each over one with the store in memory."""
    made(url)  # warm
    return [timed(lambda: made(url)) / timed(lambda: made(MemoryStore())) for _ in range(pairs)]


def first_start(executor: Any, url: str, n: int) -> float:
    """Return the seconds between the call of `resume` and the first new body's start."""
    held = resumed.with_options(executor=executor, store=url)
    run = held.run(range(n))
    began = time.time()
    again = held.resume(run.id)
    again.approve()
    return again.result() - began


def main() -> None:
    """Print each row, then the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="a part of the task runs")
    parser.add_argument("--rows", nargs="*", default=["mapped", "unmapped", "resume"])
    options = parser.parse_args()
    n_mapped, n_unmapped = int(100_000 * options.scale), int(10_000 * options.scale)
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        url = f"sqlite:///{Path(folder) / 'runs.db'}"
        executor = DaskExecutor(address=cluster.scheduler_address)
        singles = unmapped(n_unmapped).with_options(executor=executor)
        many = mapped.with_options(executor=executor)
        rows: dict[str, Callable[[], list[float]]] = {
            "mapped": lambda: ratios(
                lambda store: many.with_options(store=store)(range(n_mapped)), url, options.pairs
            ),
            "unmapped": lambda: ratios(
                lambda store: singles.with_options(store=store)(), url, options.pairs
            ),
            "resume": lambda: [first_start(executor, url, n_mapped)],
        }
        for row in options.rows:
            found = rows[row]()
            figure = statistics.median(found)
            print(f"{row:10} {figure:6.3f}   of {[round(each, 3) for each in found]}")
            print(json.dumps({"row": row, "figure": figure, "all": found}))


if __name__ == "__main__":
    main()

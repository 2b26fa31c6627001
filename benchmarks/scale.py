"""What a task run costs as there are more of them: ``python benchmarks/scale.py [--most 1000000]``.

For 1,000, 10,000, ... mapped no-ops and a count of them, each in a fresh process, on a scheduler
and two workers in processes of their own, with a SQLite store: the microseconds of each task run,
and by how many bytes of memory the driver and the scheduler have grown for each, when the run has
ended (its record is still held) and at their peak. A run of 100 comes first, so that what an idle
cluster costs is not counted; still, memory of less than some 100 KB cannot be told from noise.

Prints a table, then a JSON line for each size; and how much dearer a task run is at the largest
size than at the one before: near 1, or below, where growth is linear. ``--inline`` lets small
results ride with the states, as they do by default.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from distributed import Client
from distributed.deploy.subprocess import SubprocessCluster

from daskflow import DaskExecutor, flow, task

WORKERS = 2


@task
def nothing(x: int) -> int:
    """Do nothing."""
    return x


@task
def count(xs: list[int]) -> int:
    """Return how many there are."""
    return len(xs)


@flow
def mapped(xs: range) -> int:
    """Do nothing in many children."""
    return count(nothing.map(xs))


def memory() -> tuple[int, int]:
    """Return how many bytes this process has now, and had at its peak since `settle`."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    found = {name: rest for name, _, rest in (line.partition(":") for line in lines)}
    return 1024 * int(found["VmRSS"].split()[0]), 1024 * int(found["VmHWM"].split()[0])


def settle() -> tuple[int, int]:
    """Let go of what is not needed, and begin a new peak; return the memory."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return memory()


def measure(size: int) -> dict[str, Any]:
    """Run once; return what a task run has cost."""
    with (
        tempfile.TemporaryDirectory() as folder,
        SubprocessCluster(
            host="127.0.0.1",
            worker_kwargs={"nthreads": 1},
            n_workers=WORKERS,
            silence_logs="ERROR",
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(WORKERS)
        url = f"sqlite:///{folder}/runs.db"
        made = mapped.with_options(executor=DaskExecutor(), store=url)
        made(range(100))
        here, there = settle()[0], client.run_on_scheduler(settle)[0]
        began = time.perf_counter()
        run = made.run(range(size))
        seconds = time.perf_counter() - began
        peak, their_peak = memory()[1], client.run_on_scheduler(memory)[1]
        gc.collect()
        held, their_held = memory()[0], client.run_on_scheduler(memory)[0]
        if run.result() != size:
            msg = f"{run}: {run.result()}"
            raise RuntimeError(msg)
    return {
        "task_runs": size,
        "us": round(seconds / size * 1e6, 1),
        "driver_bytes": round((held - here) / size),
        "driver_peak": round((peak - here) / size),
        "scheduler_bytes": round((their_held - there) / size),
        "scheduler_peak": round((their_peak - there) / size),
    }


def in_fresh_process(size: int) -> dict[str, Any]:
    """Measure in a process that has done nothing else."""
    command = [sys.executable, __file__, "--one", str(size)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print a row for each size, then all as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--most", type=int, default=1_000_000, help="task runs of the largest size")
    parser.add_argument("--inline", action="store_true", help="small results ride with the states")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one)))
        return
    if not given.inline:
        os.environ["DASKFLOW_ENGINE__SMALL_RESULT_BYTES"] = "0"
    found, size = [], 1000
    print(f"{'':>10} {'':>8} {'driver, bytes':>20} {'scheduler, bytes':>20}")
    print(f"{'task runs':>10} {'us':>8} {'held':>10}{'peak':>10} {'held':>10}{'peak':>10}")
    while size <= given.most:
        row = in_fresh_process(size)
        found.append(row)
        print(
            f"{size:>10,} {row['us']:>8.1f} {row['driver_bytes']:>10}{row['driver_peak']:>10}"
            f" {row['scheduler_bytes']:>10}{row['scheduler_peak']:>10}",
            flush=True,
        )
        size *= 10
    if len(found) > 1:
        growth = found[-1]["us"] / found[-2]["us"]
        print(f"the last row's microseconds over those of the row before: {growth:.2f}")
    for row in found:
        print(json.dumps(row))


if __name__ == "__main__":
    main()

"""A million task runs, each with a state of its own, in a few dozen Dask tasks."""

from __future__ import annotations

import sys
import time

from distributed import Client, Scheduler

from daskflow import flow, task


@task
def square(x: int) -> int:
    return x * x


@task
def add_up(numbers: list[int]) -> int:
    return sum(numbers)


@flow
def million(numbers: range) -> int:
    return add_up(square.map(numbers))


def count_tasks(dask_scheduler: Scheduler) -> int:
    """Return how many tasks a scheduler has seen end."""
    return sum(prefix.state_counts["memory"] for prefix in dask_scheduler.task_prefixes.values())


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with Client(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as client:
        began = time.perf_counter()
        run = million.run(range(count))
        seconds = time.perf_counter() - began
        dask_tasks = client.run_on_scheduler(count_tasks)

        print(f"{run.state}: the sum is {run.result():,}")
        print(f"the last of {count:,} task runs: {run[square][count - 1].state}")
        print(f"{seconds / count * 1e6:.0f} us for each of them")
        print(f"{dask_tasks} Dask tasks")

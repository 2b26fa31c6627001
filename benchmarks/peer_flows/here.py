"""A map of no-ops and a sum in daskflow with a SQLite store; prints the seconds of each run."""

import json
import sys
import tempfile
import time

from daskflow import DaskExecutor, flow, task


@task
def nothing(x):
    return x


@task
def add_up(xs):
    return sum(xs)


@flow
def mapped(xs):
    return add_up(nothing.map(xs))


if __name__ == "__main__":
    from distributed import LocalCluster

    n, runs = int(sys.argv[1]), int(sys.argv[2])
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
    ):
        executor = DaskExecutor(address=cluster.scheduler_address)
        made = mapped.with_options(executor=executor, store=f"sqlite:///{folder}/runs.db")
        made(range(20))
        found = []
        for _ in range(runs):
            began = time.perf_counter()
            assert made(range(n)) == n * (n - 1) // 2
            found.append(time.perf_counter() - began)
            print(json.dumps(found), flush=True)

"""A map of no-ops and a sum in Prefect 3 with prefect-dask; prints the seconds of each run."""

import json
import logging
import os
import sys
import tempfile
import time

os.environ["PREFECT_HOME"] = tempfile.mkdtemp()  # its database and results, a server beside it
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"
os.environ["DO_NOT_TRACK"] = "1"

from prefect import flow, task
from prefect.testing.utilities import prefect_test_harness
from prefect_dask import DaskTaskRunner


@task
def nothing(x):
    return x


@task
def add_up(xs):
    return sum(xs)


def make(runner):
    @flow(task_runner=runner)
    def mapped(n):
        return add_up.submit(nothing.map(range(n))).result()

    return mapped


if __name__ == "__main__":
    from dask.distributed import LocalCluster

    n, runs = int(sys.argv[1]), int(sys.argv[2])
    logging.disable(logging.WARNING)
    with (
        prefect_test_harness(server_startup_timeout=120),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
    ):
        mapped = make(DaskTaskRunner(address=cluster.scheduler_address))
        mapped(20)
        found = []
        for _ in range(runs):
            began = time.perf_counter()
            assert mapped(n) == n * (n - 1) // 2
            found.append(time.perf_counter() - began)
            print(json.dumps(found), flush=True)

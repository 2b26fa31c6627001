"""A map of no-ops and a sum in Prefect 1 on Dask; prints the seconds of each run."""

import json
import logging
import sys
import time

from prefect import Flow, Parameter, task
from prefect.executors import DaskExecutor


@task
def nothing(x):
    return x


@task
def add_up(xs):
    return sum(xs)


@task
def numbers(n):
    return list(range(n))


with Flow("mapped") as mapped:
    total = add_up(nothing.map(numbers(Parameter("n"))))


if __name__ == "__main__":
    from distributed import LocalCluster

    n, runs = int(sys.argv[1]), int(sys.argv[2])
    logging.disable(logging.INFO)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        executor = DaskExecutor(address=cluster.scheduler_address)
        mapped.run(executor=executor, parameters={"n": 20})
        found = []
        for _ in range(runs):
            began = time.perf_counter()
            state = mapped.run(executor=executor, parameters={"n": n})
            found.append(time.perf_counter() - began)
            assert state.result[total].result == n * (n - 1) // 2
            print(json.dumps(found), flush=True)

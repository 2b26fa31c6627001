"""The process that holds a temporary local cluster for another process.

Run as ``python -m daskflow.executors.host``, with its settings as JSON. It writes the scheduler's
address to the file descriptor it is told, and ends when its standard input ends, which it does
however its owner died. Workers are started from here, so they never import their owner's script.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pickle
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

from daskflow.garbage import spare_collector

if TYPE_CHECKING:
    from distributed import LocalCluster

# What clusters that are started here are told; see Dask's reference of its configuration.
OURS = {
    "distributed.admin.large-graph-warning-threshold": "1 GiB",
    # a worker is sent more than it is at: else each small block waits for a message both ways. The
    # driver has few blocks on the cluster at a time, so little memory is at stake
    "distributed.scheduler.worker-saturation": 10.0,
    # so many blocks may be on a worker that dies, and all of them are blamed; the driver counts
    "distributed.scheduler.allowed-failures": 10,
    # A worker that was lost is started again, however long that takes on a machine that is busy. So
    # long after a loss Dask looks whether it is there, and gives it up for good where it is not:
    # also where it was there all the time and was lost again just then.
    "distributed.deploy.lost-worker-timeout": "1000 days",
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.gil.enabled": False,
}
AMPLE_SATURATION = 2.0  # tasks for each thread from which on a worker does not wait for the next
_OF_BLOCKS = "daskflow.runtime.shim"  # loaded before the first block comes
_GRACE_SECONDS = 2.0  # for a worker to end; one that is in the midst of a task is killed then


def dask_setup(worker: Any) -> None:
    """Make a worker ready: Python's garbage collector need not look at what it has loaded by now.

    Its prints leave it line by line: they go into a pipe, where they would wait.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    spare_collector(collect=False)


def hush() -> None:
    """Log no more of what Dask notes while all of it closes: lost heartbeats, ended tasks."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)


async def close(cluster: LocalCluster) -> None:
    """End the workers at once: nobody is left to want what they hold or do.

    So all clients go first. Else Dask would hand over the values of each worker to the others
    before it closes, and begin elsewhere what that one was in the midst of.
    """
    hush()
    scheduler: Any = cluster.scheduler
    for client in list(scheduler.clients):
        scheduler.remove_client(client)
    asked = scheduler.broadcast(
        msg={"op": "run", "function": pickle.dumps(hush)}, on_error="ignore"
    )
    with suppress(TimeoutError):
        await asyncio.wait_for(asked, _GRACE_SECONDS / 4)
    nannies = cluster.workers.values()
    await asyncio.gather(*(nanny.close(timeout=_GRACE_SECONDS) for nanny in nannies))


def main(settings: dict[str, Any]) -> None:
    """Hold a cluster until standard input ends."""
    import dask
    from distributed import LocalCluster

    dask.config.set(OURS)
    with (
        LocalCluster(
            n_workers=settings["workers"],
            threads_per_worker=settings["threads_per_worker"],
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            preload=[_OF_BLOCKS, "daskflow.executors.host"],
        ) as cluster,
        os.fdopen(settings["fd"], "w") as told,
    ):
        told.write(json.dumps({"address": cluster.scheduler_address}))
        told.close()
        spare_collector(collect=False)
        sys.stdin.buffer.read()
        cluster.sync(close, cluster)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

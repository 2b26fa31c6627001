"""The process that holds a temporary local cluster for another process.

Run as ``python -m daskflow.executors.host``, with its settings as JSON. It writes the scheduler's
address to the file descriptor it is told, and ends when its standard input ends, which it does
however its owner died. Workers are started from here, so they never import their owner's script.
"""

from __future__ import annotations

import json
import os
import sys
from io import TextIOWrapper
from typing import Any


def dask_setup(worker: Any) -> None:
    """Let a worker's prints leave it line by line: they go into a pipe, where they would wait."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(line_buffering=True)


def main(settings: dict[str, Any]) -> None:
    """Hold a cluster until standard input ends."""
    import dask
    from distributed import LocalCluster

    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GiB"})
    with (
        LocalCluster(
            n_workers=settings["workers"],
            threads_per_worker=settings["threads_per_worker"],
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            preload=["daskflow.executors.host"],
        ) as cluster,
        os.fdopen(settings["fd"], "w") as told,
    ):
        told.write(json.dumps({"address": cluster.scheduler_address}))
        told.close()
        sys.stdin.buffer.read()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

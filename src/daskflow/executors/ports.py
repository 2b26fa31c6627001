"""Which port the code that runs here has: one that was given, else that of the Dask worker."""

from __future__ import annotations

from contextlib import AbstractContextManager

from daskflow.executors.base import Executor, Port, port_of_body, port_of_thread


def current_port() -> Port:
    """Return the port for a block that begins in this thread."""
    return port_of_thread() or _of_worker()


def nested() -> AbstractContextManager[Executor]:
    """Give what runs the flows that the running task calls; see `Port.nested`."""
    return (port_of_body() or _of_worker()).nested()


def _of_worker() -> Port:
    from daskflow.executors.worker import WorkerPort

    return WorkerPort()

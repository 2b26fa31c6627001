"""Which executor runs a flow that names none."""

from __future__ import annotations

from daskflow.errors import ExecutorError
from daskflow.executors.base import Executor
from daskflow.executors.cluster import DaskExecutor
from daskflow.executors.local import LocalExecutor
from daskflow.settings import Settings


def choose_executor(settings: Settings) -> Executor:
    """Return what ``DASKFLOW_EXECUTOR`` names; else Dask: the active Client or a local cluster.

    Raises
    ------
    ExecutorError
        The name is neither of ``local``, ``threads``, ``dask``, nor an address.
    """
    name = settings.executor or "dask"
    if name == "local":
        return LocalExecutor()
    if name == "threads":
        return LocalExecutor(threads=settings.cluster.workers or 4)
    if name == "dask":
        return DaskExecutor()
    if "://" in name:
        return DaskExecutor(address=name)
    msg = (
        f"no executor is called {name!r}: say local, threads, dask, "
        "or a scheduler's address (tcp://host:port)"
    )
    raise ExecutorError(msg)

"""Runs to look at: made in this process, read from the store that keeps them."""

from daskflow import LocalExecutor
from daskflow.history.watching import WatchedRun
from daskflow.stores.memory import MemoryStore


def kept(flow, *, store=None, **parameters):
    """Run a flow; return the run as whoever looks at its store sees it."""
    store = store or MemoryStore()
    options = {"store": store, "executor": LocalExecutor()}
    flow.with_options(**options).run(**parameters)
    return WatchedRun(store, "last")

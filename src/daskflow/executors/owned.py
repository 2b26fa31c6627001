"""Clusters that executors make of a class: started on first use, closed at exit.

Each belongs to the executor that describes it. Its later runs share it, and what a run holds there
can be read after the run.
"""

from __future__ import annotations

import atexit
import inspect
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any
from weakref import WeakSet

from daskflow.errors import ExecutorError
from daskflow.executors.connections import disconnect
from daskflow.garbage import collected

_EXIT_SECONDS = 5.0  # in which a cluster has to close when nobody waits for tasks any more
_NEARBY = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
_ADDRESSED = {"host", "interface", "protocol", "processes"}  # who says one of these says where

_clusters: dict[object, Any] = {}  # by whom it belongs to
_adapted: WeakSet[object] = WeakSet()  # executors that let a given cluster adapt
_lock = threading.Lock()


def cluster_of(
    owner: object,
    kind: str | Callable[..., Any],
    options: Mapping[str, Any],
    adapt: Mapping[str, Any] | None = None,
) -> Any:
    """Return the cluster that belongs to an executor, starting it if need be.

    Parameters
    ----------
    kind
        The class, or what else makes a cluster, itself or by its dotted name.
    options
        What it is called with.
    adapt
        How it grows and shrinks by itself; None: it does not.

    Raises
    ------
    ExecutorError
        There is no such class, or the cluster does not start.
    """
    with _lock:
        cluster = _clusters.get(owner)
        if cluster is None or is_closed(cluster):
            make = find_class(kind) if isinstance(kind, str) else kind
            with collected():
                cluster = _clusters[owner] = _start(make, options, adapt)
            atexit.unregister(close_clusters)  # Dask closes clusters at exit too: ours go before
            atexit.register(close_clusters)
        return cluster


def adapt_given(owner: object, cluster: Any, adapt: Mapping[str, Any] | None) -> None:
    """Let a given cluster grow and shrink by itself, once for each executor that wants it.

    Raises
    ------
    ExecutorError
        The cluster is closed, or cannot do that.
    """
    if is_closed(cluster):
        msg = f"the given cluster is closed: {cluster!r}; make another, or name its class"
        raise ExecutorError(msg)
    with _lock:
        if adapt is None or owner in _adapted:
            return
        try:
            cluster.adapt(**adapt)
        except Exception as error:
            msg = f"{cluster!r} does not adapt: {type(error).__name__}: {error}"
            raise ExecutorError(msg) from error
        _adapted.add(owner)


def find_class(name: str) -> Callable[..., Any]:
    """Return what a dotted name stands for.

    Raises
    ------
    ExecutorError
        There is no such module, or nothing of that name in it.
    """
    module, _, attribute = name.rpartition(".")
    try:
        found: Callable[..., Any] = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        msg = (
            f"cluster_class={name!r} cannot be imported ({error}); give a class or its dotted "
            "name, as distributed.LocalCluster, and install what it comes with"
        )
        raise ExecutorError(msg) from error
    return found


def is_closed(cluster: Any) -> bool:
    """Return whether a cluster is of no use any more."""
    status = getattr(cluster, "status", None)  # of Dask's enum; some clusters have a text
    return getattr(status, "name", status) in {"closing", "closed", "failed"}


def _start(
    make: Callable[..., Any], options: Mapping[str, Any], adapt: Mapping[str, Any] | None
) -> Any:
    name = getattr(make, "__name__", repr(make))
    cluster = None
    try:
        cluster = make(**_defaults_of(make, options, adapt), **options)
        if adapt is not None:
            cluster.adapt(**adapt)
    except Exception as error:
        if cluster is not None:
            cluster.close()
        root = _root_of(error)
        msg = f"the cluster did not start: {name}: {type(root).__name__}: {root}"
        if "failed to start worker process" in str(root):
            msg += '; a script that makes one needs `if __name__ == "__main__":` around its run'
        raise ExecutorError(msg) from error
    return cluster


def _root_of(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _defaults_of(
    make: Callable[..., Any], options: Mapping[str, Any], adapt: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what is said for the user who does not say it.

    All of a cluster on this machine stays on this machine. One that adapts begins with as many
    workers as it must have. Others know better than we where their workers can reach them.
    """
    from distributed import LocalCluster
    from distributed.deploy.subprocess import SubprocessCluster

    is_local = isinstance(make, type) and issubclass(make, LocalCluster)
    if not is_local and make is not SubprocessCluster:
        return {}
    found: dict[str, Any] = dict(_NEARBY)
    if _ADDRESSED & options.keys():
        del found["host"]
    if options.get("processes") is False:  # then workers show a page each, to everybody
        found["worker_dashboard_address"] = _NEARBY["dashboard_address"]
    if adapt is not None:
        found["n_workers"] = adapt.get("minimum", 0)
    taken = inspect.signature(make).parameters
    takes_all = any(one.kind is one.VAR_KEYWORD for one in taken.values())
    return {
        word: value
        for word, value in found.items()
        if word not in options and (word in taken or takes_all)
    }


def close_clusters() -> None:
    """Close all clusters that executors of this process have made."""
    for cluster in _take_clusters():
        disconnect(cluster)  # and with it goes what runs hold: nobody is left to want it
        with suppress(Exception):  # it was closed by somebody else, or does not answer
            cluster.close()


def abandon_clusters() -> None:
    """End the clusters without waiting long for tasks that still run; before leaving, only.

    A `LocalCluster` needs nothing: its workers end when they lose this process.
    """
    clusters = _take_clusters()
    if not clusters:
        return
    from distributed import LocalCluster

    closing = [
        threading.Thread(target=cluster.close, name="daskflow-close", daemon=True)
        for cluster in clusters
        if not isinstance(cluster, LocalCluster)
    ]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join(timeout=_EXIT_SECONDS)


def _take_clusters() -> list[Any]:
    with _lock:
        found = list(_clusters.values())
        _clusters.clear()
    return found

"""A cluster whose processes the tests may kill."""

from contextlib import contextmanager

import dask
import pytest

from daskflow import DaskExecutor
from tests.contract.waiting import Gate
from tests.semantics.ledger import Ledger

_PATIENT = {"distributed.deploy.lost-worker-timeout": "1000 days"}  # else it is not started again


@contextmanager
def _cluster(config, **size):
    """Run a cluster meanwhile whose workers are started again."""
    from distributed import LocalCluster

    nearby = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": "CRITICAL"}
    with dask.config.set({**config, **_PATIENT}), LocalCluster(**size, **nearby) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def frail_cluster():
    """Two workers of one thread; Dask gives up a task whose worker died twice."""
    config = {"distributed.scheduler.allowed-failures": 1}
    with _cluster(config, n_workers=2, threads_per_worker=1) as cluster:
        yield cluster


@pytest.fixture
def frail(frail_cluster):
    """An executor on that cluster, with its two workers up."""
    frail_cluster.wait_for_workers(2, timeout=60)
    return DaskExecutor(address=frail_cluster.scheduler_address)


@pytest.fixture(scope="module")
def trio_cluster():
    """Three workers of two threads, in 700 MB each; Dask gives up nothing too early."""
    with _cluster({}, n_workers=3, threads_per_worker=2, memory_limit="700MB") as cluster:
        yield cluster


@pytest.fixture
def trio(trio_cluster):
    """An executor on that cluster, with its three workers up."""
    trio_cluster.wait_for_workers(3, timeout=60)
    return DaskExecutor(address=trio_cluster.scheduler_address)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def gate(tmp_path):
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.open()

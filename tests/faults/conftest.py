"""A cluster whose processes the tests may kill."""

import dask
import pytest

from daskflow import DaskExecutor
from tests.contract.waiting import Gate
from tests.semantics.ledger import Ledger


@pytest.fixture(scope="module")
def frail_cluster():
    """Two workers of one thread; Dask gives up a task whose worker died twice."""
    from distributed import LocalCluster

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
        ) as cluster,
    ):
        yield cluster


@pytest.fixture
def frail(frail_cluster):
    """An executor on that cluster, with its two workers up."""
    frail_cluster.wait_for_workers(2, timeout=30)
    return DaskExecutor(address=frail_cluster.scheduler_address)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def gate(tmp_path):
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.open()

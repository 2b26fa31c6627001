"""What all tests share: a home of their own, one small cluster, and every executor in turn."""

import os
import shutil
import tempfile
from collections import defaultdict

import pytest

from tests import coverage_locks
from tests.walks import LegalWalks

WAY = ("executor", "block_size")
LIGHT_WAYS = {("local", 1), ("cluster", None)}
HEAVY_WAYS = {("local", None), ("threads", 1), ("threads", None), ("cluster", 1)}
OUTSIDE = ("acceptance", "faults", "house", "properties", "typing")


class DoctestSettings:
    """Run the examples of docstrings in this process.

    Registered as a plugin because the fixtures of this file end at its folder, and the docstrings
    are in ``src``.
    """

    @pytest.fixture(autouse=True)
    def local_doctests(self, request, monkeypatch):
        """Let a flow that an example calls start no cluster."""
        if isinstance(request.node, pytest.DoctestItem):
            monkeypatch.setenv("DASKFLOW_EXECUTOR", "local")


def pytest_configure(config):
    """Forget the settings of whoever runs the tests, and keep everything in a temporary home."""
    for name in [name for name in os.environ if name.startswith("DASKFLOW_")]:
        del os.environ[name]
    os.environ["DASKFLOW_HOME"] = tempfile.mkdtemp(prefix="daskflow-tests-")
    os.environ["DASKFLOW_STORE__URL"] = "memory://"  # what tests files says so
    coverage_locks.mend()
    config.pluginmanager.register(DoctestSettings(), "daskflow-doctests")
    config.pluginmanager.register(LegalWalks(), "daskflow-legal-walks")


def pytest_collection_modifyitems(items):
    """Of a case that is played in all six ways two are enough, and the others heavy.

    What happens in other processes, or is played elsewhere as well, is outside: there is nothing to
    be learned from it of what tests cover.
    """
    cases = defaultdict(dict)
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        if item.path.parent.name in OUTSIDE or params.get("executor", "local") != "local":
            item.add_marker("outside")
        if params:
            others = [at for at in item.callspec.indices.items() if at[0] not in WAY]
            cases[item.function, *others][tuple(params.get(name, "") for name in WAY)] = item
    for ways in cases.values():
        if ways.keys() >= LIGHT_WAYS | HEAVY_WAYS:
            for way in HEAVY_WAYS:
                ways[way].add_marker("heavy")


def pytest_unconfigure():
    """Remove the temporary home."""
    shutil.rmtree(os.environ.pop("DASKFLOW_HOME", ""), ignore_errors=True)


def pytest_terminal_summary(terminalreporter):
    """Print the figures of the house, also when everything passed."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    told = [item for report in reports for item in getattr(report, "user_properties", ())]
    if figures := sorted({line for name, line in told if name == "figure"}):
        terminalreporter.section("house")
        for line in figures:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def cluster():
    """Two worker processes of one thread each, for all tests that want a cluster."""
    from distributed import LocalCluster

    from daskflow.executors.connections import disconnect

    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs="CRITICAL",
    ) as cluster:
        yield cluster
        disconnect()  # a client whose scheduler goes first tries for long to reach it again


@pytest.fixture(params=["local", "threads", "cluster"])
def executor(request):
    """Each executor in turn: one thread, two threads, a cluster of two processes."""
    from daskflow import DaskExecutor, LocalExecutor

    if request.param == "local":
        return LocalExecutor()
    if request.param == "threads":
        return LocalExecutor(threads=2)
    return DaskExecutor(address=request.getfixturevalue("cluster").scheduler_address)


@pytest.fixture(params=[1, None], ids=["single", "grouped"])
def block_size(request):
    """One task run in a Dask task, then as many as daskflow thinks best."""
    return request.param

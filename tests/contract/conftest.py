"""Every executor there is, for the suite that all of them have to pass."""

import pytest

from daskflow import DaskExecutor, LocalExecutor
from tests.contract.blocks import Opened
from tests.contract.waiting import Gate
from tests.semantics.ledger import Ledger


@pytest.fixture(scope="session")
def near_cluster():
    """A cluster within this process, of one worker with two threads: its code is seen running."""
    from distributed import LocalCluster

    with LocalCluster(
        processes=False,
        n_workers=1,
        threads_per_worker=2,
        dashboard_address="127.0.0.1:0",
        silence_logs="CRITICAL",
    ) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def class_executor():
    """An executor with a cluster of its own, like `near_cluster`, for all its sessions."""
    words = {"processes": False, "n_workers": 1, "threads_per_worker": 2}
    return DaskExecutor(cluster_class="distributed.LocalCluster", cluster_kwargs=words)


@pytest.fixture(params=["local", "threads", "class", "given", "address"])
def executor(request):
    """Each executor in turn, and each way to tell it which cluster."""
    match request.param:
        case "local":
            return LocalExecutor()
        case "threads":
            return LocalExecutor(threads=2)
        case "class":
            return request.getfixturevalue("class_executor")
        case "given":
            return DaskExecutor(cluster=request.getfixturevalue("near_cluster"))
    return DaskExecutor(address=request.getfixturevalue("cluster").scheduler_address)


@pytest.fixture
def begin(executor):
    """Open sessions on the executor; all of them are closed in the end."""
    opened = []

    def begin(spec="a spec"):
        opened.append(Opened.on(executor, spec))
        return opened[-1]

    yield begin
    for one in opened:
        one.session.close()


@pytest.fixture
def ledger(tmp_path):
    """A file in which bodies write down that they were started, in whichever process."""
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def gate(tmp_path):
    """What holds bodies up; it is opened in the end, so that none is left waiting."""
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.open()

"""Who may drive a run: its lease is given back while the run waits, and taken again."""

import pytest

from daskflow import LocalExecutor, MemoryStore, flow, manual_only, task
from daskflow.errors import LeaseLostError, LeaseTakenError
from daskflow.keeping import holder
from daskflow.states import Paused, Success


@task(trigger=manual_only)
def publish() -> str:
    """Wait for a person."""
    return "published"


@pytest.fixture(params=["memory", "sqlite"])
def case(request, tmp_path):
    """A flow that waits, on each store."""
    store = MemoryStore() if request.param == "memory" else tmp_path / "runs.db"
    return flow(lambda: publish(), name="case", executor=LocalExecutor(), store=store)


def test_a_run_that_waits_belongs_to_nobody(case):
    """Somebody else may go on with it; who had it before is told so, and changes nothing."""
    run = case.run()
    assert type(run.state) is Paused
    again = case.resume(run.id)
    assert again.approve() == ["publish"]
    assert (type(again.state), again.result()) == (Success, "published")
    with pytest.raises(LeaseLostError, match="has gone on elsewhere"):
        run.approve()
    assert type(run.state) is Paused


def test_a_run_that_waits_goes_on_where_it_was(case):
    """Approved twice over where it waits twice: the lease is taken again each time."""
    twice = flow(lambda: publish.named("later")(wait_for=[publish()]), **case.options)
    run = twice.run()
    assert run.approve() == ["publish"]
    assert run.approve() == ["later"]
    assert run.result() == "published"


def test_a_run_that_somebody_drives_is_not_resumed(case):
    """The message tells who has it."""
    run = case.run()
    lease = run._keeper.store.lease(run.id, holder())
    with pytest.raises(LeaseTakenError, match=rf"driven by .*process {holder().pid} already"):
        case.resume(run.id)
    with pytest.raises(LeaseTakenError):
        run.approve()
    lease.release()
    assert run.approve() == ["publish"]

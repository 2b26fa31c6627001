"""Each case on every executor, one task run in a block and many: ``play`` runs it and counts."""

from types import SimpleNamespace

import pytest

from daskflow import LocalExecutor, flow
from tests.contract.waiting import Gate
from tests.semantics.bodies import ALL
from tests.semantics.ledger import Ledger


@pytest.fixture
def ledger(tmp_path):
    """Where the bodies of this test write down that they were started."""
    return Ledger(tmp_path / "starts")


@pytest.fixture
def gate(tmp_path):
    """What holds bodies up; it is opened in the end."""
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.open()


@pytest.fixture
def patient(executor):
    """The executors whose driver does not run the bodies itself."""
    if isinstance(executor, LocalExecutor) and executor.threads is None:
        pytest.skip("the driver's own thread is in the body")
    return executor


@pytest.fixture
def do(ledger):
    """The small tasks of the cases by name, each start of them counted."""
    return SimpleNamespace(**{body.__name__: ledger.task(body) for body in ALL})


@pytest.fixture
def play(executor, block_size, ledger):
    """Run a function as a flow; see that the attempts on record are the bodies that started."""

    def play(function, *args, reference_tasks=None, states=None, **kwargs):
        options = {"states": states}
        options |= {} if reference_tasks is None else {"reference_tasks": reference_tasks}
        made = flow(function, executor=executor, block_size=block_size, **options)
        before = ledger.starts()
        run = made.run(*args, **kwargs)
        told = {
            found.name: found.attempt
            for found in run.task_runs
            if found.attempt and hasattr(made.graph().nodes[found.node].task.fn, "is_counted")
        }
        seen = ledger.starts()
        counted = {name: seen[name] - before.get(name, 0) for name in seen}
        assert {name: count for name, count in counted.items() if count} == told
        return run

    return play

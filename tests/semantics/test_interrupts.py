"""Ctrl-C while a flow runs in this process: the run ends, and nothing is left behind."""

import os
import signal
import threading

import pytest

from daskflow import LocalExecutor, flow, states, task
from tests.contract.waiting import eventually
from tests.semantics.bodies import ident, kinds

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
]


def interrupt_here(x):
    """Be interrupted as by Ctrl-C while this body runs."""
    signal.raise_signal(signal.SIGINT)
    return x


def interrupted_run(made):
    """Run a flow that is interrupted; return its run, as whoever kept hold of it has it."""
    from daskflow.starting import prepare

    run = prepare(made, {})
    with pytest.raises(KeyboardInterrupt):
        run.drive()
    return run


def sees_to_it_that_all_is_well(executor):
    """See that the handler is back, and a flow runs normally afterwards in the same process."""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert flow(lambda: task(ident).map([1, 2, 3]), executor=executor)() == [1, 2, 3]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_while_a_body_runs_in_the_main_thread(ledger, block_size):
    """KeyboardInterrupt; the run is Cancelled, and nothing that waited is begun."""
    stop, after = ledger.task(interrupt_here), ledger.task(ident)
    executor = LocalExecutor()

    @flow(executor=executor, block_size=block_size)
    def case():
        x = after.named("before")(1)
        y = stop(x)
        return [after.named(f"after{i}")(y) for i in range(3)], after.named("free").map([1, 2, 3])

    run = interrupted_run(case)
    assert type(run.state) is states.Cancelled
    assert run.state.message == "interrupted by the user"
    found = kinds(run)
    assert [found[f"after{i}"] for i in range(3)] == ["CA"] * 3
    assert found["interrupt_here"] == "CA"
    assert not {"after0", "after1", "after2"} & set(ledger.starts())
    seen = ledger.lines()
    sees_to_it_that_all_is_well(executor)
    assert ledger.lines() == seen


def test_ctrl_c_in_a_call_of_a_flow(ledger):
    """The same where the flow is simply called."""
    stop = ledger.task(interrupt_here)
    made = flow(lambda: stop.map([1, 2, 3]), executor=LocalExecutor(), block_size=1)
    with pytest.raises(KeyboardInterrupt):
        made()
    assert ledger.starts() == {"interrupt_here[0]": 1}
    sees_to_it_that_all_is_well(LocalExecutor())


@pytest.mark.outside  # where each line is watched, a thread that is to be interrupted holds up all
def test_ctrl_c_while_bodies_run_in_threads(ledger):
    """The driver sees it soon; bodies that were begun end by themselves, no other begins."""
    executor = LocalExecutor(threads=2)
    gate = threading.Event()
    timers, left = [], []

    def hold(x):
        """Press Ctrl-C soon from beside, and stay until the run has ended."""
        if not timers:
            timers.append(threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)))
            timers[0].start()
        try:
            gate.wait(30)
        finally:
            left.append(x)
        return x

    holding = ledger.task(hold)

    def case():
        return holding.map(list(range(20)))

    try:
        run = interrupted_run(flow(case, executor=executor, block_size=1))
        assert type(run.state) is states.Cancelled
        assert run["hold"].state.children
        assert {type(child) for child in run["hold"].state.children} == {states.Cancelled}
        began = ledger.lines()
        assert 1 <= len(began) <= 2
    finally:
        gate.set()
    eventually(lambda: len(left) == len(began))
    assert ledger.lines() == began
    sees_to_it_that_all_is_well(executor)


def test_a_handler_of_the_users_own_stays(ledger):
    """Where somebody else takes Ctrl-C it is left to him."""
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        made = flow(lambda: ledger.task(interrupt_here)(7), executor=LocalExecutor())
        assert made() == 7
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [1]

"""What user code returns or raises to spite us: its task run ends, and all else goes on."""

import os

from daskflow import all_finished, flow, task
from daskflow.states import Crashed, Failed, Success
from tests.faults.hostile import EXCEPTIONS, RESULTS, Deadly, Moody


@task
def make(kind):
    return RESULTS[kind][0]()


@task(trigger=all_finished)
def look(value):
    """Say what came, without a look at it."""
    return type(value).__name__


@task
def fail(kind):
    return EXCEPTIONS[kind][0]()


@task
def pid(x):
    return os.getpid()


def pids(trio_cluster):
    return {nanny.pid for nanny in trio_cluster.workers.values()}


def test_hostile_results(trio, trio_cluster, block_size):
    """Twenty and more: each ends as it must, beside the others; no worker is lost."""
    before = pids(trio_cluster)

    @flow(executor=trio, block_size=block_size)
    def hostile():
        return look.map(make.map(list(RESULTS)))

    run = hostile.run()
    wrong = {}
    for kind, made, seen in zip(RESULTS, run[make], run[look], strict=True):
        expected = RESULTS[kind][1]
        is_good = type(made.state) is (Crashed if expected == "CR" else Success)
        if expected == "CR":
            is_good &= made.state.reason == "unserializable"
            is_good &= type(seen.state) is Success and seen.result() == "CrashedError"
        elif expected == "S":
            is_good &= type(seen.state) is Success and seen.result() != "CrashedError"
        else:  # who shares its block gets the value itself
            is_good &= type(seen.state) in {Success, Crashed}
        if not is_good:
            wrong[kind] = str(made.state), str(seen.state)
    assert not wrong
    assert {found.attempt for found in run[make]} == {1}
    assert pids(trio_cluster) == before


def test_hostile_exceptions(trio, trio_cluster, block_size):
    """Twenty and more: Failed at the first attempt, in words, and what depends on it runs."""
    before = pids(trio_cluster)

    @flow(executor=trio, block_size=block_size)
    def hostile():
        return look.map(fail.map(list(EXCEPTIONS)))

    run = hostile.run()
    wrong = {}
    for kind, failed, seen in zip(EXCEPTIONS, run[fail], run[look], strict=True):
        told = EXCEPTIONS[kind][1]
        is_good = type(failed.state) is Failed and told in failed.state.message
        is_good &= len(failed.state.message) < 100_000
        is_good &= isinstance(failed.state.exception, BaseException)
        is_good &= type(seen.state) is Success
        if not is_good:
            wrong[kind] = str(failed.state)[:300], str(seen.state)[:300]
    assert not wrong
    assert {found.attempt for found in run[fail]} == {1}
    assert pids(trio_cluster) == before


@task
def deadly():
    return Deadly()


@task(infra_retries=0)
def count(xs, ledger):
    ledger.note("counts")
    return len(xs)


def test_a_result_that_kills_who_unpickles_it(trio, ledger):
    """Its own worker it does not harm; whoever needs it elsewhere is Crashed, and all else runs."""

    @flow(executor=trio, block_size=1)
    def killing():
        return count([deadly() for _ in range(6)], ledger), pid.map([1, 2, 3])

    run = killing.run()
    assert (type(run[count].state), run[count].state.reason) == (Crashed, "worker lost")
    assert "exited with status 7" in run[count].state.message
    assert ledger.lines() == []
    assert {type(found.state) for found in run.task_runs if found.node != "count"} == {Success}


@task
def moody():
    return Moody()


def test_a_result_that_ends_the_thread_on_its_way(trio, trio_cluster):
    """It passed the look at it; where it goes, it is told that it could not be sent."""
    before = pids(trio_cluster)

    @flow(executor=trio, block_size=1)
    def sending():
        return look([moody() for _ in range(6)])

    run = sending.run()
    assert type(run[look].state) in {Success, Crashed}
    assert pids(trio_cluster) == before

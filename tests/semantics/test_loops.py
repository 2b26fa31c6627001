"""Loops: iterations of one task run, each with retries, pauses and a timeout of its own."""

import os
import time

import pytest

from daskflow import DaskExecutor, LocalExecutor, Loop, Pause, Skip, context, flow, task
from tests.contract.waiting import eventually
from tests.semantics.bodies import kinds, short
from tests.semantics.ledger import Ledger

LARGE = 1 << 20  # bytes


@pytest.fixture
def diary(tmp_path):
    """Where iterations write down what they see."""
    return Ledger(tmp_path / "diary")


def seen():
    """Return what an iteration sees, in a line."""
    return f"{context.task_run_name} {context.loop_count} {context.attempt} {context.loop_result}"


def test_26_a_loop_accumulates(play, diary):
    """Until 4, accumulating: four iterations, each with count and result, and the last value."""

    def accumulate(step):
        diary.note(seen())
        number = (context.loop_result or 0) + step
        if number < 4 * step:
            raise Loop(f"{number} so far", result=number)
        return number

    looping = task(accumulate)

    def case():
        return looping(10)

    run = play(case)
    assert kinds(run) == {"accumulate": "S"}
    assert run.result() == 40
    assert diary.lines() == [
        "accumulate 0 1 None",
        "accumulate 1 1 10",
        "accumulate 2 1 20",
        "accumulate 3 1 30",
    ]
    assert run["accumulate"].state.message == ""
    assert run["accumulate"].attempt == 1


def test_loops_in_lanes(play, do, diary):
    """Each child loops on its own, and what depends on it sees the last value only."""

    def times(x):
        diary.note(seen())
        if context.loop_count < x:
            raise Loop(result=(context.loop_result or 0) + 1)
        return context.loop_result

    looping = task(times)

    def case():
        return do.collect(do.ident.map(looping.map(do.rng(4))))

    assert play(case).result() == [None, 1, 2, 3]
    assert len(diary.lines()) == 1 + 2 + 3 + 4


@pytest.mark.parametrize("executor", ["local"], indirect=True)
@pytest.mark.parametrize("block_size", [1], indirect=True)
def test_ten_thousand_iterations_do_not_recurse(play):
    """The stack does not grow with the iterations, nor does the record."""

    def count():
        if context.loop_count < 10_000:
            raise Loop(result=context.loop_count)
        return context.loop_count, context.loop_result

    run = play(lambda: task(count)())
    assert run.result() == (10_000, 9_999)
    assert len([event for event in run.events() if event.name == "count"]) == 0


def test_retries_are_for_each_iteration(play, diary):
    """Each of four iterations fails once; one retry is enough for all of them."""

    def flaky():
        diary.note(seen())
        if context.attempt == 1:
            raise ValueError(f"in iteration {context.loop_count}")
        if context.loop_count < 3:
            raise Loop(result=f"after {context.loop_count}")
        return context.loop_result

    looping = task(flaky, retries=1)

    def case():
        return looping()

    run = play(case)
    assert run.result() == "after 2"
    assert diary.lines() == [
        "flaky 0 1 None",
        "flaky 0 2 None",
        "flaky 1 1 after 0",
        "flaky 1 2 after 0",
        "flaky 2 1 after 1",
        "flaky 2 2 after 1",
        "flaky 3 1 after 2",
        "flaky 3 2 after 2",
    ]
    assert [short(e.state) for e in run.events() if e.name == "flaky"] == ["R"] * 4


def test_an_iteration_that_fails_for_good_ends_the_loop(play, do, diary):
    """Its retries used up the task run is Failed, with the attempts of that iteration."""

    def failing():
        diary.note(seen())
        if context.loop_count == 2:
            raise ValueError("two")
        raise Loop(result=context.loop_count)

    looping = task(failing, retries=1)

    def case():
        return do.inc(looping())

    run = play(case)
    assert kinds(run) == {"failing": "F", "inc": "TF"}
    assert run["failing"].attempt == 2
    assert len(diary.lines()) == 4
    with pytest.raises(ValueError, match="two"):
        run.result()


def test_a_loop_may_end_by_another_signal(play, diary):
    """The state is that of the last iteration."""

    def skipping():
        if context.loop_count == 2:
            raise Skip(f"after {context.loop_result}")
        raise Loop(result=context.loop_count)

    run = play(lambda: task(skipping)())
    assert kinds(run) == {"skipping": "SK"}
    assert run["skipping"].state.message == "after 1"


def test_a_pause_within_a_loop(play, diary):
    """Approved, the iteration goes on where it was; the next one is not resumed any more."""

    def pausing():
        diary.note(f"{seen()} {context.resumed}")
        if context.loop_count == 1 and not context.resumed:
            raise Pause("is that all right?")
        if context.loop_count < 2:
            raise Loop(result=context.loop_count)
        return context.loop_result

    looping = task(pausing)

    def case():
        return looping()

    run = play(case)
    assert kinds(run) == {"pausing": "PA"}
    run.approve(looping)
    assert run.result() == 1
    assert diary.lines() == [
        "pausing 0 1 None False",
        "pausing 1 1 0 False",
        "pausing 1 2 0 True",
        "pausing 2 1 1 False",
    ]


def test_a_loop_goes_on_after_many_waits(play, do, diary):
    """However often an iteration waits, in lanes of blocks that hold earlier ones, none is lost."""

    def often(x):
        diary.note(seen())
        if context.attempt == 1 and context.loop_count in (1, 3):
            raise ValueError("to be retried")
        if context.loop_count == 2 and not context.resumed:
            raise Pause(seconds=0.01)
        if context.loop_count < 4:
            raise Loop(result=[x, *(context.loop_result or [])])
        return context.loop_result

    looping = task(often, retries=1)

    def case():
        return do.ident.map(looping.map(do.inc.map([1, 2, 3])))

    run = play(case)
    assert run.result() == [[2] * 4, [3] * 4, [4] * 4]
    found = [line for line in diary.lines() if line.startswith("often[1]")]
    assert found == [
        "often[1] 0 1 None",
        "often[1] 1 1 [3]",
        "often[1] 1 2 [3]",
        "often[1] 2 1 [3, 3]",
        "often[1] 2 2 [3, 3]",
        "often[1] 3 1 [3, 3, 3]",
        "often[1] 3 2 [3, 3, 3]",
        "often[1] 4 1 [3, 3, 3, 3]",
    ]


class Parcel:
    """Large, and writes down in which processes it is unpacked."""

    def __init__(self, diary, count):
        self.diary = diary
        self.count = count
        self.filling = b"x" * LARGE

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.diary.note(f"unpacked in {os.getpid()}")


def test_a_large_result_of_an_iteration_stays_on_the_workers(play, diary):
    """A megabyte is there again at the retry of the iteration, and never came to this process."""

    def packing():
        if context.loop_count and context.attempt == 1:
            raise ValueError("once in each iteration")
        parcel = context.loop_result
        assert parcel is None or len(parcel.filling) == LARGE
        if context.loop_count == 3:
            return parcel.count
        raise Loop(result=Parcel(diary, context.loop_count))

    looping = task(packing, retries=1)

    def case():
        return looping()

    run = play(case)
    assert run.result() == 2
    assert f"unpacked in {os.getpid()}" not in diary.lines()
    assert run.record.nodes["packing"].smalls[0] is not None


@pytest.mark.slow
def test_a_loop_goes_on_on_another_worker(diary):
    """A worker that retires hands over what the iteration began with; nothing is repeated."""
    from distributed import Client, LocalCluster

    from daskflow.executors.connections import disconnect

    def moving():
        diary.note(f"{context.loop_count} {context.attempt} {os.getpid()}")
        if context.loop_count == 2 and context.attempt == 1:
            raise ValueError("once")
        if context.loop_count < 3:
            raise Loop(result=[*(context.loop_result or []), bytes(LARGE)])
        return len(context.loop_result)

    looping = task(moving, retries=1, retry_delay_seconds=2)
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(host="127.0.0.1", **options) as cluster, Client(cluster) as client:
        made = flow(lambda: looping(), executor=DaskExecutor(address=cluster.scheduler_address))
        run = made.submit()
        eventually(lambda: short(run["moving"].state) == "R")
        client.retire_workers([run["moving"].worker])
        assert run.wait(60).result() == 3
        disconnect(cluster.scheduler_address)
    lines = [line.split() for line in diary.lines()]
    assert [line[:2] for line in lines] == [
        ["0", "1"],
        ["1", "1"],
        ["2", "1"],
        ["2", "2"],
        ["3", "1"],
    ]
    assert len({line[2] for line in lines}) == 2


def test_the_timeout_is_for_each_iteration(ledger):
    """A loop may take longer than its timeout as long as no iteration does."""

    def idle():
        end = time.monotonic() + 0.06
        while time.monotonic() < end:
            pass
        if context.loop_count < 9:
            raise Loop
        return context.loop_count

    made = flow(lambda: task(idle, timeout_seconds=0.5)(), executor=LocalExecutor())
    assert made() == 9


def test_manual_only_is_asked_once_for_all_iterations(play):
    """A loop behind an approval does not wait for one again."""
    from daskflow import manual_only

    def twice():
        if context.loop_count < 2:
            raise Loop
        return context.loop_count

    looping = task(twice, trigger=manual_only)
    run = play(lambda: looping())
    assert kinds(run) == {"twice": "PA"}
    run.approve()
    assert run.result() == 2

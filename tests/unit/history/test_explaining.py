"""Why a task run is in its state: from each of them to the first cause."""

from __future__ import annotations

import pytest

from daskflow import (
    Fail,
    LocalExecutor,
    MemoryStore,
    Pause,
    Skip,
    all_failed,
    any_failed,
    case,
    context,
    flow,
    manual_only,
    task,
)
from daskflow.definition.outlining import outline_of
from daskflow.entries import SegmentTold, SpaceEnded, SpaceOpened, TaskRunMoved
from daskflow.history.explaining import Earlier, Reason, explain, explain_miss
from daskflow.history.reading import ReadRun, read_run, record_of, seen_state
from daskflow.states import Cancelled, Crashed, Pending, Retrying, Running, Success, TriggerFailed
from daskflow.stores.history import Holder, RunRow
from daskflow.timing import as_datetime
from tests.contract.test_run_stores import segment


@task
def numbers(n: int) -> list[int]:
    return list(range(n))


@task
def picky(n: int) -> int:
    if n == 1:
        raise Skip("not one")
    if n >= 3:
        raise ValueError(f"no {n}")
    return n


@task
def total(values: list[int]) -> int:
    return sum(values)


@task
def same(x: int) -> int:
    return x


def why(function, task_run, **parameters):
    """Run a function as a flow; return the reasons of a task run, each in one line."""
    store = MemoryStore()
    flow(function, executor=LocalExecutor(), store=store, name="etl", run_name="night").run(
        **parameters
    )
    found = read_run(store, "last")
    return [line(reason) for reason in explain(found, *task_run)]


def line(reason: Reason) -> str:
    return f"{reason.who}: {reason.state}"


def chain(n: int):
    return same(total(picky.map(numbers(n))))


def test_a_trigger_that_said_no_leads_to_the_first_failure():
    """Step by step, each upstream that failed, to the exception that began it."""
    found = why(chain, ["same"], n=5)
    assert [one.partition("(")[0] for one in found] == [
        "same: TriggerFailed",
        "total: TriggerFailed",
        "picky[3]: Failed",
    ]
    assert found[-1] == "picky[3]: Failed('ValueError: no 3')"


def reasons_of(function, *task_run, **parameters):
    """Run a function as a flow; return the reasons of a task run whole."""
    store = MemoryStore()
    flow(function, executor=LocalExecutor(), store=store, name="etl").run(**parameters)
    return explain(read_run(store, "last"), *task_run)


def test_a_failure_is_told_with_the_end_of_its_traceback():
    """With attempt and worker; it needs no other reason."""
    (reason,) = reasons_of(chain, "picky", (3,), n=5)
    assert reason.told[0].startswith("Traceback")
    assert reason.told[-1] == "ValueError: no 3"
    assert (reason.attempt, bool(reason.worker)) == (1, True)


def deep(n: int) -> int:
    return deep(n - 1) if n else 1 // n


def test_of_a_long_traceback_the_end_is_told():
    """Where the exception was raised."""

    def fall():
        return task(deep)(50)

    (reason,) = reasons_of(fall, "deep")
    assert len(reason.told) == 12
    assert reason.told[-1].startswith("ZeroDivisionError")


def test_several_that_failed_are_named():
    """The first few, and how many more."""
    first, *_ = reasons_of(chain, "total", n=10)
    named = "picky[3], picky[4], picky[5], picky[6], picky[7] and 2 more"
    assert first.told == (f"failed before it: {named}",)


def test_a_mapped_task_leads_to_its_children():
    """To the first one that failed; where all succeeded there is nothing to tell."""
    assert why(chain, ["picky"], n=5)[-1] == "picky[3]: Failed('ValueError: no 3')"
    (reason,) = reasons_of(lambda: same.map(numbers(3)), "same")
    assert reason.told == ("all of its 3 task runs succeeded",)


def test_a_skipped_one_leads_to_the_one_that_said_so():
    """Through all that were skipped because of it."""
    found = reasons_of(lambda: same(same(picky(1))), "same-2")
    assert [reason.who for reason in found] == ["same-2", "same", "picky"]
    assert found[-1].told == ("it said so itself",)
    (mapped, child) = reasons_of(lambda: picky.map([0, 1]), "picky")
    assert mapped.told == ("1 of its 2 task runs was skipped: picky[1]",)
    assert child.who == "picky[1]"


def test_a_case_that_did_not_match():
    """What is in it was skipped because of it, mapped or not."""

    def branch():
        with case(numbers(1), 7):
            same.map([1, 2])
            total([1])

    assert why(branch, ["total"]) == [
        "total: Skipped('because of case: the value was [0], this branch is for 7')",
        "case: Skipped('the value was [0], this branch is for 7')",
    ]
    assert why(branch, ["same"])[-1].startswith("case: Skipped")


def test_a_width_that_is_none():
    """A mapped task that could not be mapped says so; one over a failed one leads there."""
    assert "same: Failed" in why(lambda: same.map(total([1])), ["same"])[0]
    found = why(lambda: same.map(picky(3)), ["same"])
    assert found[-1] == "picky: Failed('ValueError: no 3')"
    assert why(lambda: same.map(picky(3)), ["same", (2,)])[0].startswith("same[2]: TriggerFailed")


def test_a_trigger_that_missed_failures_leads_nowhere():
    """Nothing failed: that is what it says."""
    found = why(lambda: task(trigger=all_failed)(lambda: 1).named("t")(wait_for=[same(1)]), ["t"])
    assert len(found) == 1
    assert "trigger all_failed said no" in found[0]


def test_what_the_task_said_of_itself():
    """A Fail is told with its message, in a flow that went on behind it."""

    @task
    def refuse():
        raise Fail("not today")

    @task(trigger=any_failed)
    def rescue(x):
        return 1

    assert why(lambda: rescue(refuse()), ["refuse"]) == ["refuse: Failed('not today')"]
    assert why(lambda: rescue(refuse()), ["rescue"]) == ["rescue: Success"]


def test_attempts_before_the_last_are_told():
    """Of a success and of a failure; those of another task run are not."""

    @task(retries=2, retry_delay_seconds=0)
    def flaky(n: int):
        if context.attempt <= n:
            raise TimeoutError(f"closed {n}")

    def tries():
        return flaky.map([0, 1, 3])

    (reason,) = reasons_of(tries, "flaky", (1,))
    assert reason.told == ("before: attempt 1 of 3 failed: TimeoutError: closed 1",)
    assert reason.attempt == 2
    (reason,) = reasons_of(tries, "flaky", (2,))
    assert reason.told[1] == "before: attempt 2 of 3 failed: TimeoutError: closed 3"
    assert reasons_of(tries, "flaky", (0,))[0].told == ()


@task
def ask(n: int) -> int:
    if n == 1 and not context.resumed:
        raise Pause("really 1?")
    return n


def waits():
    return total(ask.map([0, 1, 2])), task(lambda: 1, trigger=manual_only).named("publish")()


def test_what_waits_for_a_person():
    """And all that waits for that."""
    assert why(waits, ["publish"]) == ["publish: Paused('waits for approval')"]
    assert why(waits, ["total"]) == [
        "total: Pending",
        "ask[1]: Paused('really 1?')",
    ]
    first, mapped = reasons_of(waits, "total")
    assert first.told == ("waits for ask[1]",)
    assert mapped.told == ("it waits for a person",)


def test_a_mapped_task_whose_width_is_not_known_yet():
    """It waits for what gives the width."""

    def later():
        return same.map(task(lambda: [1], trigger=manual_only).named("give")())

    found = reasons_of(later, "same")
    assert [line(one) for one in found] == [
        "same: Pending",
        "give: Paused('waits for approval')",
    ]
    assert found[0].told == ("waits for give",)
    assert reasons_of(later, "same", (3,))[1].who == "give"


def test_a_cached_value_is_told_by_its_run():
    """And what its key is made of."""
    store = MemoryStore()
    kept = same.with_options(cache=True)
    etl = flow(lambda: (kept(1), kept(1)), executor=LocalExecutor(), store=store, name="etl")
    etl.run()
    (reason,) = explain(read_run(store, "last"), "same-2", names=lambda run_id: "owl")
    assert line(reason) == "same-2: Cached('made by same of run owl')"
    assert reason.told == ("its key is made of: argument 'x', source",)


def test_a_miss_is_told_by_what_changed():
    """Where a result of an earlier run is close."""
    store = MemoryStore()
    kept = same.with_options(cache=True)
    flow(lambda: kept(1), executor=LocalExecutor(), store=store, name="etl").run()
    asked = []

    def earlier(name):
        asked.append(name)
        return [Earlier("owl / same", {"argument 'x'": "another", "source": "another"})]

    (reason,) = explain(read_run(store, "last"), "same", earlier=earlier)
    told = "no cached result: argument 'x' and source are not what they were for owl / same"
    assert (asked, reason.told) == (["same"], (told,))


NIGHT = Earlier("night / load", {"argument 'x'": "1", "source": "a"})
EVENING = Earlier("evening / load", {"argument 'x'": "2", "source": "b"})


@pytest.mark.parametrize(
    ("digests", "told"),
    [
        ({"argument 'x'": "3", "source": "a"}, "argument 'x' is not what it was for night / load"),
        ({"argument 'x'": "2", "source": "c"}, "source is not what it was for evening / load"),
        ({"argument 'x'": "1", "source": "a"}, "that of night / load had expired, or was not kept"),
        ({"argument 'x'": "1"}, "source is not what it was for night / load"),
    ],
)
def test_the_closest_earlier_call_explains_a_miss(digests, told):
    """What differs from it is named, also where it was not part of the key."""
    assert explain_miss(digests, [NIGHT, EVENING]) == f"no cached result: {told}"


def test_a_miss_without_an_earlier_call():
    """The first of its kind."""
    assert "none of the runs before it" in explain_miss({"source": "a"}, [])


# ------------------------------------------------------------------- as a lost driver leaves a run


@flow
def lanes():
    return total(picky.map([0, 1]))


def left(state, *entries, holder=None):
    """Return a run with a history that ends somewhere."""
    row = RunRow("1", "owl", "etl", state, 1.0, graph=outline_of(lanes.graph()))
    seen = seen_state(row, is_held=holder is not None)
    return ReadRun(row, seen, holder, record_of(row, list(entries)))


def test_a_run_whose_driver_is_lost():
    """What was to run next leads to the flow run itself."""
    found = explain(left(Running()), "total")
    assert [line(one)[:27] for one in found] == [
        "total: Pending",
        "picky: Pending",
        "owl: Crashed('nobody drives",
    ]
    assert found[1].told == ("all that it waits for is finished",)


def test_a_run_that_goes_on():
    """There is nothing to be done: it waits for its turn."""
    found = explain(left(Running(), holder=Holder("me", "here", 1)), "picky")
    assert [one.who for one in found] == ["picky"]
    assert found[0].told == ("all that it waits for is finished: it runs as soon as there is room",)


def test_what_was_cancelled_leads_to_who_did_it():
    """The flow run's own message tells."""
    ended = TaskRunMoved(2.0, "total", (), 0, Cancelled("by the user"), is_driver=True)
    found = explain(left(Cancelled("interrupted by the user"), ended), "total")
    assert [line(one) for one in found] == [
        "total: Cancelled('by the user')",
        "owl: Cancelled('interrupted by the user')",
    ]


def test_what_crashed_is_told_with_the_losses_before():
    """Each attempt that vanished, and what ended it."""
    lost = TaskRunMoved(1.0, "total", (), 0, Pending("its worker was lost: it runs again"))
    other = TaskRunMoved(1.5, "picky", (0,), 0, Pending("its worker was lost: it runs again"))
    crash = Crashed("its worker was lost", attempt=2, reason="worker lost")
    ended = TaskRunMoved(2.0, "total", (), 0, crash, is_driver=True)
    entries = [SpaceOpened("picky", 0, 1), lost, other, ended]
    (reason,) = explain(left(Success(), *entries), "total")
    assert reason.state.reason == "worker lost"
    assert reason.told == ("before: its worker was lost: it runs again",)


def test_what_is_retried_later():
    """Until when it waits is in its state, why in its message."""
    due = as_datetime(99.0)
    state = Retrying("attempt 1 of 2 failed", attempt=1, scheduled_for=due)
    told = segment(message="attempt 1 of 2 failed", due=99.0, trace="ValueError: no\n")
    told.node, told.codes = "total", bytearray([Retrying.code])
    entries = [SegmentTold(1, "w", told), TaskRunMoved(2.0, "total", (), 0, state)]
    holder = Holder("me", "here", 1)
    (reason,) = explain(left(Running(), *entries, holder=holder), "total")
    assert reason.state.scheduled_for == due
    assert reason.told == ("before: attempt 1 of 2 failed", "ValueError: no")


def test_a_value_that_was_given():
    """Its body was not called."""
    given = TaskRunMoved(2.0, "total", (), 0, Success("given"), is_driver=True)
    (reason,) = explain(left(Success(), given), "total")
    assert reason.told == ("its value was given, its body was not called",)


def test_a_cancelled_upstream_is_the_cause():
    """Where nothing failed."""
    told = segment(message="said no")
    told.node, told.codes = "total", bytearray([TriggerFailed.code])
    ended = SpaceEnded("picky", 0, Cancelled("stopped")), SegmentTold(1, "w", told)
    assert [line(one) for one in explain(left(Success(), *ended), "total")] == [
        "total: TriggerFailed('said no')",
        "picky: Cancelled('stopped')",
    ]

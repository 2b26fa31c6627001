"""``daskflow why``: the reasons as they are told, and what to do about them."""

from __future__ import annotations

import pytest

from daskflow import LocalExecutor, flow, manual_only, task
from daskflow.cli.reading import Way
from daskflow.cli.reasons import Story, head_of
from daskflow.history.explaining import Reason
from daskflow.history.reading import read_run
from daskflow.states import Crashed, Failed, Retrying, Running, Success
from daskflow.stores.history import RunRow
from daskflow.timing import as_datetime


@task(cache=True)
def load(n: int) -> int:
    return n


@task(retries=1, retry_delay_seconds=0)
def fail(n: int) -> int:
    raise ValueError(f"no {n}")


@task
def total(n: int) -> int:
    return n


def run(function, name="night", flow_name="etl", **parameters):
    options = {"executor": LocalExecutor(), "name": flow_name, "run_name": name}
    return flow(function, **options).run(**parameters)


def failing():
    return total(fail(3))


def test_a_story_for_people(store, daskflow):
    """From the task run to its cause, with the traceback, and what to do next."""
    run(failing)
    code, output, errors = daskflow("why", "last", "total")
    lines = [line.strip() for line in output.splitlines()]
    assert (code, errors) == (0, "")
    assert lines[0] == "total: TriggerFailed"
    assert lines[2].startswith("because fail: Failed at attempt 2 on ")
    assert any("attempt 1 of 2 failed: ValueError: no 3" in line for line in lines)
    assert "ValueError: no 3" in lines
    assert lines[-3:] == [
        "next",
        "daskflow rerun night --failed   makes a new run that keeps what is done",
        "daskflow debug night fail   calls it again here, with the same inputs",
    ]


def test_without_a_task_it_is_told_of_what_failed_first(store, daskflow):
    """Not of what hangs on it; where all is well there is nothing to explain."""
    run(failing)
    code, output, _ = daskflow("why", "last")
    assert (code, output.splitlines()[0][:26]) == (0, "fail: Failed at attempt 2 ")
    run(lambda: total(load(1)), name="day")
    code, _, errors = daskflow("why", "day")
    assert code != 0
    assert "nothing failed, waits or was skipped; name a task: load, total" in errors


def test_a_run_whose_driver_is_lost_is_to_be_resumed(store, daskflow):
    """Where that is all that is wrong with it."""
    store.create(RunRow("1" * 32, "owl", "etl", Running(), 1.0, started=1.0), "op")
    code, _, errors = daskflow("why", "owl")
    assert code != 0
    assert "nobody drives it any more; it was Running: daskflow resume owl goes on" in errors


def test_what_waits_is_told_of_before_what_hangs_on_it(store, daskflow):
    """And what was skipped comes last."""

    def gated():
        return total(task(load.fn, name="gate", trigger=manual_only)(1))

    run(gated)
    code, output, _ = daskflow("why", "last")
    assert (code, output.splitlines()[0]) == (0, "gate: Paused")


def test_a_story_for_machines(store, told):
    """The same in one document."""
    live = run(failing)
    document = told("why", "night", "total")
    assert (document["run"], document["name"], document["task_run"]) == (live.id, "night", "total")
    first, last = document["reasons"]
    assert (first["who"], first["state"], first["told"]) == ("total", "TriggerFailed", [])
    assert (last["who"], last["state"], last["attempt"]) == ("fail", "Failed", 2)
    assert (last["due"], last["told"][-1]) == (None, "ValueError: no 3")
    assert document["next"][1]["command"] == "daskflow debug night fail"


def test_a_miss_is_explained_by_the_run_before(store, told):
    """The argument that changed, and the source."""

    def loading(n: int):
        return load(n)

    run(loading, "one", n=1)
    run(loading, "two", n=2)
    assert told("why", "last", "load")["reasons"][0]["told"] == [
        "no cached result: argument 'n' is not what it was for one / load"
    ]

    @task(cache=True, name="load")
    def other(n: int) -> int:
        return n + 1

    run(lambda: other(2), "three")
    assert told("why", "last", "load")["reasons"][0]["told"] == [
        "no cached result: source is not what it was for two / load"
    ]


def test_a_hit_is_told_by_the_run_that_made_it(store, told):
    """By its name."""
    run(lambda: load(1), "one")
    run(lambda: load(1), "two")
    (reason,) = told("why", "last", "load")["reasons"]
    assert reason["message"] == "made by load of run one"


def test_runs_of_other_flows_explain_nothing(store, told):
    """Nor do those that came later, or have no such task."""
    run(lambda: load(1), "other", flow_name="other")
    run(lambda: total(1), "before")
    run(lambda: load(2), "mine")
    run(lambda: load(3), "later")
    told_of = told("why", "mine", "load")["reasons"][0]["told"]
    assert told_of == [
        "no cached result: none of the runs before it that are kept here has made one"
    ]


def test_what_is_paused_is_approved(store, told, daskflow):
    """Or rejected."""
    run(lambda: total(task(lambda: 1, trigger=manual_only).named("publish")()))
    commands = [one["command"] for one in told("why", "last", "total")["next"]]
    assert commands == ["daskflow approve night publish", "daskflow reject night publish"]
    assert "because publish: Paused" in daskflow("why", "last", "total")[1]


def test_a_lost_driver_is_the_cause(store, told):
    """What was to run next waits for it; the run is resumed."""
    graph = read_graph(store)
    store.create(RunRow("1" * 32, "owl", "etl", Running(), 9e9, graph=graph), "op")
    document = told("why", "owl", "total")
    assert [one["who"] for one in document["reasons"]] == ["total", "fail", "owl"]
    assert document["reasons"][-1]["reason"] == "driver lost"
    (step,) = document["next"]
    assert step["command"] == "daskflow resume owl"
    assert step["why"].startswith("goes on where it stopped")


def read_graph(store):
    run(failing)
    return store.run(store.runs()[0].id).graph


@pytest.mark.parametrize("wanted", ["nothing", "total[3]"])
def test_a_task_that_there_is_not(store, daskflow, wanted):
    """One line, exit code 1."""
    run(failing)
    code, output, errors = daskflow("why", "last", wanted)
    assert (code, output, "\n" in errors) == (1, "", False)
    assert repr(wanted) in errors


def test_the_head_of_a_reason():
    """Attempt, worker and instant, where they tell something."""
    way = Way(is_utc=True)
    retrying = Retrying(scheduled_for=as_datetime(0.0))
    assert head_of(Reason("a", retrying, 1), way) == (
        "a: Retrying, goes on at 1970-01-01 00:00:00Z"
    )
    assert head_of(Reason("a", Failed(), 2, "tcp://w:1"), way) == (
        "a: Failed at attempt 2 on tcp://w:1"
    )
    assert head_of(Reason("a", Success(), 1, "tcp://w:1"), way) == "a: Success on tcp://w:1"
    # who had it before tells nothing of where it runs, or will
    assert head_of(Reason("a", Running(), 2, "tcp://w:1"), way) == "a: Running at attempt 2"
    assert head_of(Reason("a", Crashed(reason="worker lost"), 1, ""), way) == (
        "a: Crashed (worker lost)"
    )


def test_a_success_needs_nothing(store):
    """There is nothing to do next, also where a sibling failed."""
    run(lambda: (total(1), fail(1)))
    found = read_run(store, "last")
    assert list(Story.of(store, found, "total", ()).next()) == []

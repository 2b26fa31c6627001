"""``daskflow show`` and ``daskflow events``: what became of a run, and what to do next."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from daskflow import LocalExecutor, Pause, Skip, context, flow, manual_only, task
from daskflow.definition.outlining import outline_of
from daskflow.states import Cancelled, Crashed, Running, Success
from daskflow.stores.history import Holder, RunRow


@task
def load(n: int) -> int:
    return n


@task(retries=1, retry_delay_seconds=0)
def picky(n: int) -> int:
    if n == 1:
        raise Skip("not one")
    if n == 2 and context.attempt == 1:
        raise TimeoutError("closed")
    if n >= 3:
        raise ValueError(f"no {n}")
    return n


@task
def total(values: list[int]) -> int:
    return sum(values)


@task
def ask(n: int) -> int:
    if not context.resumed:
        raise Pause(f"really {n}?")
    return n


def run(function, name="night", **options):
    options = {"executor": LocalExecutor(), "name": "etl", "run_name": name, **options}
    return flow(function, **options).run()


def failing():
    return total(picky.map([load(0), 1, 2, 3, 4]))


def words(output):
    return [" ".join(line.split()) for line in output.splitlines()]


def test_a_failed_run_for_people(store, daskflow):
    """Its head, who and where, its tasks, what failed itself first, and what to do next."""
    run(failing, tags={"eu"})
    code, output, errors = daskflow("show", "night")
    lines = words(output)
    assert (code, errors) == (0, "")
    assert lines[0].startswith("etl / night: Failed after 0.")
    assert lines[0].endswith(": 1 of 1 reference task runs failed: total")
    assert any(line.startswith("id ") and len(line) == 35 for line in lines)
    assert any("+02:00" in line and line.startswith("started ") for line in lines)
    assert "tags eu" in lines
    assert [line.partition(" 0.")[0] for line in lines if line[:5] in ("load ", "picky", "total")][
        :3
    ] == [
        "load 1 1 Success",
        "picky 5 2 Success, 1 Skipped, 2 Failed",
        "total 1 1 TriggerFailed",
    ]
    at = lines.index("retried and skipped")
    assert lines[at + 1] == "picky[1]: Skipped: not one"
    assert lines[at + 2].startswith("picky[2]: Success at attempt 2; attempt 1 of 2 failed: Time")
    assert lines[at + 4] == "failed"  # and what failed in the end is told there only
    at += 4
    assert lines[at + 1].startswith("picky[3]: Failed: ")
    assert lines[at + 3].startswith("total: TriggerFailed: trigger all_successful said no")
    assert lines[lines.index("next") + 1 :] == [
        "daskflow rerun night --failed makes a new run that keeps what is done",
        "daskflow why night 'picky[3]' tells why, with the traceback",
    ]


def test_a_failed_run_for_machines(store, told):
    """The same in one document."""
    live = run(failing)
    document = told("show", live.id[:9])
    assert (document["id"], document["state"], document["driver"]) == (live.id, "Failed", None)
    assert [node["node"] for node in document["nodes"]] == ["load", "picky", "total"]
    assert document["nodes"][1]["counts"] == {"Success": 2, "Skipped": 1, "Failed": 2}
    assert document["nodes"][1]["total"] == 5
    assert document["nodes"][1]["seconds"] >= 0
    first = document["failures"][0]
    assert (first["task_run"], first["node"], first["index"]) == ("picky[3]", "picky", [3])
    assert (first["state"], "ValueError: no 3" in first["message"]) == ("Failed", True)
    assert document["waiting"] == []
    assert document["next"][0]["command"] == "daskflow rerun night --failed"


def test_a_success_needs_nothing(store, daskflow, told):
    """There is nothing to do next."""
    run(lambda: load(1))
    assert told("show", "last")["next"] == []
    output = daskflow("show", "last")[1]
    assert output.startswith("etl / night: Success in 0.")
    assert "next" not in output


def test_a_run_that_waits_for_a_person(store, told, daskflow):
    """What waits is listed with what it says; the command names one where there are several."""
    run(lambda: ask.map([1, 2]))
    document = told("show", "last")
    assert [one["task_run"] for one in document["waiting"]] == ["ask[0]", "ask[1]"]
    assert [one["command"] for one in document["next"]] == [
        "daskflow approve night 'ask[0]'",
        "daskflow reject night 'ask[0]'",
    ]
    output = words(daskflow("show", "last")[1])
    assert "ask[0]: Paused: really 1?" in output
    run(lambda: task(lambda: 1, trigger=manual_only).named("t")(), name="dawn")
    assert told("show", "last")["next"][0]["command"] == "daskflow approve dawn t"


@pytest.mark.parametrize("state", [Cancelled("stopped"), Crashed("x", reason="driver"), Running()])
def test_a_run_that_may_go_on(store, told, state):
    """The command to resume it; one that was lost has no time that it took."""
    graph = outline_of(flow(failing, name="etl").graph())
    store.create(RunRow("1" * 32, "owl", "etl", state, 1.0, started=1.0, graph=graph), "op")
    document = told("show", "owl")
    assert document["next"][0]["command"] == "daskflow resume owl"
    assert document["nodes"][1] == {"node": "picky", "total": None, "counts": {}, "seconds": 0}


def test_a_run_that_goes_on(store, told, daskflow):
    """Who drives it, and since when; there is nothing to do."""
    store.create(RunRow("1" * 32, "owl", "etl", Running(), 1.0, started=1.0), "op")
    lease = store.lease("1" * 32, Holder("ada", "tower", 7))
    assert told("show", "owl")["driver"] == f"ada@tower, process {os.getpid()}"
    assert told("show", "owl")["next"] == []
    output = daskflow("show", "owl")[1]
    assert output.startswith("etl / owl: Running after ")
    assert f"driven by ada@tower, process {os.getpid()}" in words(output)
    lease.release()


def test_a_name_that_several_runs_have(store, told):
    """The commands name the run by its id."""
    row = RunRow("1" * 32, "owl", "etl", Cancelled(), 1.0)
    store.create(row, "1")
    store.create(replace(row, id="2" * 32, created=2.0), "2")
    assert told("show", "last")["next"][0]["command"] == "daskflow resume 222222222222"


def test_a_name_that_a_shell_would_take_apart(store, told):
    """It is quoted."""
    store.create(RunRow("1" * 32, "night 7", "etl", Cancelled(), 1.0), "1")
    assert told("show", "night 7")["next"][0]["command"] == "daskflow resume 'night 7'"


def test_where_a_run_comes_from(store, daskflow):
    """The run that it repeats, the task run that called it."""
    row = RunRow("1" * 32, "owl", "etl", Success(), 1.0, parent="ab12")
    store.create(row, "1")
    store.create(replace(row, id="2" * 32, name="elk", caller="ab12/call[3]"), "2")
    assert "repeats ab12" in words(daskflow("show", "owl")[1])  # it was forgotten
    store.create(replace(row, id="ab12", name="fox", parent=""), "3")
    assert "repeats fox" in words(daskflow("show", "owl")[1])
    lines = words(daskflow("show", "elk")[1])
    assert "called by ab12/call[3]" in lines
    assert "repeats ab12" not in lines


def test_of_very_many_failures_the_first_are_shown(store, daskflow):
    """And how many more there are."""
    run(lambda: picky.map(list(range(3, 33))))
    lines = words(daskflow("show", "last")[1])
    assert sum(line.startswith("picky[") for line in lines) == 20
    assert "and 10 task runs more" in lines


def test_what_happened_for_people(store, daskflow):
    """In order, the run's own states too, with times where the person is."""
    run(failing)
    code, output, errors = daskflow("events", "last", env={"COLUMNS": "300"})
    head, *lines = words(output)
    assert (code, errors, head) == (0, "", "at who state message")
    assert all("+02:00 " in line for line in lines)
    assert [line.split("+02:00 ")[1].split(" ", 2)[:2] for line in lines] == [
        ["night", "Running"],
        ["picky[1]", "Skipped"],
        ["picky[2]", "Retrying"],
        ["picky[3]", "Retrying"],
        ["picky[4]", "Retrying"],
        ["picky[3]", "Failed"],
        ["picky[4]", "Failed"],
        ["total", "TriggerFailed"],
        ["night", "Failed"],
    ]
    assert lines[1].endswith("not one")


def test_what_happened_for_machines(store, told):
    """The same, with times in UTC; a cached value by the name of the run that made it."""
    live = run(lambda: load.with_options(cache=True)(7))
    again = run(lambda: load.with_options(cache=True)(7), name="dawn")
    document = told("events", "dawn")
    assert (document["run"], document["name"]) == (again.id, "dawn")
    states = [(event["who"], event["state"]) for event in document["events"]]
    assert states == [("dawn", "Running"), ("load", "Cached"), ("dawn", "Success")]
    assert document["events"][1]["message"] == f"made by load of run {live.name}"
    assert document["events"][0]["at"].endswith("Z")


@pytest.mark.parametrize("command", ["show", "events"])
def test_a_run_that_there_is_not(store, daskflow, command):
    """One line, exit code 1; in an empty store what to do."""
    code, output, errors = daskflow(command, "owl")
    assert (code, output) == (1, "")
    assert "`daskflow run FILE.py:flow` makes one" in errors
    run(lambda: load(1))
    assert "no run is called 'owl'" in daskflow(command, "owl")[2]


def test_nothing_of_the_users_is_unpickled(store, told, monkeypatch):
    """Whoever reads runs needs no code of theirs, and runs none."""
    run(failing)

    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr("pickle.loads", refuse)
    assert told("show", "last")["state"] == "Failed"
    assert told("events", "last")["events"]
    assert told("why", "last", "total")["reasons"]

"""``daskflow watch``: a run of the store, shown as its driver shows it."""

from __future__ import annotations

import json
import threading
from importlib import import_module

import pytest

from daskflow import LocalExecutor, Pause, Skip, context, flow, task
from daskflow.history.watching import WatchedRun
from daskflow.states import Cancelled, Running
from daskflow.stores.history import RunRow
from tests.contract.waiting import eventually

GATE = threading.Event()


@task
def load(n: int) -> int:
    if n == 1:
        raise Skip("not one")
    return 10 // n


@task
def gated(values: list[int]) -> int:
    assert GATE.wait(30)
    return len(values)


@task
def ask(n: int) -> int:
    if not context.resumed:
        raise Pause("sure?")
    return n


@flow(executor=LocalExecutor(threads=2), name="etl", block_size=1, run_name="night")
def etl(numbers: list[int]):
    return gated(load.map(numbers))


def run(function):
    return flow(function, executor=LocalExecutor(), name="etl", run_name="night").run()


def test_a_run_that_has_ended_is_shown_at_once(store, daskflow):
    """As in the end of `daskflow run`, but for the value: nothing is unpickled here."""
    run(lambda: load.map([1, 2]))
    code, output, errors = daskflow("watch", "last")
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[1].startswith("etl / night: Success in ")
    assert "1 Success, 1 Skipped" in output
    assert lines[-2:] == ["skipped", "  load[0]: Skipped: not one"]
    assert "started" not in output


def test_a_run_that_failed(store, daskflow):
    """Exit code 2, with the traceback, and what to do next."""
    run(lambda: load(0))
    code, output, _ = daskflow("watch", "night")
    assert code == 2
    assert "load: Failed, attempt 1, on MainThread" in output
    assert "ZeroDivisionError: integer division or modulo by zero" in output
    assert "daskflow rerun night --failed" in output
    assert "daskflow debug night load" in output


def test_a_run_that_waits(store, daskflow):
    """Exit code 4, and how it is decided."""
    run(lambda: ask(1))
    code, output, _ = daskflow("watch", "last")
    assert code == 4
    assert "waiting for approval\n  ask: sure?\n" in output
    assert "  daskflow approve night ask   lets it go on\n" in output


@pytest.mark.parametrize(
    ("state", "code", "head"),
    [
        (Cancelled("stopped"), 3, "etl / owl: Cancelled after 1.0 s: stopped"),
        (Running(), 2, "etl / owl: Crashed (driver lost): nobody drives it any more; it was Run"),
    ],
)
def test_a_run_that_may_go_on(store, daskflow, state, code, head):
    """Cancelled, or without its driver: the line that resumes it; of a lost one no time."""
    ended = 2.0 if state.is_finished() else None
    row = RunRow("1" * 32, "owl", "etl", state, 1.0, started=1.0, ended=ended)
    store.create(row, "op")
    found, output, _ = daskflow("watch", "owl")
    assert found == code
    assert head in output
    assert "  daskflow resume owl   goes on where it stopped" in output


def test_a_run_that_goes_on_is_followed(store, daskflow):
    """Lines as they come, from what happened before on; its end ends it."""
    live = etl.submit(numbers=[1, 2, 5])
    eventually(lambda: WatchedRun(store, "last").progress()[0].counts.get("Success") == 2)
    threading.Timer(0.5, GATE.set).start()
    code, output, _ = daskflow("watch", live.id)
    lines = output.splitlines()
    assert code == 0
    assert lines[0].endswith(" etl / night started")
    assert lines[1].endswith(" load[0] Skipped: not one")
    assert lines[3].startswith("etl / night: Success in ")


def test_each_event_is_a_document(store, daskflow):
    """For machines; the last one is that of `daskflow show`."""
    live = run(lambda: load.map([1, 0]))
    code, output, _ = daskflow("watch", "last", "--output", "json")
    *events, end = map(json.loads, output.splitlines())
    assert code == 2
    assert [(one["who"], one["state"]) for one in events] == [
        ("night", "Running"),
        ("load[0]", "Skipped"),
        ("load[1]", "Failed"),
        ("night", "Failed"),
    ]
    assert events[0]["at"].endswith("Z")
    assert (end["id"], end["state"], end["nodes"][0]["counts"]) == (
        live.id,
        "Failed",
        {"Skipped": 1, "Failed": 1},
    )
    assert end["next"][0]["command"] == "daskflow rerun night --failed"


def test_who_watches_no_more_leaves_the_run_alone(store, daskflow, monkeypatch):
    """Exit code 1, and how far it was; the run is what it was."""

    def interrupted(*_):
        raise KeyboardInterrupt

    run(lambda: load.map([2, 3]))
    monkeypatch.setattr(import_module("daskflow.cli.watch"), "_show", interrupted)
    code, output, errors = daskflow("watch", "night")
    assert (code, output) == (1, "")
    assert errors == (
        "\netl / night goes on, 2 of 2 task runs had finished; to see more of it: "
        "daskflow watch night\n"
    )


def test_a_run_that_there_is_not(store, daskflow):
    """One line, exit code 1."""
    code, output, errors = daskflow("watch", "owl")
    assert (code, output) == (1, "")
    assert "`daskflow run FILE.py:flow` makes one" in errors


def test_nothing_of_the_users_is_unpickled(store, daskflow, monkeypatch):
    """Whoever watches a run needs no code of theirs, and runs none."""
    run(lambda: load.map([1, 0, 5]))

    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr("pickle.loads", refuse)
    assert daskflow("watch", "last")[0] == 2
    assert daskflow("watch", "last", "--output", "json")[0] == 2

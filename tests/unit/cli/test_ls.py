"""``daskflow ls``: which runs it lists, for people and as JSON."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daskflow.cli.listing import Asked, list_runs
from daskflow.states import Crashed, Failed, Paused, Pending, Running, Success
from daskflow.stores.history import Holder, RunRow

ME = Holder("me", "here", 1)
FAILED = RunRow(
    "ab" * 16,
    "calm-owl",
    "etl",
    Failed("1 of 2 reference task runs failed: load"),
    1_000.0,
    started=1_000.5,
    ended=1_004.0,
    tags=frozenset({"nightly", "eu"}),
    target="/flows/etl.py:etl",
    folder="/flows",
    user="ada",
    host="tower",
    pid=7,
)


@pytest.fixture
def runs(store):
    """Three runs: one failed, one that somebody drives, one whose driver is lost."""
    store.create(FAILED, "1")
    store.create(replace(FAILED, id="2", name="brisk-elk", state=Running(), ended=None), "2")
    lost = replace(FAILED, id="3", name="late-yak", state=Running(), ended=None, created=3_000.0)
    store.create(lost, "3")
    lease = store.lease("2", ME)
    yield store
    lease.release()


def test_runs_are_listed_for_people(runs, daskflow):
    """The newest first, with local times; one whose driver is lost says so."""
    code, output, errors = daskflow("ls", env={"COLUMNS": "200"})
    head, *lines = output.splitlines()
    assert (code, errors) == (0, "")
    assert head.split() == [
        "run",
        "flow",
        "state",
        "created",
        "took",
        "by",
        "tags",
        "id",
        "message",
    ]
    assert [line.split()[0] for line in lines] == ["late-yak", "brisk-elk", "calm-owl"]
    assert "Crashed (driver lost)" in lines[0]
    assert "Running" in lines[1]
    assert "1970-01-01 02:16:40+02:00" in lines[2]
    for part in ("Failed", "3.5 s", "ada@tower", "eu, nightly", "abababab", "failed: load"):
        assert part in lines[2]


def test_times_in_utc(runs, daskflow):
    """Where they are asked for."""
    assert "1970-01-01 00:16:40Z" in daskflow("ls", "--utc")[1]


def test_a_list_for_machines(runs, told):
    """One document; times in UTC whatever the zone; what is not known is null."""
    document = told("ls")
    assert document["store"] == runs.url
    lost, driven, failed = document["runs"]
    assert failed == {
        "id": "ab" * 16,
        "name": "calm-owl",
        "flow": "etl",
        "state": "Failed",
        "message": "1 of 2 reference task runs failed: load",
        "created": "1970-01-01T00:16:40.000Z",
        "started": "1970-01-01T00:16:40.500Z",
        "ended": "1970-01-01T00:16:44.000Z",
        "seconds": 3.5,
        "tags": ["eu", "nightly"],
        "user": "ada",
        "host": "tower",
        "pid": 7,
        "target": "/flows/etl.py:etl",
        "folder": "/flows",
        "parent": "",
        "caller": "",
    }
    assert (lost["state"], lost["reason"], lost["ended"]) == ("Crashed", "driver lost", None)
    assert (driven["state"], driven["seconds"]) == ("Running", None)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (["--state", "failed"], ["calm-owl"]),
        (["--state", "Running"], ["brisk-elk"]),
        (["--state", "Crashed"], ["late-yak"]),
        (["--state", "Crashed", "--limit", "1"], ["late-yak"]),
        (["--state", "Crashed (driver lost)"], ["late-yak"]),
        (["--limit", "2"], ["late-yak", "brisk-elk"]),
        (["--tag", "eu", "--limit", "1"], ["late-yak"]),
        (["--tag", "e"], []),
        (["--flow", "etl", "--since", "1970-01-01T00:40Z"], ["late-yak"]),
        (["--flow", "other"], []),
        (["--since", "1d"], []),
    ],
)
def test_what_is_asked_for(runs, told, asked, names):
    """Flow, state as it is seen, tag, time and number, all at once."""
    assert [run["name"] for run in told("ls", *asked)["runs"]] == names


def test_a_limit_counts_what_is_listed(store):
    """Not what a row says and is not so."""
    for number in range(4):
        state = Running() if number % 2 else Crashed("x", reason="driver")
        store.create(
            replace(FAILED, id=str(number), created=float(number), state=state), str(number)
        )
    lease = store.lease("3", ME)
    found = list_runs(store, Asked(state="Crashed", limit=2), 9.0)
    assert [row.id for row, _ in found] == ["2", "1"]
    lease.release()


def test_columns_that_tell_nothing_are_left_out(store, daskflow):
    """Without tags and messages there are none."""
    store.create(replace(FAILED, tags=frozenset(), state=Success(), user=""), "op")
    head, line = daskflow("ls", env={"COLUMNS": "120"})[1].splitlines()
    assert head.split() == ["run", "flow", "state", "created", "took", "by", "id"]
    assert " - " in line


def test_a_narrow_terminal_shows_the_first_columns(store, daskflow):
    """Names stay whole, to be copied."""
    store.create(replace(FAILED, tags=frozenset()), "op")
    head, *lines = daskflow("ls", env={"COLUMNS": "80"})[1].splitlines()
    assert head.split() == ["run", "flow", "state", "created", "took", "message"]
    assert lines[0].startswith("calm-owl ")


def test_a_long_message_is_cut(store, daskflow):
    """A list has a line for each run."""
    store.create(replace(FAILED, state=Failed("x" * 500)), "op")
    assert f"{'x' * 77}..." in daskflow("ls", env={"COLUMNS": "300"})[1]


def test_an_empty_store_says_what_to_do(store, daskflow):
    """How a run is made; where there are others, that none is such."""
    assert daskflow("ls") == (
        0,
        f"there are no runs in {store.url}; `daskflow run FILE.py:flow` makes one\n",
        "",
    )
    store.create(FAILED, "op")
    assert daskflow("ls", "--flow", "x") == (0, f"no such runs in {store.url}\n", "")


def test_a_store_in_memory_has_nothing_of_other_processes(daskflow, monkeypatch, tmp_path):
    """The setting that names one that stays is told."""
    monkeypatch.setenv("DASKFLOW_STORE__URL", "memory://")
    monkeypatch.setattr("daskflow.stores.choice._open", {})
    assert "DASKFLOW_STORE__URL=sqlite:////path/to/file.db names a store" in daskflow("ls")[1]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["--state", "Done"], "--state 'Done' is no state; there are Pending, "),
        (["--since", "soon"], "--since 'soon' is no time"),
        (["--limit", "0"], "0 is not in the range"),
    ],
)
def test_what_makes_no_sense(runs, daskflow, asked, told):
    """One line names it and the cure, with exit code 1."""
    code, output, errors = daskflow("ls", *asked)
    assert (code, output) == (1, "")
    assert told in errors


def test_a_store_that_there_is_not(daskflow, monkeypatch):
    """The setting is named."""
    monkeypatch.setenv("DASKFLOW_STORE__URL", "redis://x")
    code, _, errors = daskflow("ls")
    assert code == 1
    assert errors.startswith("DASKFLOW_STORE__URL='redis://x'")


def test_what_waits_is_no_crash(store, told):
    """A run that is parked needs no driver; one that never began had one."""
    store.create(replace(FAILED, id="1", state=Paused(), ended=None), "1")
    store.create(replace(FAILED, id="2", state=Pending(), ended=None), "2")
    assert [run["state"] for run in told("ls")["runs"]] == ["Paused", "Crashed"]

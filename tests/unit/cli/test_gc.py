"""``daskflow gc`` and ``daskflow db check``: what is forgotten, and what is told of the file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daskflow import LocalExecutor, flow, task
from daskflow.states import Running, Success
from daskflow.stores.history import Holder, RunRow

OLD = RunRow("1" * 32, "old", "etl", Success(), 1.0, started=1.0, ended=2.0)


@task(persist_result=True)
def large(n: int) -> str:
    return str(n) * 10_000


@pytest.fixture
def runs(store):
    """Three old runs of one flow, and one that ended just now, with a durable result."""
    for number in range(3):
        row = replace(OLD, id=str(number) * 32, name=f"old-{number}", created=float(number))
        store.create(row, str(number))
    options = {"executor": LocalExecutor(), "name": "etl", "run_name": "new"}
    flow(lambda: large(1), **options).run()
    return store


def names(store):
    return [row.name for row in store.runs()]


def test_old_runs_are_forgotten(runs, daskflow):
    """But the newest of each flow."""
    code, output, errors = daskflow("gc", "--older-than", "1h", "--keep-last", "2")
    assert (code, errors) == (0, "")
    assert names(runs) == ["new", "old-2"]
    lines = [" ".join(line.split()) for line in output.splitlines()]
    assert lines == [
        "run flow state ended id",
        "old-1 etl Success 1970-01-01 02:00:02+02:00 11111111",
        "old-0 etl Success 1970-01-01 02:00:02+02:00 00000000",
        "2 runs were forgotten",
    ]


def test_by_default_the_newest_twenty_stay(runs, daskflow):
    """Nothing is forgotten of a few runs, however old."""
    assert daskflow("gc") == (0, "0 runs were forgotten\n", "")
    assert len(names(runs)) == 4


def test_a_dry_run_only_lists(runs, told, daskflow):
    """Nothing is gone; afterwards just that is."""
    asked = ("gc", "--older-than", "1970-01-02", "--keep-last", "0")
    document = told(*asked, "--dry-run")
    assert (document["is_dry_run"], document["files"]) == (True, None)
    listed = [one["name"] for one in document["forgotten"]]
    assert listed == ["old-2", "old-1", "old-0"]
    assert "3 runs would be forgotten" in daskflow(*asked, "--dry-run")[1]
    assert len(names(runs)) == 4
    document = told(*asked)
    assert ([one["name"] for one in document["forgotten"]], document["files"]) == (listed, 0)
    assert names(runs) == ["new"]


def test_results_go_too(runs, daskflow, tmp_path):
    """With the run that made them."""
    assert daskflow("gc", "--older-than", "0s", "--keep-last", "0")[1].endswith(
        "4 runs were forgotten, with 1 file of results\n"
    )
    assert [f for f in (tmp_path / "results").rglob("*") if f.is_file()] == []


def test_one_run_was_forgotten(runs, daskflow):
    """It is told in the singular."""
    assert daskflow("gc", "--older-than", "1h", "--keep-last", "3")[1].endswith(
        "1 run was forgotten\n"
    )


def test_what_is_driven_stays(store, daskflow):
    """Though it began long ago; where its driver is lost it is forgotten."""
    store.create(replace(OLD, state=Running(), ended=None), "op")
    asked = ("gc", "--older-than", "1h", "--keep-last", "0")
    lease = store.lease(OLD.id, Holder("me", "here", 1))
    assert daskflow(*asked) == (0, "0 runs were forgotten\n", "")
    lease.release()
    assert "Crashed (driver lost)" in daskflow(*asked)[1]


def test_a_run_that_somebody_takes_meanwhile_stays(store, told, monkeypatch):
    """It is not told to be forgotten."""
    store.create(OLD, "op")
    monkeypatch.setattr(type(store), "holder", lambda *_: None)
    lease = store.lease(OLD.id, Holder("me", "here", 1))
    assert told("gc", "--older-than", "1h", "--keep-last", "0")["forgotten"] == []
    lease.release()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["--older-than", "90 moons"], "--older-than '90 moons' is no time"),
        (["--keep-last", "-1"], "-1 is not in the range"),
    ],
)
def test_what_makes_no_sense(runs, daskflow, asked, told):
    """One line; nothing is forgotten."""
    code, _, errors = daskflow("gc", *asked)
    assert code == 1
    assert told in errors
    assert len(names(runs)) == 4


def test_a_database_that_is_well(store, daskflow, told):
    """Each thing that was looked at is told; the exit code says that all is well."""
    code, output, errors = daskflow("db", "check", env={"COLUMNS": "200"})
    assert (code, errors) == (0, "")
    assert [line.split()[:2] for line in output.splitlines()[1:]] == [
        ["file", "system"],
        *([what, "well"] for what in ("file", "mode", "key", "journal", "schema", "integrity")),
    ]
    document = told("db", "check")
    assert document["store"] == store.url
    assert all(check["is_well"] and not check["cure"] for check in document["checks"])


def test_a_database_that_is_not(store, daskflow, tmp_path):
    """The cure stands beside it; the exit code is 1."""
    (tmp_path / "runs.db").chmod(0o644)
    code, output, _ = daskflow("db", "check", env={"COLUMNS": "300"})
    assert code == 1
    (line,) = [line for line in output.splitlines() if "WRONG" in line]
    assert "0644" in line
    assert line.rstrip().endswith(f"chmod 600 {tmp_path / 'runs.db'}")


def test_a_key_that_is_given_is_not_looked_for(store, told, monkeypatch):
    """It is in no file."""
    monkeypatch.setenv("DASKFLOW_RESULTS__KEY", "secret")
    assert "key" not in [check["what"] for check in told("db", "check")["checks"]]


def test_a_store_without_a_database(daskflow, monkeypatch):
    """In memory there is nothing to check; what is no store is told."""
    monkeypatch.setenv("DASKFLOW_STORE__URL", "memory://")
    assert "no database to check" in daskflow("db", "check")[1]
    monkeypatch.setenv("DASKFLOW_STORE__URL", "redis://x")
    assert daskflow("db", "check")[0] == 1

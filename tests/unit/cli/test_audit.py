"""``daskflow audit``: what was changed by hand, or has rotted, is found."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from daskflow import LocalExecutor, flow, task


@task(persist_result=True)
def large(n: int) -> str:
    return str(n) * 10_000


@task
def small(x: str) -> int:
    if x[0] == "2":
        raise ValueError("two")
    return len(x)


def run(name):
    options = {"executor": LocalExecutor(), "name": "etl", "run_name": name}
    return flow(lambda: small.map(large.map([1, 2, 3])), **options).run()


@pytest.fixture
def change(tmp_path):
    """Change the database by hand."""

    def change(statement):
        with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
            assert connection.execute(statement).rowcount > 0

    return change


def test_nothing_is_found_in_what_was_written(store, daskflow):
    """One run, or all of them."""
    run("one")
    run("two")
    assert daskflow("audit") == (0, f"{store.url}: 2 runs, nothing found\n", "")
    assert daskflow("audit", "one") == (0, f"{store.url}: 1 run, nothing found\n", "")


def test_an_empty_store(store, daskflow):
    """There is nothing to be found."""
    assert daskflow("audit") == (0, f"{store.url}: 0 runs, nothing found\n", "")


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "UPDATE events SET state = '{\"kind\": \"Success\"}' WHERE node = 'small'",
            "said to be Success, where its block told of Failed",
        ),
        ('UPDATE runs SET state = \'{"kind": "Success"}\'', "its row says Success"),
        ("UPDATE segments SET codes = x'08' WHERE codes = x'0c'", "signature does not fit"),
        ("UPDATE events SET state = 'nothing' WHERE node = 'small'", "makes no sense"),
        ("UPDATE events SET state = '{\"kind\": \"Done\"}' WHERE node = 'small'", "makes no sense"),
        ("DELETE FROM events WHERE node = 'small'", "are missing: "),
        ("UPDATE runs SET target = '/tmp/other.py:flow'", "its row is not what was written"),
        ("UPDATE runs SET parameters = x'00'", "its parameters are not what was written"),
    ],
)
def test_a_row_that_was_edited(store, change, told_of, statement, found):
    """It is found, by run and name; the exit code says so; another run is not blamed."""
    run("good")
    run("bad")
    joined = "AND" if "WHERE" in statement else "WHERE"
    change(f"{statement} {joined} {_only_of('bad', statement)}")
    code, findings = told_of("audit")
    assert code == 1
    assert {one["name"] for one in findings} == {"bad"}
    assert any(found in one["told"] for one in findings)
    assert told_of("audit", "bad") == (code, findings)
    assert told_of("audit", "good") == (0, [])


def test_findings_for_people(store, change, daskflow):
    """A line each: the run, the task run, the entry, and what cannot be."""
    run("bad")
    change("UPDATE segments SET codes = x'08' WHERE codes = x'0c'")
    code, output, errors = daskflow("audit", env={"COLUMNS": "250"})
    head, *lines = output.splitlines()
    assert (code, errors) == (1, "")
    assert head.split() == ["run", "id", "where", "entry", "found"]
    assert any("bad" in line and "signature does not fit" in line for line in lines)


def _only_of(name, statement):
    column = "id" if "runs" in statement else "run_id"
    return f"{column} = (SELECT id FROM runs WHERE name = '{name}')"


@pytest.fixture
def told_of(daskflow):
    """Call a command whose exit code tells something; give that and its findings."""

    def told_of(*arguments):
        code, output, errors = daskflow(*arguments, "--output", "json")
        assert errors == ""
        return code, json.loads(output)["findings"]

    return told_of


def test_a_byte_that_flipped_in_a_result(store, tmp_path, told_of):
    """The task run is named, with the file."""
    run("one")
    file = next(f for f in (tmp_path / "results").rglob("1-1-*.*"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    code, (finding,) = told_of("audit")
    assert (code, finding["where"], finding["version"]) == (1, "large[1]", None)
    assert f"{file} is not what was written" in finding["told"]


def test_a_result_that_is_gone(store, tmp_path, told_of):
    """And one that was cut."""
    run("one")
    files = sorted((tmp_path / "results").rglob("*-1-*.*"))
    files[0].unlink()
    files[2].write_bytes(files[2].read_bytes()[:-1])
    code, findings = told_of("audit", "last")
    assert code == 1
    assert [one["where"] for one in findings] == ["large[0]", "large[2]"]
    assert "is not there any more" in findings[0]["told"]


def test_a_run_that_there_is_not(store, daskflow):
    """One line."""
    assert "`daskflow run FILE.py:flow` makes one" in daskflow("audit", "owl")[2]

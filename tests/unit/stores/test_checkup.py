"""What is looked at in the file of a store: each thing that is wrong is told with its cure."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from daskflow import Settings
from daskflow.stores import checkup
from daskflow.stores.checkup import check_file
from daskflow.stores.choice import choose_store, close_stores


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Give the file of a store that was closed."""
    monkeypatch.setenv("DASKFLOW_STORE__URL", f"sqlite:///{tmp_path / 'runs.db'}")
    choose_store(None, Settings())
    close_stores()
    return tmp_path / "runs.db"


def checks(file):
    return {check.what: check for check in check_file(file, file.with_name("runs.db.key"))}


def wrong(file):
    """Return what is wrong, with what was found."""
    return {what: check.found for what, check in checks(file).items() if not check.is_well}


def execute(file, *statements):
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_a_store_that_is_well(file):
    """All is looked at, nothing is wrong, and nothing has changed."""
    before = file.read_bytes()
    expected = ["file system", "file", "mode", "key", "journal", "schema", "integrity"]
    assert list(checks(file)) == expected
    assert wrong(file) == {}
    assert file.read_bytes() == before


def test_a_store_that_is_not_there(tmp_path):
    """The cure is a first run."""
    found = checks(tmp_path / "none.db")
    assert list(found) == ["file system", "file"]
    assert "daskflow run" in found["file"].cure


def test_a_network_file_system(file, monkeypatch):
    """It is named, with where else a store may lie."""
    monkeypatch.setattr(checkup, "kind_of", lambda _: "nfs4")
    assert wrong(file) == {"file system": "nfs4"}
    assert "DASKFLOW_STORE__URL" in checks(file)["file system"].cure


def test_a_file_system_that_nobody_knows(file, monkeypatch):
    """It is not told to be wrong."""
    monkeypatch.setattr(checkup, "kind_of", lambda _: "")
    assert checks(file)["file system"].found == "unknown"
    assert wrong(file) == {}


def test_files_that_others_may_read(file):
    """The database and its key are their owner's alone; the cure is a command."""
    file.chmod(0o644)
    key = file.with_name("runs.db.key")
    key.chmod(0o640)
    assert wrong(file) == {"mode": "0644", "key": "0640"}
    assert checks(file)["mode"].cure.endswith(f"chmod 600 {file}")


def test_a_key_that_is_gone(file):
    """Kept values cannot be read without it."""
    file.with_name("runs.db.key").unlink()
    assert "is not there" in wrong(file)["key"]
    assert [check.what for check in check_file(file)].count("key") == 0  # it is given otherwise


def test_a_store_of_a_newer_daskflow(file):
    """Or of an older one, which is brought up to date by the next run."""
    execute(file, "UPDATE alembic_version SET version_num = '9999'")
    assert wrong(file)["schema"].startswith("9999 (this daskflow knows ")
    assert "install" in checks(file)["schema"].cure
    execute(file, "UPDATE alembic_version SET version_num = '0000'")
    assert "up to date" in checks(file)["schema"].cure


def test_a_database_of_somebody_else(tmp_path):
    """It has no tables of ours; and its journal is another."""
    file = tmp_path / "runs.db"
    execute(file, "CREATE TABLE theirs (x)")
    assert wrong(file)["schema"] == "no tables of daskflow's"
    assert wrong(file)["journal"] == "delete"


def test_entries_that_belong_to_no_run(file):
    """They were written by hand."""
    columns = "run_id, version, at, node, map_index, position, is_driver, kind, state, seal"
    execute(file, f"INSERT INTO events ({columns}) VALUES ('x',1,1,'','[]',1,0,'','','')")
    assert wrong(file) == {"references": "1 entries belong to no run"}


def test_a_page_that_was_torn(file):
    """SQLite's own words, and how to save the rest."""
    data = bytearray(file.read_bytes())
    page = int.from_bytes(data[16:18], "big")
    for start in range(page, len(data), page):
        data[start : start + 200] = b"\xff" * 200
    file.write_bytes(data)
    found = {**wrong(file)}
    assert found.keys() & {"integrity", "database"}
    cures = [check.cure for check in checks(file).values() if not check.is_well]
    assert any(f"sqlite3 {file} .recover" in cure for cure in cures)


def test_a_file_that_is_no_database(file):
    """It cannot be read at all."""
    file.write_bytes(b"not a database, but long enough to be looked at" * 50)
    assert wrong(file) == {"database": "cannot be read: file is not a database"}


def test_a_database_that_cannot_be_opened(file):
    """Such as a folder in its place."""
    file.unlink()
    file.mkdir(mode=0o700)
    assert wrong(file)["database"].startswith("cannot be read")

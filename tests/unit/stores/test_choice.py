"""Which store keeps runs, and which key signs what it keeps."""

from __future__ import annotations

import pytest

from daskflow import LocalExecutor, flow, task
from daskflow.settings import ResultSettings, Settings
from daskflow.stores.choice import _key, choose_store, close_stores


@pytest.fixture(autouse=True)
def nothing_open():
    """Close what the test opens."""
    close_stores()
    yield
    close_stores()


def test_the_key_of_a_store(tmp_path):
    """Given it is what was given; else it is in a file, beside the store or where it is meant."""
    store, other = tmp_path / "d.db", tmp_path / "elsewhere" / "key"
    assert _key(store, ResultSettings(key="given")) == b"given"
    made = _key(store, ResultSettings())
    assert (tmp_path / "d.db.key").read_bytes() == made == _key(store, ResultSettings())
    assert _key(store, ResultSettings(key_file=other)) == other.read_bytes() != made


def test_results_are_signed_with_the_key_that_is_set(tmp_path, monkeypatch):
    """Two processes with the same key derive the same one for a run; the key is not shown."""
    found = []
    for name in ("one", "two"):
        monkeypatch.setenv("DASKFLOW_RESULTS__KEY", "s3cret")
        monkeypatch.setenv("DASKFLOW_STORE__URL", f"sqlite:///{tmp_path / name}.db")
        settings = Settings(home=tmp_path / name)
        found.append(choose_store(None, settings).run_key("ab12"))
        assert "s3cret" not in repr(settings)
    assert found[0] == found[1]


def test_runs_in_memory_have_keys_too(monkeypatch):
    """A store in memory makes its own key, another for each run."""
    monkeypatch.setenv("DASKFLOW_STORE__URL", "memory://")
    store = choose_store(None, Settings())
    assert store.run_key("ab") == store.run_key("ab") != store.run_key("cd")


def test_without_a_word_it_is_a_file_in_the_home_folder(tmp_path, monkeypatch):
    """Its owner's alone; whoever asks in this process gets the same one."""
    monkeypatch.delenv("DASKFLOW_STORE__URL")
    monkeypatch.setenv("DASKFLOW_HOME", str(tmp_path / "home"))
    store = choose_store(None, Settings())
    assert store.url == f"sqlite:///{tmp_path / 'home' / 'runs.db'}"
    assert choose_store(None, Settings()) is store
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "home").iterdir()} == {0}


def test_without_a_home_runs_are_in_memory_and_that_is_said_once(tmp_path, monkeypatch, caplog):
    """A flow runs all the same; the warning names what helps."""
    monkeypatch.delenv("DASKFLOW_STORE__URL")
    (tmp_path / "file").touch()
    monkeypatch.setenv("DASKFLOW_HOME", str(tmp_path / "file" / "home"))
    stores = {choose_store(None, Settings()).url for _ in range(2)}
    assert stores == {"memory://"}
    (record,) = caplog.records
    assert "runs are forgotten with this process; DASKFLOW_HOME" in record.getMessage()


def test_a_store_is_given_as_a_path_or_a_url(tmp_path):
    """Both mean the same file."""
    file = tmp_path / "deep" / "runs.db"
    assert choose_store(file, Settings()) is choose_store(f"sqlite:///{file}", Settings())


def test_a_child_run_is_kept_where_its_parent_is(tmp_path):
    """Whatever the settings say; its row tells which run it was started in."""

    @flow(executor=LocalExecutor())
    def child():
        return task(abs)(-1)

    @flow(executor=LocalExecutor(), store=tmp_path / "runs.db")
    def parent():
        return task(lambda: child(), name="call")()

    run = parent.run()
    assert run.result() == 1
    rows = {row.flow_name: row for row in choose_store(tmp_path / "runs.db", Settings()).runs()}
    assert rows["child"].parent == rows["parent"].id == run.id

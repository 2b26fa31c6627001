"""Which store keeps runs, and which key signs what it keeps."""

from __future__ import annotations

import pytest

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

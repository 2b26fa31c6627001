"""Settings come from the environment, then from files, then from their defaults."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from daskflow.settings import Settings


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_nobody_set():
    """Every setting has a default."""
    settings = Settings()
    assert settings.executor is None
    assert settings.cluster.threads_per_worker == 1
    assert settings.engine.literal_bytes == 65_536


def test_the_environment_names_section_and_key(monkeypatch):
    """Two underscores part the section from the key; two settings have short names."""
    monkeypatch.setenv("DASKFLOW_EXECUTOR", "threads")
    monkeypatch.setenv("DASKFLOW_HOME", "/srv/flows")
    monkeypatch.setenv("DASKFLOW_CLUSTER__WORKERS", "3")
    settings = Settings()
    assert (settings.executor, settings.home) == ("threads", Path("/srv/flows"))
    assert settings.cluster.workers == 3


def test_which_source_wins(folder, monkeypatch):
    """Environment, then daskflow.toml, then pyproject.toml; each key for itself."""
    (folder / "pyproject.toml").write_text(
        "[tool.daskflow.engine]\nretry_window = 1\nliteral_bytes = 1\nconnect_timeout = 1\n"
    )
    (folder / "daskflow.toml").write_text("[engine]\nretry_window = 2\nliteral_bytes = 2\n")
    monkeypatch.setenv("DASKFLOW_ENGINE__RETRY_WINDOW", "3")
    engine = Settings().engine
    assert (engine.retry_window, engine.literal_bytes, engine.connect_timeout) == (3, 2, 1)


def test_what_is_passed_wins_over_all(monkeypatch):
    """An argument stands above the environment."""
    monkeypatch.setenv("DASKFLOW_EXECUTOR", "threads")
    assert Settings(executor="local").executor == "local"


def test_a_log_level_is_a_name_in_any_case(monkeypatch):
    """And is what `logging` counts by; without one the logging configuration decides."""
    assert (Settings().logging.threshold, Settings().logging.prints) == (None, False)
    monkeypatch.setenv("DASKFLOW_LOGGING__LEVEL", "warning")
    assert Settings().logging.threshold == 30


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOGGING__LEVEL", "loud"),
        ("CLUSTER__WORKERS", "0"),
        ("CLUSTER__THREADS_PER_WORKER", "many"),
        ("ENGINE__RETRY_WINDOW", "-1"),
        ("ENGINE__CONNECT_TIMEOUT", "0"),
    ],
)
def test_values_that_make_no_sense(name, value, monkeypatch):
    """A wrong value is refused, and the message names the setting."""
    monkeypatch.setenv(f"DASKFLOW_{name}", value)
    with pytest.raises(ValidationError, match=name.partition("__")[2].lower()):
        Settings()

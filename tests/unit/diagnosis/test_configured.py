"""Which settings are set, and where; names that are no settings."""

from __future__ import annotations

import os

import pytest

from daskflow.diagnosis.configured import examine_settings


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in an empty folder, with nothing set."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DASKFLOW_")]:
        monkeypatch.delenv(name)
    return tmp_path


def told():
    return [(one.level.value, one.found, one.cure) for one in examine_settings()[1]]


def test_nothing_is_set():
    """The defaults hold."""
    settings, _ = examine_settings()
    assert settings.executor is None
    assert told() == [("ok", "none is set: the defaults hold", "")]


def test_where_a_setting_is_set(folder, monkeypatch):
    """In the environment, or in one of two files; the first one counts."""
    (folder / "daskflow.toml").write_text('executor = "threads"\n[engine]\nwindow = 3\n')
    (folder / "pyproject.toml").write_text("[tool.daskflow.engine]\nwindow = 4\nretry_window = 1\n")
    monkeypatch.setenv("DASKFLOW_EXECUTOR", "local")
    assert [found for _, found, _ in told()] == [
        "engine.retry_window = 1, from [tool.daskflow] in pyproject.toml",
        "engine.window = 3, from daskflow.toml",
        "executor = local, from DASKFLOW_EXECUTOR",
    ]
    assert {level for level, _, _ in told()} == {"ok"}


def test_secrets_are_not_shown(monkeypatch):
    """Neither the key nor a password in a URL."""
    monkeypatch.setenv("DASKFLOW_RESULTS__KEY", "hush")
    monkeypatch.setenv("DASKFLOW_STORE__URL", "postgresql://ada:hush@db/runs")
    assert [found for _, found, _ in told()] == [
        "results.key = (not shown), from DASKFLOW_RESULTS__KEY",
        "store.url = postgresql://ada:...@db/runs, from DASKFLOW_STORE__URL",
    ]


def test_names_that_are_no_settings(folder, monkeypatch):
    """They count for nothing, which somebody should know; the one that was meant is named."""
    (folder / "daskflow.toml").write_text("[engine]\nwindows = 3\n")
    monkeypatch.setenv("DASKFLOW_STORE_URL", "memory://")
    monkeypatch.setenv("DASKFLOW_SOMETHING_ELSE_ALTOGETHER", "1")
    assert told() == [
        (
            "warning",
            "engine.windows, from daskflow.toml, is no setting",
            "was DASKFLOW_ENGINE__WINDOW meant?",
        ),
        (
            "warning",
            "DASKFLOW_SOMETHING_ELSE_ALTOGETHER is no setting",
            "remove it; `daskflow.Settings` has them all",
        ),
        ("warning", "DASKFLOW_STORE_URL is no setting", "was DASKFLOW_STORE__URL meant?"),
    ]


def test_a_section_as_json_is_known(monkeypatch):
    """The variable of a section may hold several settings."""
    monkeypatch.setenv("DASKFLOW_ENGINE", '{"window": 3}')
    assert told() == [("ok", "engine.window = 3, from DASKFLOW_ENGINE__WINDOW", "")]


def test_values_that_are_refused(monkeypatch):
    """Each is told; without settings nothing more can be looked at."""
    monkeypatch.setenv("DASKFLOW_ENGINE__WINDOW", "0")
    settings, found = examine_settings()
    assert settings is None
    assert [(one.level.value, one.found) for one in found] == [
        ("problem", "engine.window is '0': Input should be greater than or equal to 1")
    ]
    assert "DASKFLOW_ENGINE__WINDOW" in found[0].cure


def test_a_file_that_is_no_toml(folder):
    """It is told, with what is wrong in it."""
    (folder / "daskflow.toml").write_text("engine = [\n")
    settings, (found,) = examine_settings()
    assert (settings, found.level.value) == (None, "problem")
    assert found.found.startswith("they cannot be read: ")

"""The fixture of the plugin, and what it gives to a test."""

import os

import pytest

from daskflow import LocalExecutor, Settings, flow, task
from daskflow.executors.choice import choose_executor


@pytest.fixture
def foreign(monkeypatch):
    """A setting of whoever runs the tests."""
    monkeypatch.setenv("DASKFLOW_ENGINE__LITERAL_BYTES", "1")


def test_the_settings_meanwhile(foreign, daskflow_session):
    """Flows run in this process, without anybody's own settings, and files lie in a folder."""
    settings = Settings()
    assert isinstance(choose_executor(settings), LocalExecutor)
    assert settings.home.is_relative_to(daskflow_session.folder)
    assert "DASKFLOW_ENGINE__LITERAL_BYTES" not in os.environ
    assert os.environ["DASKFLOW_STORE__URL"] == "memory://"


def test_what_lies_in_its_folder(daskflow_session):
    """A fault plan and a gate, which other processes find as well."""
    plan = daskflow_session.fault_plan({1: ["fake"]})
    gate = daskflow_session.gate()
    gate.open()

    @flow
    def case():
        return task(plan.around(abs))(1)

    assert case() == "fake"
    assert plan.calls(1) == 1
    assert gate.is_open()
    assert {path.name for path in daskflow_session.folder.iterdir()} >= {"calls", "gate"}

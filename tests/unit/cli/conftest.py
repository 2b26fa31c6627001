"""What the tests of the command line share: files to run, and the command in this process."""

import json
import sys
import time

import pytest

from daskflow import Settings
from daskflow.stores.choice import choose_store, close_stores
from tests.acceptance import commands


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file into a folder that is the working folder; what it imports is forgotten again."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(name, text):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    yield write
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def daskflow():
    """Call the command in this process; gives its exit code, its output and its errors."""

    def call(*arguments, **options):
        ended = commands.daskflow(*arguments, **options)
        return ended.returncode, ended.stdout, ended.stderr

    return call


@pytest.fixture
def store(tmp_path, monkeypatch):
    """Let the settings name a store in a file, with nothing in it, and local time be UTC+2."""
    monkeypatch.setenv("DASKFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("DASKFLOW_STORE__URL", f"sqlite:///{tmp_path / 'runs.db'}")
    monkeypatch.setenv("TZ", "<+02>-2")
    time.tzset()
    yield choose_store(None, Settings())
    close_stores()
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def told(daskflow):
    """Call a command for one JSON document, and return that."""

    def told(*arguments):
        code, output, errors = daskflow(*arguments, "--output", "json")
        assert (code, errors) == (0, "")
        return json.loads(output)

    return told

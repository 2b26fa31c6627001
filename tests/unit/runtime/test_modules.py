"""Whose module a name means, where runs and everybody else have different ones."""

from __future__ import annotations

import importlib
import pickle
import sys
import threading

import pytest

from daskflow.runtime.modules import RunModules, in_use


@pytest.fixture
def name(tmp_path, monkeypatch):
    """The name of a module that this process could import, and has not."""
    (tmp_path / "df_shared.py").write_text("class Both: ...\nclass Real: ...\nwhose = 'real'\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield "df_shared"
    sys.modules.pop("df_shared", None)


@pytest.fixture
def run(name):
    """A run that has brought a part of its own module of that name."""
    modules = RunModules("df-run", {})
    mine = modules.blank(name, {"__file__": "elsewhere.py"})
    mine.whose = "mine"
    return modules


def elsewhere(function):
    """Call a function in a thread that belongs to no run."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_a_run_has_its_own_module_and_no_more(name, run):
    """What it did not bring is not there, though the real module has it."""
    with in_use(run):
        module = importlib.import_module(name)
        assert module.whose == "mine"
        with pytest.raises(AttributeError):
            _ = module.Real


def test_who_belongs_to_no_run_gets_the_rest_from_the_real_module(name, run):
    """As Dask, which unpickles what it is sent in a thread of its own, for everybody."""
    data = b"c" + name.encode() + b"\nReal\n."  # how a pickle refers to a class
    found = elsewhere(lambda: pickle.loads(data))
    assert (found.__name__, found.__module__) == ("Real", name)
    with in_use(run):
        assert importlib.import_module(name).whose == "mine"


def test_what_nobody_has_is_missing(name, run):
    """Neither the run nor the real module."""

    def look():
        with pytest.raises(AttributeError):
            _ = importlib.import_module(name).nothing
        return True

    assert elsewhere(look)

"""What stands in the place of stdout while bodies run whose prints are logged."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from daskflow.logs import PrintedLines, RunLogger
from daskflow.runtime.printing import taking

# ruff: noqa: T201 - what is printed is tested


@pytest.fixture
def printed():
    return PrintedLines(RunLogger({}, logging.CRITICAL))


def test_it_is_there_as_long_as_a_body_needs_it(printed, monkeypatch):
    """The last body that ends takes it out, and it is like what it stands for."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    with taking(printed):
        fork = sys.stdout
        with taking(printed):
            assert sys.stdout is fork
            print("nobody's body")
        assert sys.stdout is fork
        assert fork.getvalue() == "nobody's body\n"
    assert sys.stdout is out


def test_what_somebody_else_put_there_stays(printed, monkeypatch):
    """It is put in front of what was put there meanwhile, and takes out only itself."""
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", first)
    with taking(printed):
        sys.stdout = second
        with taking(printed):
            print("text")
        assert second.getvalue() == "text\n"
        sys.stdout = second
    assert sys.stdout is second


def test_a_process_without_stdout(printed, monkeypatch):
    """Where there is none nothing stands in its place."""
    monkeypatch.setattr(sys, "stdout", None)
    with taking(printed):
        print("into nothing")
        assert sys.stdout is None

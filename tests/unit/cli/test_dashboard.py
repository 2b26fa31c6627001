"""``daskflow dashboard``: what it serves where, and what it says when it cannot."""

from __future__ import annotations

import socket
import sys

import pytest

from daskflow.dashboard import serving


@pytest.fixture
def served(monkeypatch):
    """Take down what would be served, as if somebody had typed Ctrl-C when it was."""
    told = []

    def serve(source, host, port, names, tell):
        told.append((source.url, host, port, names))
        tell(f"http://{host}:{port}/flows")
        raise KeyboardInterrupt

    monkeypatch.setattr(serving, "serve", serve)
    return told


def test_it_serves_the_store_of_the_settings_to_this_host(store, daskflow, served):
    """Nobody else can ask for it; its address is told, and Ctrl-C is the way to end it."""
    code, output, errors = daskflow("dashboard")
    assert code == 0
    assert served == [(store.url, "127.0.0.1", 8788, ())]
    assert "http://127.0.0.1:8788/flows" in output
    assert errors == "Ended.\n"


@pytest.mark.parametrize("said", ["{}", "sqlite:///{}"])
def test_another_store_and_other_names(store, daskflow, served, tmp_path, said):
    """A file or a URL; an address to listen on, and the names by which it is known."""
    other = tmp_path / "other.db"
    arguments = ["--host", "0.0.0.0", "--port", "0", "--allow-host", "a", "--allow-host", "b"]
    code, _, _ = daskflow("dashboard", "--store", said.format(other), *arguments)
    assert code == 0
    assert served == [(f"sqlite:///{other}", "0.0.0.0", 0, ("a", "b"))]


def test_a_port_that_is_in_use(store, daskflow):
    """The message names it, and the cure."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, _, errors = daskflow("dashboard", "--port", taken.getsockname()[1])
    assert code == 1
    assert "--port 0 takes one that is free" in errors


def test_an_address_that_is_not_ours(store, daskflow):
    """What cannot be listened on is told."""
    code, _, errors = daskflow("dashboard", "--host", "192.0.2.1", "--port", "0")
    assert code == 1
    assert "cannot listen on 192.0.2.1, port 0" in errors


def test_a_store_that_there_is_not(daskflow, store):
    """As with all commands."""
    code, _, errors = daskflow("dashboard", "--store", "nowhere://x")
    assert code == 1
    assert "nowhere://x" in errors


def test_without_bokeh_it_says_what_to_install(store, daskflow, monkeypatch):
    """It is an extra of daskflow."""
    for name in [name for name in sys.modules if name.startswith("daskflow.dashboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "bokeh", None)
    for name in [name for name in sys.modules if name.startswith("bokeh.")]:
        monkeypatch.setitem(sys.modules, name, None)
    code, _, errors = daskflow("dashboard")
    assert code == 1
    assert "pip install 'daskflow[dashboard]'" in errors

"""How a flow run ended, from its reference tasks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from daskflow.runtime.verdict import verdict
from daskflow.states import (
    Cached,
    Cancelled,
    Crashed,
    Failed,
    Mapped,
    Skipped,
    Success,
    TimedOut,
    TriggerFailed,
)


def node(*kinds):
    return SimpleNamespace(decided=None, codes=bytearray(kind.code for kind in kinds))


def decided(kind):
    return SimpleNamespace(decided=kind(), codes=bytearray())


@pytest.mark.parametrize(
    ("nodes", "kind"),
    [
        ({}, Success),
        ({"a": node(Success), "b": node(Skipped), "c": node(Cached, Mapped)}, Success),
        ({"a": node()}, Success),
        ({"a": node(Success, Cancelled)}, Cancelled),
        ({"a": node(Cancelled), "b": node(Failed)}, Failed),
        ({"a": node(TriggerFailed)}, Failed),
        ({"a": node(TimedOut)}, Failed),
        ({"a": node(Success, Crashed)}, Failed),
        ({"a": decided(Skipped)}, Success),
        ({"a": decided(Failed)}, Failed),
        ({"a": decided(Cancelled)}, Cancelled),
    ],
)
def test_failed_outranks_cancelled_outranks_success(nodes, kind):
    """One failed reference task run, or child, is enough; what was skipped did not fail."""
    assert type(verdict(nodes, frozenset(nodes))) is kind


def test_the_message_names_what_failed():
    """Of many the first three are named, a mapped one with its index."""
    nodes = {"a": node(Failed), "b": node(Success, Failed, Failed, Failed), "c": decided(Failed)}
    state = verdict(nodes, frozenset("bc"))
    assert state.message == "5 of 6 reference task runs failed: a, b[1], b[2] and 2 more"


def test_a_parent_without_children_is_named_without_an_index():
    """What ended as a parent is the node itself."""
    nodes = {"a": node(Success), "b": decided(Failed)}
    assert verdict(nodes, frozenset("b")).message == "1 of 2 reference task runs failed: b"


def test_the_message_counts_what_was_cancelled():
    """Cancelled says how many of how many."""
    message = verdict({"a": node(Cancelled, Success, Cancelled)}).message
    assert message == "2 of 3 reference task runs were cancelled"

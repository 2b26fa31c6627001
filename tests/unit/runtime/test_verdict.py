"""How a flow run ended, from its reference tasks."""

from __future__ import annotations

import pytest

from daskflow.runtime.verdict import Outcome, verdict
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
    """Return how the task runs of a node ended; those that failed are called by their number."""
    failed = [f"[{i}]" for i, kind in enumerate(kinds) if issubclass(kind, Failed)]
    return Outcome(bytes(kind.code for kind in kinds), failed)


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
    ],
)
def test_failed_outranks_cancelled_outranks_success(nodes, kind):
    """One failed reference task run, or child, is enough; what was skipped did not fail."""
    assert type(verdict(nodes)) is kind


@pytest.mark.parametrize(
    ("failed", "told"),
    [
        (["a"], "1 of 6 reference task runs failed: a"),
        (["a", "b[1]", "b[2, 0]"], "3 of 6 reference task runs failed: a, b[1], b[2, 0]"),
        (
            ["a", "b[1]", "b[2]", "b[3]", "c"],
            "5 of 6 reference task runs failed: a, b[1], b[2] and 2 more",
        ),
    ],
)
def test_the_message_names_what_failed(failed, told):
    """Of many the first three are named, in the order in which they are given."""
    nodes = {"a": Outcome(bytes([Success.code]), failed[:1]), "b": Outcome(bytes(5), failed[1:])}
    assert verdict(nodes).message == told


def test_the_message_counts_what_was_cancelled():
    """Cancelled says how many of how many."""
    message = verdict({"a": node(Cancelled, Success, Cancelled)}).message
    assert message == "2 of 3 reference task runs were cancelled"

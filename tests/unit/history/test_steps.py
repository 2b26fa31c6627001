"""What a person can do next: the same commands whichever face tells of them."""

from __future__ import annotations

import pytest

from daskflow.history.steps import next_steps
from daskflow.states import (
    Cancelled,
    Cancelling,
    Crashed,
    Failed,
    Paused,
    Pending,
    Running,
    Skipped,
    Success,
)


def commands(*given, **named):
    return [step.command.removeprefix("daskflow ") for step in next_steps(*given, **named)]


@pytest.mark.parametrize("state", [Pending(), Running(), Cancelling(), Success(), Skipped()])
def test_what_goes_on_or_went_well_needs_nothing(state):
    """There is nothing to do."""
    assert commands(state, "owl") == []


@pytest.mark.parametrize("state", [Cancelled(), Crashed(reason="driver lost")])
def test_what_was_stopped_goes_on(state):
    """By `resume`; a failure in it is a matter of its own."""
    assert commands(state, "owl") == ["resume owl"]
    assert commands(state, "owl", failed="load") == ["resume owl", "why owl load"]


def test_what_failed_is_repeated():
    """And looked into, where it was not told yet why; else called again."""
    assert commands(Failed(), "owl") == ["rerun owl --failed"]
    assert commands(Failed(), "owl", failed="load[1]") == [
        "rerun owl --failed",
        "why owl 'load[1]'",
    ]
    assert commands(Failed(), "owl", failed="load", is_explained=True) == [
        "rerun owl --failed",
        "debug owl load",
    ]


def test_a_failure_in_a_run_that_goes_on():
    """It can be looked into; it is not called again meanwhile."""
    assert commands(Running(), "owl", failed="load") == ["why owl load"]
    assert commands(Running(), "owl", failed="load", is_explained=True) == []
    assert commands(Success(), "owl", failed="load") == []


def test_what_waits_is_decided():
    """By name; where several wait it is told how all are decided."""
    steps = list(next_steps(Paused(), "owl", waiting=["pay"]))
    assert [str(step) for step in steps] == [
        "daskflow approve owl pay   lets it go on",
        "daskflow reject owl pay   lets it fail",
    ]
    first, _ = next_steps(Running(), "owl", waiting=["pay[1]", "pay[2]"])
    assert first.command == "daskflow approve owl 'pay[1]'"
    assert first.why == "lets it go on; without a task, all that wait"
    assert commands(Cancelled(), "owl", waiting=["pay"]) == ["resume owl"]

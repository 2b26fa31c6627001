"""Who is asked of a flow run's changes, and what they may make of them."""

from __future__ import annotations

import pytest

from daskflow import flow
from daskflow.hooks import Watchers
from daskflow.runtime.flow_handlers import NOBODY_WATCHES, FlowWatch
from daskflow.signals import RunInterrupted
from daskflow.states import Cancelled, Failed, Paused, Pending, Running, Success

DONE = Success("done")


def interrupted(*_):
    raise RunInterrupted


def test_a_flow_that_nobody_watches():
    """Nothing is asked, and the flow itself is not carried along."""
    assert FlowWatch.of(flow(lambda: None)) is NOBODY_WATCHES
    assert NOBODY_WATCHES.judge(Pending(), Running()) == Running()
    assert NOBODY_WATCHES.conclude(DONE, {}) is DONE


@pytest.mark.parametrize("word", ["state_handlers", "on_completion", "terminal_state_handler"])
def test_a_flow_that_somebody_watches(word):
    """Any of the words is enough."""
    made = flow(lambda: None, **{word: lambda *_: None})
    assert FlowWatch.of(made).owner is made


@pytest.mark.parametrize(
    ("new", "made", "is_kept"),
    [
        (Running(), Success(), True),
        (Running(), Running("mine"), True),
        (Running(), Paused(), False),
        (Paused(), Failed(), True),
        (Paused(), Running(), False),
        (DONE, Cancelled(), True),
        (DONE, Pending(), False),
    ],
)
def test_what_a_state_handler_may_make_of_a_change(new, made, is_kept):
    """An end of any kind, or the same kind of state."""
    watch = FlowWatch("flow", Watchers(state_handlers=(lambda *_: made,)))
    found = watch.judge(Pending(), new)
    assert found is made if is_kept else "which may not follow" in found.message


def test_hooks_are_given_the_flow_and_the_run():
    """As the state is entered."""
    seen = []
    watch = FlowWatch("flow", Watchers(on_completion=(lambda *given: seen.append(given),)))
    watch.observe("run", DONE)
    watch.observe("run", Running())
    assert seen == [("flow", "run", DONE)]


def test_the_terminal_state_handler_decides():
    """It is given the flow, the verdict and the reference tasks; None leaves it as it is."""
    seen = []
    other = Failed("not enough")

    def decide(*given):
        seen.append(given)
        return other if given[1].is_successful() else None

    watch = FlowWatch("flow", terminal=decide)
    assert watch.conclude(DONE, {"a": DONE}) is other
    assert watch.conclude(other, {}) is other
    assert seen == [("flow", DONE, {"a": DONE}), ("flow", other, {})]


@pytest.mark.parametrize("made", [Running(), Paused(), "done", Success])
def test_a_terminal_state_handler_that_gives_no_end(made):
    """Failed, with what it returned."""
    state = FlowWatch("flow", terminal=lambda *_: made).conclude(DONE, {})
    assert type(state) is Failed
    assert state.message == f"terminal_state_handler returned {made!r}, which is no finished state"


def test_a_terminal_state_handler_that_raises():
    """Failed, with what it raised; but the engine's own interrupt goes up."""
    state = FlowWatch("flow", terminal=lambda *_: 1 / 0).conclude(DONE, {})
    assert state.message == (
        "terminal_state_handler raised ZeroDivisionError('division by zero') at Success('done')"
    )
    assert type(state.exception) is ZeroDivisionError
    with pytest.raises(RunInterrupted):
        FlowWatch("flow", terminal=interrupted).conclude(DONE, {})

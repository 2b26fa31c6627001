"""State handlers and hooks: who is asked, what they may make of a change, what they may break."""

from __future__ import annotations

import pytest

from daskflow import DefinitionError
from daskflow.hooks import NOBODY, WORDS, Watchers, ask_handlers, call_hooks, make_watchers
from daskflow.signals import RunInterrupted
from daskflow.states import (
    KINDS,
    Cached,
    Cancelled,
    Crashed,
    Failed,
    Mapped,
    Pending,
    Retrying,
    Running,
    Skipped,
    Success,
    TimedOut,
    TriggerFailed,
)

CALLED = {
    **dict.fromkeys([Success, Cached, Skipped, Mapped], "on_completion"),
    **dict.fromkeys([Failed, TriggerFailed, TimedOut], "on_failure"),
    Crashed: "on_crashed",
    Cancelled: "on_cancellation",
    Retrying: "on_retry",
}


def one(*_):
    return None


def two(*_):
    return None


@pytest.mark.parametrize("kind", KINDS)
def test_which_hooks_a_state_calls(kind):
    """Each kind of state calls those of one word, or none."""
    hooks = {word: (word.upper,) for word in WORDS if word.startswith("on_")}
    watchers = Watchers(**hooks)
    wanted = hooks[CALLED[kind]] if kind in CALLED else ()
    assert watchers.hooks_of(kind.code) == wanted


def test_watchers_know_whether_somebody_watches():
    """So that nothing is asked, and nothing made for it, where nobody does."""
    assert not NOBODY.is_any
    assert all(Watchers(**{word: (one,)}).is_any for word in WORDS)


def test_one_or_several_functions():
    """A function, a list of them, or none: None and an empty list are nobody."""
    given = {"state_handlers": one, "on_failure": [one, two], "on_retry": None, "on_crashed": []}
    made = make_watchers("task 'a'", given)
    assert made == Watchers(state_handlers=(one,), on_failure=(one, two))
    assert make_watchers("task 'a'", {"retries": 3}) is NOBODY


@pytest.mark.parametrize("value", ["mail", 3, [one, "mail"]])
def test_what_is_no_function_is_refused(value):
    """The message names whose option it is, the word and the value."""
    with pytest.raises(DefinitionError, match=r"task 'a': on_failure=.* must be a function or"):
        make_watchers("task 'a'", {"on_failure": value})


OLD, NEW = Running(), Success("new")


def asked(*handlers, may_follow=lambda state: True):
    return ask_handlers(Watchers(state_handlers=handlers), "owner", OLD, NEW, may_follow)


def test_nobody_changes_a_state():
    """Without handlers, and with handlers that return None, the state stays the same object."""
    assert asked() is NEW
    assert asked(one, two) is NEW


def test_handlers_are_given_owner_old_and_new():
    """The second gets what the first made."""
    seen = []
    better = Skipped("better")

    def first(*given):
        seen.append(given)
        return better

    assert asked(first, lambda *given: seen.append(given)) is better
    assert seen == [("owner", OLD, NEW), ("owner", OLD, better)]


@pytest.mark.parametrize("made", [Pending(), "text", 0, False, Success])
def test_what_may_not_follow_is_a_failure(made):
    """So is what is no state; the handlers behind it are not asked."""
    seen = []
    state = asked(lambda *_: made, seen.append, may_follow=lambda state: state.is_finished())
    assert type(state) is Failed
    assert state.message.startswith("state handler test_what_may_not_follow_is_a_failure")
    assert state.message.endswith(f"returned {made!r}, which may not follow Running")
    assert seen == []


class ShyError(Exception):
    """Cannot be shown."""

    def __repr__(self):
        raise ValueError("no")


@pytest.mark.parametrize("error", [KeyError("k"), SystemExit(3), ShyError()])
def test_a_handler_that_raises_is_a_failure(error):
    """Whatever it raises; its name, the change and the exception are in the state."""

    def broken(*_):
        raise error

    state = asked(broken)
    told = "ShyError" if isinstance(error, ShyError) else repr(error)
    assert type(state) is Failed
    assert f"broken raised {told} at the change from Running to Success('new')" in state.message
    assert state.exception is error


class Nameless:
    """A handler, and a hook, that is no function."""

    def __call__(self, *given):
        raise KeyError("nameless")

    def __repr__(self):
        return "<nameless>"


def test_a_handler_without_a_name_is_shown():
    """An object that can be called is named by its repr."""
    assert asked(Nameless()).message.startswith("state handler <nameless> raised")


def interrupted(*_):
    raise RunInterrupted


def test_ctrl_c_goes_up():
    """The engine's own interrupt is neither a handler's failure nor a hook's."""
    with pytest.raises(RunInterrupted):
        asked(interrupted)
    with pytest.raises(RunInterrupted):
        call_hooks(Watchers(on_completion=(interrupted,)), "owner", "run", NEW)


def test_hooks_observe(caplog):
    """They are given owner, run and state; what they return counts for nothing."""
    seen = []
    watchers = Watchers(on_completion=(lambda *given: seen.append(given) or Failed(),))
    call_hooks(watchers, "owner", "run", NEW)
    call_hooks(watchers, "owner", "run", Failed())
    assert seen == [("owner", "run", NEW)]
    assert caplog.records == []


def test_a_hook_that_raises_is_logged(caplog):
    """With its name and its traceback, and the others are called."""
    seen = []
    watchers = Watchers(on_completion=(Nameless(), seen.append, lambda *given: seen.append(given)))
    call_hooks(watchers, "owner", "run", NEW)
    first, second = caplog.records
    assert first.getMessage() == "hook <nameless> of 'owner' raised at Success('new')"
    assert first.exc_info[0] is KeyError
    assert second.exc_info[0] is TypeError
    assert len(seen) == 1

"""What users hang onto changes of state: state handlers, which may replace a state, and hooks.

The same for tasks and flows. A state handler is called as ``handler(task, old, new)`` before the
change counts, in the given order, and may return another state in place of the new one: an end, of
a task run also Paused or Retrying; `Success` brings its ``result`` along, and where it has none in
place of a success, the body's stays. A hook is called as ``hook(task, run, state)`` after the
change and only observes: what it raises is logged. A mapped task that ends without children is told
to its hooks alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from daskflow.errors import DefinitionError, shown
from daskflow.signals import RunInterrupted
from daskflow.states import CANCELLED, CRASHED, FAILED, RETRYING, SUCCESSFUL, Failed, State

StateHandler = Callable[[Any, State, State], State | None]
Hook = Callable[[Any, Any, State], Any]

_log = logging.getLogger("daskflow")


@dataclass(frozen=True)
class Watchers:
    """The state handlers and hooks of one task or flow."""

    state_handlers: tuple[StateHandler, ...] = ()
    on_completion: tuple[Hook, ...] = ()  # it succeeded, was skipped or found in a cache
    on_failure: tuple[Hook, ...] = ()  # its failure is final: Failed, TriggerFailed, TimedOut
    on_retry: tuple[Hook, ...] = ()  # an attempt ended and another follows
    on_cancellation: tuple[Hook, ...] = ()
    on_crashed: tuple[Hook, ...] = ()

    @cached_property
    def is_any(self) -> bool:
        """Whether there is one; asked for each task run."""
        observed = self.on_completion or self.on_failure or self.on_retry
        return bool(self.state_handlers or observed or self.on_cancellation or self.on_crashed)

    def sees_cancels(self) -> bool:
        """Return whether somebody is called when a run is cancelled."""
        return bool(self.state_handlers or self.on_cancellation)

    def hooks_of(self, code: int) -> tuple[Hook, ...]:
        """Return the hooks that a kind of state, given by its code, calls."""
        if code in SUCCESSFUL:
            return self.on_completion
        if code == CRASHED:
            return self.on_crashed
        if code in FAILED:
            return self.on_failure
        if code == RETRYING:
            return self.on_retry
        return self.on_cancellation if code == CANCELLED else ()


NOBODY = Watchers()
WORDS = tuple(field.name for field in fields(Watchers))


def make_watchers(what: str, options: Mapping[str, Any]) -> Watchers:
    """Return the watchers that options name.

    Raises
    ------
    DefinitionError
        One of them cannot be called.
    """
    given: dict[str, tuple[Any, ...]] = {}
    for word in WORDS:
        value = options.get(word) or ()
        functions = tuple(value) if isinstance(value, Iterable) else (value,)
        for function in functions:
            if not callable(function):
                msg = f"{what}: {word}={value!r} must be a function or a list of functions"
                raise DefinitionError(msg)
        if functions:
            given[word] = functions
    return Watchers(**given) if given else NOBODY


def ask_handlers(
    watchers: Watchers, owner: Any, old: State, new: State, may_follow: Callable[[State], bool]
) -> State:
    """Return what the state handlers make of a change.

    One that raises, or returns what may not follow, makes it Failed; its name is in the message.
    """
    for handler in watchers.state_handlers:
        name = getattr(handler, "__qualname__", repr(handler))
        try:
            made = handler(owner, old, new)
        except RunInterrupted:
            raise
        except BaseException as error:  # noqa: BLE001 - the user's code, as in a body
            told = f"state handler {name} raised {shown(error)} at the change from {old} to {new}"
            return Failed(told, exception=error)
        if made is None:
            continue
        if not isinstance(made, State) or not may_follow(made):
            return Failed(f"state handler {name} returned {made!r}, which may not follow {old}")
        new = made
    return new


def call_hooks(watchers: Watchers, owner: Any, run: Any, state: State) -> None:
    """Let the hooks observe a state; what they raise is logged, of a task's by its task run."""
    for hook in watchers.hooks_of(state.code):
        try:
            hook(owner, run, state)
        except RunInterrupted:
            raise
        except BaseException:  # the same, and it only observes
            name = getattr(hook, "__qualname__", repr(hook))
            log = getattr(run, "logger", _log)
            log.exception("hook %s of %r raised at %s", name, owner, state)

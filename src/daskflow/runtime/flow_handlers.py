"""The state handlers and hooks of a flow, called in the driver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from daskflow.errors import shown
from daskflow.hooks import NOBODY, Watchers, ask_handlers, call_hooks
from daskflow.signals import RunInterrupted
from daskflow.states import Failed, State

if TYPE_CHECKING:
    from daskflow.definition.flows import Flow

# Called with the flow, the state it is about to end in, and the states of its reference tasks.
TerminalStateHandler = Callable[[Any, State, Mapping[str, State]], State | None]


@dataclass(frozen=True)
class FlowWatch:
    """Who is asked of the changes of one flow run."""

    owner: Any = None  # the flow, which handlers and hooks are given
    watchers: Watchers = NOBODY
    terminal: TerminalStateHandler | None = None

    @classmethod
    def of(cls, flow: Flow[..., Any]) -> FlowWatch:
        """Return those of a flow."""
        terminal = flow.options.get("terminal_state_handler")
        is_any = flow.watchers.is_any or terminal
        return cls(flow, flow.watchers, terminal) if is_any else NOBODY_WATCHES

    def conclude(self, state: State, references: Mapping[str, State]) -> State:
        """Return the state that the flow run ends in, given that the verdict is this one."""
        if self.terminal is None:
            return state
        try:
            made = self.terminal(self.owner, state, references)
        except RunInterrupted:
            raise
        except BaseException as error:
            told = f"terminal_state_handler raised {shown(error)} at {state}"
            return Failed(told, exception=error)
        if made is None or (isinstance(made, State) and made.is_finished()):
            return made or state
        return Failed(f"terminal_state_handler returned {made!r}, which is no finished state")

    def judge(self, old: State, new: State) -> State:
        """Return what the state handlers make of a change: an end, or the same kind of state."""

        def may_follow(made: State) -> bool:
            return made.is_finished() or made.code == new.code

        return ask_handlers(self.watchers, self.owner, old, new, may_follow)

    def observe(self, run: Any, state: State) -> None:
        """Let the hooks see the state that a flow run has come into."""
        call_hooks(self.watchers, self.owner, run, state)


NOBODY_WATCHES = FlowWatch()

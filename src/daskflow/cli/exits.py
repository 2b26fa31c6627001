"""With which code the command ends, and what the help says of it."""

from __future__ import annotations

from enum import IntEnum

from daskflow.states import Cancelled, Paused, State


class Exit(IntEnum):
    """The exit codes of every command."""

    SUCCESS = 0  # it was done
    ERROR = 1  # it was asked wrongly, or the engine could not do it
    FAILED = 2  # the run ended Failed; a check found an error
    CANCELLED = 3  # the run was cancelled, or interrupted with Ctrl-C
    PAUSED = 4  # the run waits for a person


EXIT_CODES = """\b
Exit codes:
  0  success
  1  usage or engine error: nothing ran
  2  the run failed
  3  the run was cancelled (Ctrl-C)
  4  the run waits for a person's approval"""


def exit_of(state: State) -> Exit:
    """Return the exit code that tells of a flow run's state."""
    if state.is_successful():
        return Exit.SUCCESS
    if isinstance(state, Cancelled):
        return Exit.CANCELLED
    return Exit.PAUSED if isinstance(state, Paused) else Exit.FAILED

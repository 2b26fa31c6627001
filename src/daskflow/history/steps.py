"""What a person can do next about a run, as commands. Pure; all faces ask here."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from daskflow.states import Cancelled, Crashed, Paused, State


class Step(NamedTuple):
    """A command, and what it is good for."""

    command: str
    why: str

    def __str__(self) -> str:
        return f"{self.command}   {self.why}"


def next_steps(
    state: State,
    handle: str,
    *,
    waiting: Sequence[str] = (),
    failed: str = "",
    is_explained: bool = False,
) -> Iterator[Step]:
    """Return what there is to do next about a run; nothing where it goes on by itself, or is well.

    Parameters
    ----------
    handle
        How the run is named in a command.
    waiting
        The names of task runs that wait for a person, where they are known.
    failed
        The name of the first task run that failed, and not for another one.
    is_explained
        Whether it is told why that failed.

    Examples
    --------
    >>> for step in next_steps(Cancelled(), "owl"):
    ...     print(step)
    daskflow resume owl   goes on where it stopped; what is done stays done
    """
    if (waiting or isinstance(state, Paused)) and not state.is_finished():
        about = " ".join([handle, *map(shlex.quote, waiting[:1])])
        others = "; without a task, all that wait" if len(waiting) > 1 else ""
        yield Step(f"daskflow approve {about}", f"lets it go on{others}")
        yield Step(f"daskflow reject {about}", f"lets it fail{others}")
    elif isinstance(state, Cancelled | Crashed):
        yield Step(f"daskflow resume {handle}", "goes on where it stopped; what is done stays done")
    elif state.is_failed():
        yield Step(f"daskflow rerun {handle} --failed", "makes a new run that keeps what is done")
    if failed and not state.is_successful():
        about = f"{handle} {shlex.quote(failed)}"
        if not is_explained:
            yield Step(f"daskflow why {about}", "tells why, with the traceback")
        elif state.is_finished():
            yield Step(f"daskflow debug {about}", "calls it again here, with the same inputs")

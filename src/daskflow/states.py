"""The states of task runs and flow runs, and which may follow which.

Happy path of a task run: Pending -> Running -> Success. The kinds form a tree::

    State
    ├── Pending                 not started
    │   └── Scheduled           waits for an instant
    │       ├── Retrying        waits for its next attempt
    │       ├── Paused          waits for a person
    │       └── AwaitingSlot    waits for its turn
    ├── Running                 its body is being called
    ├── Cancelling              asked to stop
    ├── Looped                  one iteration ended
    ├── Success                 the body returned
    │   ├── Cached              an earlier result stands in for it
    │   ├── Skipped             it did not have to run
    │   └── Mapped              its children exist
    ├── Failed                  the user's code failed
    │   ├── TriggerFailed       its trigger said no
    │   ├── TimedOut            it ran too long
    │   └── Crashed             the world failed it
    └── Cancelled               stopped before it finished

A state is a frozen value. On the way from a worker to the driver it is one byte, its `code`;
the sets below (`FINISHED` and the like) are sets of codes, and the ``*_MASK`` tables turn a
column of codes into a column of 0 and 1 by `bytes.translate`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from daskflow.errors import IllegalMoveError


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a run at one instant; its class says the kind."""

    message: str = ""  # for people: why it is so
    timestamp: datetime | None = None  # when it became so, aware, UTC
    attempt: int = 0  # which attempt made it so, from 1; 0 before the first

    code: ClassVar[int] = -1

    def is_finished(self) -> bool:
        """Return whether this run will not move again by itself."""
        return self.code in FINISHED

    def is_successful(self) -> bool:
        """Return whether this is Success, Cached, Skipped or Mapped."""
        return self.code in SUCCESSFUL

    def is_failed(self) -> bool:
        """Return whether this is Failed, TriggerFailed, TimedOut or Crashed."""
        return self.code in FAILED

    def is_skipped(self) -> bool:
        """Return whether this is Skipped."""
        return self.code == Skipped.code

    def __str__(self) -> str:
        name = type(self).__name__
        return f"{name}({self.message!r})" if self.message else name


@dataclass(frozen=True, slots=True)
class Pending(State):
    """Not started."""

    code: ClassVar[int] = 0


@dataclass(frozen=True, slots=True)
class Scheduled(Pending):
    """Waits for an instant."""

    scheduled_for: datetime | None = None  # not before this instant
    code: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class Retrying(Scheduled):
    """The last attempt failed; the next one is due at `scheduled_for`."""

    code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class Paused(Scheduled):
    """Waits for a person."""

    code: ClassVar[int] = 3


@dataclass(frozen=True, slots=True)
class AwaitingSlot(Scheduled):
    """Waits for a free slot or a claim."""

    code: ClassVar[int] = 4


@dataclass(frozen=True, slots=True)
class Running(State):
    """The body is being called."""

    code: ClassVar[int] = 5


@dataclass(frozen=True, slots=True)
class Cancelling(State):
    """Asked to stop, not yet stopped."""

    code: ClassVar[int] = 6


@dataclass(frozen=True, slots=True)
class Looped(State):
    """One iteration ended, the next follows."""

    result: Any = field(default=None, compare=False)  # what the next one begins with
    code: ClassVar[int] = 7


@dataclass(frozen=True, slots=True)
class Success(State):
    """The body returned."""

    result: Any = field(default=None, compare=False)  # where somebody gave it with the state
    code: ClassVar[int] = 8


@dataclass(frozen=True, slots=True)
class Cached(Success):
    """An earlier result stands in for this run."""

    code: ClassVar[int] = 9


@dataclass(frozen=True, slots=True)
class Skipped(Success):
    """It did not have to run."""

    code: ClassVar[int] = 10


@dataclass(frozen=True, slots=True)
class Mapped(Success):
    """The children of a mapped task exist; they decide, not their parent."""

    children: tuple[State, ...] = ()
    code: ClassVar[int] = 11


@dataclass(frozen=True, slots=True)
class Failed(State):
    """The user's code failed."""

    exception: BaseException | None = None  # what the body raised
    code: ClassVar[int] = 12


@dataclass(frozen=True, slots=True)
class TriggerFailed(Failed):
    """The trigger said no, the body never ran."""

    code: ClassVar[int] = 13


@dataclass(frozen=True, slots=True)
class TimedOut(Failed):
    """The body ran longer than it may."""

    code: ClassVar[int] = 14


@dataclass(frozen=True, slots=True)
class Crashed(Failed):
    """The world failed it: `reason` says how, in a word or two."""

    reason: str = ""
    code: ClassVar[int] = 15


@dataclass(frozen=True, slots=True)
class Cancelled(State):
    """Stopped before it finished."""

    code: ClassVar[int] = 16


KINDS: tuple[type[State], ...] = (
    Pending,
    Scheduled,
    Retrying,
    Paused,
    AwaitingSlot,
    Running,
    Cancelling,
    Looped,
    Success,
    Cached,
    Skipped,
    Mapped,
    Failed,
    TriggerFailed,
    TimedOut,
    Crashed,
    Cancelled,
)


def _codes(root: type[State]) -> frozenset[int]:
    return frozenset(kind.code for kind in KINDS if issubclass(kind, root))


SUCCESSFUL = _codes(Success)
FAILED = _codes(Failed)
FINISHED = SUCCESSFUL | FAILED | {Cancelled.code}
UNFINISHED_NAMES = frozenset(kind.__name__ for kind in KINDS if kind.code not in FINISHED)
PICKED = SUCCESSFUL - {Skipped.code}  # what `successful` passes on
WAITING = _codes(Scheduled)
RETRYING, CRASHED, CANCELLED = Retrying.code, Crashed.code, Cancelled.code
OVER = FINISHED - {CANCELLED}  # does not run again by itself when a run goes on


def mask_of(codes: Iterable[int]) -> bytes:
    """Return a table for `bytes.translate` that turns these codes into 1 and all others into 0."""
    wanted = frozenset(codes)
    return bytes(code in wanted for code in range(256))


FINISHED_MASK = mask_of(FINISHED)

_BEFORE_START = frozenset({Pending.code, Scheduled.code, Retrying.code, AwaitingSlot.code})
_ON_A_WORKER = FINISHED - {Mapped.code}  # that children exist is the driver's to say
_ENDS_OF_A_BODY = _ON_A_WORKER - {TriggerFailed.code, Cached.code} | {Retrying.code, Paused.code}

# From a kind, the kinds that may follow: what the shim may do, then what only the driver may.
SHIM_MOVES: dict[int, frozenset[int]] = {
    **dict.fromkeys(
        _BEFORE_START,
        frozenset(
            {Pending.code, Running.code, TriggerFailed.code, Skipped.code, Cached.code, Paused.code}
            | {Failed.code, Crashed.code, AwaitingSlot.code, Success.code, Retrying.code}
        ),
    ),
    Running.code: frozenset(_ENDS_OF_A_BODY | {Looped.code, Pending.code}),
    Looped.code: frozenset(_ENDS_OF_A_BODY | {Looped.code, Running.code}),
    Cancelling.code: _ON_A_WORKER,
}
DRIVER_MOVES: dict[int, frozenset[int]] = {
    **dict.fromkeys(
        _BEFORE_START | {Paused.code},
        frozenset(
            {Pending.code, Scheduled.code, Mapped.code, TriggerFailed.code, Skipped.code}
            | {Success.code, Cached.code, TimedOut.code}  # somebody gave them
            | {Failed.code, Crashed.code, Cancelled.code, Cancelling.code, Running.code}
        ),
    ),
    Running.code: frozenset({Pending.code, Crashed.code, Cancelling.code, Cancelled.code}),
    Cancelling.code: frozenset({Cancelled.code, Crashed.code}),
    Cancelled.code: frozenset({Pending.code}),
}


def check_move(old: int, new: int, who: str, by: dict[int, frozenset[int]]) -> None:
    """Raise `IllegalMoveError` unless `new` may follow `old` in the table `by`.

    Parameters
    ----------
    old, new
        Codes of kinds.
    who
        The run, for the message.
    by
        `SHIM_MOVES` or `DRIVER_MOVES`: who makes the move.
    """
    if new not in by.get(old, frozenset()):
        msg = f"{who}: {KINDS[new].__name__} may not follow {KINDS[old].__name__}"
        raise IllegalMoveError(msg)


def make_state(code: int, **fields: Any) -> State:
    """Return the state of the kind that has this code."""
    return KINDS[code](**fields)

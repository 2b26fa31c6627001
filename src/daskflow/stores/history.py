"""The history of runs: what is written of one, and the protocol of what keeps it.

A run has a row, which is what is known of it now, and a history that only grows: the index spaces
that opened, the segments in which blocks told of their task runs, the events. Each entry of it has
a *version*, counted from 1 for the run, without a gap; folding them in that order gives the state
of everything (`runtime.restoring`).

Whoever drives a run holds its *lease*. Its token grows each time the lease is taken, and every
write names it: one who was stopped, and woke up when somebody else had taken over, is refused.
Every write has an `op_id` as well: written twice, because the answer to the first was lost, it has
one effect.

What task runs log is kept beside that: it is no history, so nothing is restored from it, and parts
of it are forgotten while a run goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from daskflow.entries import Entry
from daskflow.lines import Piece
from daskflow.states import State
from daskflow.stores.base import ResultCache
from daskflow.stores.orders import Orders


@dataclass(frozen=True, slots=True)
class RunRow:
    """What is known of a flow run."""

    id: str
    name: str  # for people
    flow_name: str
    state: State
    created: float  # instants, seconds since the epoch
    started: float | None = None
    ended: float | None = None
    tags: frozenset[str] = frozenset()
    parameters: bytes = b""  # signed; what `resume` begins with
    target: str = ""  # FILE:flow or module:flow; empty: it cannot be imported
    folder: str = ""  # working folder of who started it
    user: str = ""
    host: str = ""
    pid: int = 0
    # digests of the sources of tasks, each with its nodes; see `resuming`
    code: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)  # of the flow that a resume needs
    graph: Mapping[str, Any] = field(default_factory=dict)  # its outline; see `outlining`
    parent: str = ""  # id of the run that it repeats
    caller: str = ""  # id of the task run that started it: run/task[index]
    token: int = 0  # of the newest lease
    version: int = 0  # of the newest entry


_TOKEN_BITS = 32  # the number of a block begins with the token of the driver that made it


def first_block_of(token: int) -> int:
    """Return where a driver begins to number its blocks: those of two drivers of a run differ."""
    return token << _TOKEN_BITS


def token_of(block: int) -> int:
    """Return the token of the driver that made a block, by its number; 0: who began the run."""
    return block >> _TOKEN_BITS


@dataclass(frozen=True, slots=True)
class Numbered:
    """An entry with its place in the run's history."""

    version: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class NumberedPiece:
    """Some lines of a tape, with their place in what a run has logged."""

    version: int  # grows from piece to piece; with gaps, where some were forgotten
    piece: Piece


@dataclass(frozen=True, slots=True)
class Holder:
    """Who drives a run, for people."""

    user: str
    host: str
    pid: int
    since: float = 0.0  # instant

    def __str__(self) -> str:
        return f"{self.user}@{self.host}, process {self.pid}"


class Lease(Protocol):
    """The right to write the history of one run."""

    run_id: str
    token: int

    def release(self) -> None:
        """Give it back; calling it twice is no error."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs are asked for; what is not said does not matter."""

    flow: str | None = None
    called: str | None = None  # an id, the beginning of one, or a name
    states: Collection[str] | None = None  # names of kinds
    tag: str | None = None
    since: float | None = None  # created at this instant or later
    limit: int | None = None  # the newest ones


class RunReader(Protocol):
    """What runs are read from: a store, or what stands for one where there is none.

    Used by several threads at a time.
    """

    url: str  # how it is named in settings and messages

    def run(self, run_id: str) -> RunRow:
        """Return what is known of a run.

        Raises
        ------
        UnknownRunError
            There is none.
        """

    def runs(self, wanted: Wanted = ...) -> list[RunRow]:
        """Return runs, the newest first, without what is heavy: parameters, code and graph."""

    def entries(self, run_id: str, behind: int = 0, *, with_values: bool = True) -> list[Numbered]:
        """Return a run's history in order, behind a version.

        Parameters
        ----------
        with_values
            False: without results and exceptions. Nothing is unpickled then, for it is not even
            read.
        """

    def logs(self, run_id: str, task: str | None = None, behind: int = 0) -> list[NumberedPiece]:
        """Return what task runs of a run have logged, in the order in which it came.

        Parameters
        ----------
        task
            Of which: ``clean`` with all its children, or ``clean[3]``; None: of all.
        behind
            Only what came behind this version.

        Raises
        ------
        UnknownRunError
            There is none.
        """

    def holder(self, run_id: str) -> Holder | None:
        """Return who drives a run now; None: nobody, as far as can be told."""


class RunStore(RunReader, Protocol):
    """Keeps runs, and results under their keys. Used by several threads at a time.

    Whatever changes something is durable when it returns.
    """

    @property
    def cache(self) -> ResultCache:
        """Results under their keys."""

    @property
    def orders(self) -> Orders:
        """What is wanted of runs that others drive."""

    def create(self, run: RunRow, op_id: str) -> None:
        """Take in a new run; the same once more changes nothing."""

    def lease(self, run_id: str, holder: Holder) -> Lease:
        """Take the lease of a run.

        Raises
        ------
        LeaseTakenError
            Somebody has it; the message tells who.
        """

    def write(
        self, lease: Lease, entries: Sequence[Entry], op_id: str, row: Mapping[str, Any] = ...
    ) -> None:
        """Append to a run's history, and change fields of its row, all or nothing.

        Parameters
        ----------
        row
            New values by field of `RunRow`.

        Raises
        ------
        LeaseLostError
            Somebody else has taken the lease meanwhile: nothing was written.
        StoreBusyError
            It cannot write now; the same call may work later.
        """

    def add_logs(self, lease: Lease, pieces: Sequence[Piece], op_id: str) -> None:
        """Keep what task runs have logged, and forget of a tape what a piece takes the place of.

        That is what lies whole between its `kept_to` and its `kept_from`.

        Raises
        ------
        LeaseLostError
            Somebody else has taken the lease meanwhile: nothing was written.
        StoreBusyError
            It cannot write now; the same call may work later.
        """

    def parameters(self, run_id: str) -> bytes:
        """Return the parameters of a run as they were given to `create`.

        Raises
        ------
        TamperedError
            They are not what was written.
        """

    def run_key(self, run_id: str) -> bytes:
        """Return the key with which results of a run are signed: made of the store's own."""

    def spoiled(self, run_id: str) -> list[int]:
        """Return the versions of entries that are not what was written; 0: the row itself."""

    def is_genuine(self, run_id: str) -> bool:
        """Return whether a run's row is what was written when the run was made.

        Raises
        ------
        UnknownRunError
            There is none.
        """

    def delete(self, run_ids: Sequence[str], op_id: str) -> int:
        """Forget runs that nobody drives; return how many there were."""

    def close(self) -> None:
        """Let go of files and connections."""

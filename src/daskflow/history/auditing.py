"""Whether what is kept of a run can be true: looked at entry by entry, without its code.

A history is a chain: its versions leave no gap, each state may follow the one before it, a task run
is accepted once. What is sealed must be what was written, and what is durable must be there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from daskflow.context import run_label
from daskflow.definition.outlining import graph_of
from daskflow.entries import Entry, RunMoved, SegmentTold, SpaceOpened, TaskRunMoved
from daskflow.errors import ResultGoneError, StoreBusyError, TamperedError
from daskflow.events import Note, Segment, StoredResult
from daskflow.lowering.known import open_spaces
from daskflow.runtime.resources import CLEANED_UP
from daskflow.states import (
    DRIVER_MOVES,
    FINISHED,
    KINDS,
    PICKED,
    SHIM_MOVES,
    Cancelled,
    Crashed,
    Pending,
    Running,
    State,
)
from daskflow.stores.history import Numbered, RunRow, RunStore, token_of

_SHOWN_GAPS = 3


@dataclass(frozen=True)
class Finding:
    """Something that cannot be true."""

    where: str  # the flow run, or a task run of it
    told: str
    version: int | None = None  # of the entry; None: it is in the row, or in a file


def audit_run(
    store: RunStore, row: RunRow, check: Callable[[StoredResult], object]
) -> list[Finding]:
    """Return what cannot be true of a run.

    Parameters
    ----------
    row
        As it was read before its history: what came later is not looked at.
    check
        Reads a durable result of the run, and raises what is wrong with it.
    """
    spoiled = list(_find_spoiled(store, row))
    try:
        entries = store.entries(row.id, with_values=False)
    except TamperedError as error:
        return [*spoiled, Finding(row.name, str(error))]
    numbered = [one for one in entries if one.version <= row.version]
    findings = [*_find_gaps(row, numbered), *spoiled]
    chains = _Chains(row, _labels(row, numbered))
    for one in numbered:
        findings += chains.follow(one.version, one.entry)
    findings += _find_stale(row, [one.entry for one in numbered])
    return findings + list(_find_gone(chains, check))


def _labels(row: RunRow, numbered: list[Numbered]) -> Callable[[str, int], str]:
    """Return what names task runs, as far as the index spaces are known."""
    graph = graph_of(row.graph)
    spaces = open_spaces(graph)
    for one in numbered:
        entry = one.entry
        if isinstance(entry, SpaceOpened) and entry.space in spaces:
            spaces[entry.space].open(entry.parent, entry.width, entry.parts)

    def label(node: str, position: int) -> str:
        try:
            return run_label(node, spaces[graph.nodes[node].space].index_of(position))
        except LookupError:  # the history tells of what the graph, or its spaces, have not
            return f"{node} at position {position}"

    return label


def _find_gaps(row: RunRow, numbered: list[Numbered]) -> Iterator[Finding]:
    """Look for versions that are missing, or there twice."""
    there = [one.version for one in numbered]
    missing = sorted({*range(1, row.version + 1)} - {*there})
    if missing:
        named = ", ".join(map(str, missing[:_SHOWN_GAPS]))
        more = f" and {len(missing) - _SHOWN_GAPS} more" if len(missing) > _SHOWN_GAPS else ""
        told = f"of {row.version} entries of its history {len(missing)} are missing: {named}{more}"
        yield Finding(row.name, told)
    if len(there) > len({*there}):
        yield Finding(row.name, "entries of its history have the same version")


def _find_spoiled(store: RunStore, row: RunRow) -> Iterator[Finding]:
    for version in store.spoiled(row.id):
        if version:
            told = "the entry is not what was written: its signature does not fit"
            yield Finding(row.name, told, version)
        else:
            told = "its row is not what was written (name, flow, target, folder, ...)"
            yield Finding(row.name, f"{told}: its signature does not fit")
    try:
        store.parameters(row.id)
    except TamperedError:
        yield Finding(row.name, "its parameters are not what was written")


def _find_stale(row: RunRow, entries: list[Entry]) -> Iterator[Finding]:
    """Look whether the row says of the run what its history says."""
    states: list[State] = [e.state for e in entries if isinstance(e, RunMoved)]
    last = states[-1] if states else Pending()
    if type(last) is not type(row.state):
        here, there = type(row.state).__name__, type(last).__name__
        yield Finding(row.name, f"its row says {here}, its history ends with {there}")
    if row.state.is_finished() != (row.ended is not None):
        yield Finding(row.name, f"it is {type(row.state).__name__}, and ended at {row.ended}")


_OF_BODIES = frozenset({Running.code, Pending.code})


@dataclass
class _Chains:
    """The states of a run as its history unfolds, and what may not follow what."""

    row: RunRow
    label: Callable[[str, int], str]  # of a task run, by its node and position
    state: State = field(default_factory=Pending)
    driver: int = 0  # token of the newest driver that was heard of
    codes: dict[tuple[str, int], int] = field(default_factory=dict)
    stored: dict[tuple[str, int], StoredResult] = field(default_factory=dict)

    def follow(self, version: int, entry: Entry) -> Iterator[Finding]:
        """Take in an entry; return what cannot be."""
        match entry:
            case RunMoved():
                yield from self._move(version, entry.state)
            case SegmentTold():
                yield from self._take_driver(version, token_of(entry.block))
                for part in entry.segment.parts():
                    yield from self._take_segment(version, part)
            case TaskRunMoved() if entry.position >= 0:
                yield from self._take_moved(version, entry)

    def _move(self, version: int, new: State) -> Iterator[Finding]:
        old, self.state = self.state, new
        is_final = old.is_finished() and not isinstance(old, Cancelled | Crashed)
        if is_final or (isinstance(new, Pending) and type(new) is Pending):
            told = f"{type(new).__name__} may not follow {type(old).__name__}"
            yield Finding(self.row.name, told, version)

    def _take_driver(self, version: int, token: int) -> Iterator[Finding]:
        if token < self.driver or token > self.row.token:
            told = f"told by driver {token}, where the newest was {max(self.driver, token)}"
            yield Finding(self.row.name, f"{told} of {self.row.token}", version)
        self.driver = max(self.driver, token)

    def _take_segment(self, version: int, segment: Segment) -> Iterator[Finding]:
        for offset, code in enumerate(segment.codes):
            run = (segment.node, segment.start + offset)
            old = self.codes.get(run, Pending.code)
            begun = Running.code if segment.started[offset] else Pending.code
            if old in FINISHED:
                told = f"accepted again, as {_kind(code)}; it was {_kind(old)}"
                yield self._finding(run, told, version)
            elif code not in SHIM_MOVES[begun]:
                told = f"{_kind(code)} may not follow {_kind(begun)}"
                yield self._finding(run, told, version)
            self._note(run, code, segment.notes.get(offset))

    def _take_moved(self, version: int, entry: TaskRunMoved) -> Iterator[Finding]:
        run = (entry.node, entry.position)
        old, new = self.codes.get(run, Pending.code), entry.state.code
        is_again = old in PICKED and new == Pending.code  # its value was lost
        if is_again and run in self.stored and entry.state.message != CLEANED_UP:
            yield self._finding(run, "runs again though its result was durable", version)
        elif entry.is_driver and not is_again and new not in DRIVER_MOVES.get(old, ()):
            yield self._finding(run, f"{_kind(new)} may not follow {_kind(old)}", version)
        elif not entry.is_driver and new in _OF_BODIES and old not in FINISHED:
            pass  # a body began, or was lost with its worker: no segment tells of that
        elif not entry.is_driver and new != old:
            told = f"said to be {_kind(new)}, where its block told of {_kind(old)}"
            yield self._finding(run, told, version)
        if entry.is_driver:
            self._note(run, new, None)

    def _note(self, run: tuple[str, int], code: int, note: Note | None) -> None:
        self.codes[run] = code
        self.stored.pop(run, None)
        if note is not None and note.stored is not None:
            self.stored[run] = note.stored

    def _finding(self, run: tuple[str, int], told: str, version: int) -> Finding:
        return Finding(self.label(*run), told, version)


def _kind(code: int) -> str:
    return KINDS[code].__name__ if code < len(KINDS) else f"state {code}"


def _find_gone(chains: _Chains, check: Callable[[StoredResult], object]) -> Iterator[Finding]:
    """Look whether every durable result is there, and is what was written."""
    for run, stored in chains.stored.items():
        try:
            check(stored)
        except (ResultGoneError, TamperedError, StoreBusyError) as error:
            yield Finding(chains.label(*run), str(error))

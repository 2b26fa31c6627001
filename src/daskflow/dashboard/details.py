"""What is told of one task run: its states in order, its error, what went into it, what came out.

Pure, and from what was kept of the run alone. Values are never read: of a result is known what was
noted beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple

from daskflow.context import split_label
from daskflow.events import Note, StateChanged
from daskflow.graph import Edge
from daskflow.history.explaining import Reason, explain
from daskflow.history.reading import ReadRun
from daskflow.history.upstreams import Index, Place, position_of, state_of
from daskflow.lowering.links import link_of
from daskflow.states import Mapped, Pending, Running, State, Success
from daskflow.wording import bytes_text, many

_SHOWN = 5  # task runs of one input
_LOOKED_AT = 10_000  # the same, among which those are looked for that did not end well


class Step(NamedTuple):
    """A state that a task run came into."""

    at: float | None  # instant; None: that was not kept
    state: State


class Came(NamedTuple):
    """What a task run gets of one upstream task run."""

    label: str
    state: State
    summary: str


class Input(NamedTuple):
    """What a task run gets by one way, or waits for."""

    name: str  # of the argument; empty: it is only waited for
    came: tuple[Came, ...]  # the first ones
    more: int  # how many there are beside these


@dataclass(frozen=True, slots=True)
class Detail:
    """All that is told of a task run, or of a mapped one as a whole."""

    node: str
    label: str
    state: State
    attempt: int
    worker: str
    started: float | None  # instants, of the last attempt
    ended: float | None
    steps: tuple[Step, ...]
    reasons: tuple[Reason, ...]  # empty where nothing has to be explained
    trace: str
    inputs: tuple[Input, ...]
    summary: str  # of its result
    children: int | None  # of a mapped one; None: it is none


class _Columns(NamedTuple):
    """What the columns tell of a task run; nothing of one that is not there yet."""

    attempt: int = 0
    worker: str = ""
    started: float | None = None
    ended: float | None = None
    note: Note | None = None


def detail_of(run: ReadRun, node: str, index: Index) -> Detail:
    """Return what there is to tell of a task run."""
    place = Place(node, index)
    state, told = state_of(run.record, place), _columns(run, place)
    is_mapped = len(index) < run.record.nodes[node].space.level
    is_plain = type(state) is Success and not state.message and told.attempt > 0
    return Detail(
        node,
        str(place),
        state,
        told.attempt,
        told.worker,
        told.started,
        told.ended,
        tuple(_steps(run, place, state, told)),
        () if is_plain else tuple(explain(run, node, index)),
        told.note.trace if told.note is not None else "",
        tuple(_inputs(run, place)),
        summary_of(state, told.note),
        run.record.width(node, index) if is_mapped else None,
    )


def _columns(run: ReadRun, place: Place) -> _Columns:
    position = position_of(run.record, place)
    if position is None:
        return _Columns()
    column = run.record.nodes[place.node]
    has_begun = column.started[position] > 0
    return _Columns(
        column.attempts[position],
        run.record.workers.get(column.blocks[position], "") if has_begun else "",
        column.started[position] or None,
        column.ended[position] or None,
        column.notes.get(position),
    )


def _steps(run: ReadRun, place: Place, state: State, told: _Columns) -> Iterator[Step]:
    """Return the states in order: those that events tell of, and those that are implied.

    Of the attempts before the last one only the ends are kept.
    """
    began = run.row.started if run.row.started is not None else run.row.created
    events = [Step(one.at, one.state) for one in run.record.events if _is_of(one, place)]
    yield Step(began, Pending())
    if told.started is None:
        yield from events
    else:
        yield from (step for step in events if step.at is not None and step.at < told.started)
        yield Step(told.started, Running(attempt=told.attempt))
        yield from (step for step in events if step.at is None or step.at >= told.started)
    is_told = bool(events) and type(events[-1].state) is type(state)
    if not is_told and not isinstance(state, Pending | Mapped):
        stamp = state.timestamp.timestamp() if state.timestamp is not None else None
        yield Step(told.ended or stamp, state)


def _is_of(event: StateChanged, place: Place) -> bool:
    return event.name == str(place) or split_label(event.name) == (place.node, place.index)


def _inputs(run: ReadRun, place: Place) -> Iterator[Input]:
    for edge in run.record.graph.upstream(place.node):
        total, found = _below(run, edge, place)
        came = [_came(run, one) for one in _notable(run, found)]
        if edge.mapped and place.index and total == 1 and came[0].summary:
            which = f"element {place.index[-1]} of it: {came[0].summary}"
            came = [came[0]._replace(summary=which)]
        yield Input(edge.key or "", tuple(came), max(0, total - len(came)))


def _notable(run: ReadRun, found: Iterator[Place]) -> list[Place]:
    """Return the first ones of upstream task runs, those that did not end well before others."""
    first = list(islice(found, _SHOWN))
    looked_at = chain(first, islice(found, _LOOKED_AT))
    bad = (one for one in looked_at if not state_of(run.record, one).is_successful())
    worst = list(islice(bad, _SHOWN))
    return (worst + [one for one in first if one not in worst])[:_SHOWN]


def _below(run: ReadRun, edge: Edge, place: Place) -> tuple[int, Iterator[Place]]:
    """Return how many upstream task runs there are on one way, and these one by one.

    Of a task run that is not there yet it is the upstream node as a whole.
    """
    record, position = run.record, position_of(run.record, place)
    if position is None:
        return 1, iter([Place(edge.upstream, ())])
    mine, theirs = record.nodes[edge.downstream].space, record.nodes[edge.upstream].space
    below = link_of(record.graph, edge, record.spaces).below(position, mine, theirs)
    indexes = chain(below.decided, map(theirs.index_of, below.positions()))
    total = len(below.decided) + sum(stop - start for start, stop in below.ranges)
    return total, (Place(edge.upstream, index) for index in indexes)


def _came(run: ReadRun, place: Place) -> Came:
    state, note = state_of(run.record, place), _columns(run, place).note
    return Came(str(place), state, summary_of(state, note))


def summary_of(state: State, note: Note | None) -> str:
    """Return what is known of a result without reading it; empty where there is none.

    Examples
    --------
    >>> from daskflow.events import StoredResult
    >>> stored = StoredResult("file:///r/load.parquet", "parquet", "", 2048, "DataFrame of 7 x 2")
    >>> summary_of(Success(), Note(stored=stored))
    'DataFrame of 7 x 2, 2.0 kB as parquet in load.parquet'
    """
    if not isinstance(state, Success) or note is None:
        return ""
    told = []
    if note.stored is not None and note.stored.told:
        told.append(note.stored.told)
    elif note.length is not None and note.length.elements is not None:
        told.append(many(note.length.elements, "element"))
    if note.stored is not None:
        file = note.stored.url.rpartition("/")[2]
        told.append(f"{bytes_text(note.stored.size)} as {note.stored.codec} in {file}")
    return ", ".join(told)

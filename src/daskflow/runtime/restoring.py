"""Restores the record of a run from what was kept of it.

The entries are folded in order into an empty record; those of nodes and index spaces that the flow
has no more are left out. What was in a block when the driver died was never accepted: it is
Pending, and runs. A value that was not kept is lost; where something that is still to run needs it,
its task run runs again too, and so on upwards. All else stands.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

from daskflow.context import run_label
from daskflow.definition.nodes import FlowGraph
from daskflow.entries import Entry, RunMoved, SegmentTold, SpaceEnded, SpaceOpened, TaskRunMoved
from daskflow.events import Before, Note, Segment, StateChanged
from daskflow.lowering.expand import Opening
from daskflow.lowering.links import link_of
from daskflow.lowering.needs import result_of
from daskflow.lowering.plan import Plan
from daskflow.runtime.columns import Columns, is_news
from daskflow.runtime.given import length_of
from daskflow.runtime.record import RunRecord
from daskflow.states import CANCELLED, FINISHED, PICKED, Paused, Pending, Running, State

Run = tuple[str, int]  # node, position


def restored(graph: FlowGraph, entries: Iterable[Entry], run_name: str) -> RunRecord:
    """Return the record of a run that nobody goes on with, over the graph it had or has now."""
    record = RunRecord(graph, frozenset())
    restore(record, entries, run_name)
    return record


def restore(record: RunRecord, entries: Iterable[Entry], run_name: str) -> int:
    """Fold the entries into an empty record; return the greatest number of a block in them."""
    folding = Folding(record, run_name)
    record.events[:] = folding.take(entries)
    record.recount()
    return folding.last_block


class Folding:
    """The fold of a run's entries into an empty record, part by part, as they come.

    Behind each part `progress_of` the record is right; what is open, due or paused is found out by
    its `recount`.
    """

    def __init__(self, record: RunRecord, run_name: str) -> None:
        self.record = record
        self.last_block = 0  # the greatest number of a block so far
        self._run_name = run_name
        self._inside = {name: _nodes_in(record.graph, name) for name in record.graph.spaces}

    def take(self, entries: Iterable[Entry]) -> list[StateChanged]:
        """Fold what comes next; return what is told of it."""
        found = (self._take(one) for one in entries if _fits(one, self.record.graph))
        return [event for event in found if event is not None]

    def _take(self, entry: Entry) -> StateChanged | None:
        match entry:
            case SpaceOpened():
                self._open(entry)
            case SpaceEnded():
                return self._end(entry)
            case SegmentTold():
                _take_told(self.record, entry)
                self.last_block = max(self.last_block, entry.block)
            case RunMoved():
                return StateChanged(entry.at, self._run_name, entry.state)
            case TaskRunMoved():
                return self._move(entry)
        return None

    def _open(self, entry: SpaceOpened) -> None:
        before = self.record.spaces[entry.space].decided.pop(entry.parent, None)
        if before is not None:  # it was cancelled first
            self._count(entry.space, before, -1)
        opening = Opening(entry.space, entry.parent, entry.width, entry.parts)
        self.record.take_plan(Plan("", openings=(opening,)))

    def _end(self, entry: SpaceEnded) -> StateChanged:
        self.record.spaces[entry.space].decided[entry.parent] = entry.state
        self._count(entry.space, entry.state, +1)
        name = run_label(entry.space, self.record.parent_index(entry.space, entry.parent))
        at = entry.state.timestamp
        return StateChanged(at.timestamp() if at else 0.0, name, entry.state)

    def _count(self, space: str, state: State, number: int) -> None:
        for name in self._inside[space]:
            self.record.nodes[name].counts[state.code] += number

    def _move(self, entry: TaskRunMoved) -> StateChanged | None:
        is_one = entry.position >= 0
        begins = isinstance(entry.state, Running)
        is_told = not is_one or (is_news(self._code_of(entry), entry.state.code) and not begins)
        if is_one:
            self._take_moved(entry)
        name = run_label(entry.node, entry.index)
        return StateChanged(entry.at, name, entry.state) if is_told else None

    def _take_moved(self, entry: TaskRunMoved) -> None:
        self.record.running.pop((entry.node, entry.position), None)
        if entry.is_driver:
            _take_state(self.record, entry.node, entry.position, entry.state)
        elif isinstance(entry.state, Running):
            self.record.running[entry.node, entry.position] = entry.state

    def _code_of(self, entry: TaskRunMoved) -> int:
        return self.record.nodes[entry.node].codes[entry.position]


def _nodes_in(graph: FlowGraph, space: str) -> list[str]:
    """Return the nodes in an index space, and in those that lie in it."""
    return [name for name, node in graph.nodes.items() if space in graph.around(node.space)]


def _fits(entry: Entry, graph: FlowGraph) -> bool:
    """Return whether a flow has what an entry tells of."""
    match entry:
        case SpaceOpened() | SpaceEnded():
            return entry.space in graph.spaces
        case SegmentTold():
            return any(name in graph.nodes for name in entry.segment.nodes())
        case TaskRunMoved():
            return entry.node in graph.nodes
        case RunMoved():
            return True


def _take_told(columns: Columns, entry: SegmentTold) -> None:
    """Take in what a block told once, of the nodes that there are."""
    columns.workers[entry.block] = entry.worker
    for segment in entry.segment.parts():
        if segment.node in columns.graph.nodes:
            _take_segment(columns, entry.block, segment)


def _take_segment(columns: Columns, block: int, segment: Segment) -> None:
    record = columns.nodes[segment.node]
    before = record.codes[segment.start : segment.stop]
    record.recount(before, segment.codes)
    columns.take(segment)
    length = segment.stop - segment.start
    record.blocks[segment.start : segment.stop] = array("l", [block]) * length
    for offset, note in segment.notes.items():
        if segment.codes[offset] == Pending.code:  # it was given back, and waits for nothing
            record.notes.pop(segment.start + offset)
        if note.length is not None:
            columns.lengths.setdefault(segment.node, {})[segment.start + offset] = note.length


def _take_state(columns: Columns, name: str, position: int, state: State) -> None:
    """Take in a state that the driver once gave a task run."""
    record = columns.nodes[name]
    if record.codes[position] == Paused.code and state.code == Pending.code:  # approved
        note = record.notes.get(position)
        before = note.before if note is not None else None
        before = before or Before(record.attempts[position])
        record.before[position] = before._replace(is_resumed=True)
    record.shift(record.codes[position], state.code)
    record.codes[position] = state.code
    record.notes[position] = Note(state.message)
    record.states.pop(position, None)
    if state.is_finished():
        record.states[position] = state
        record.blocks[position] = 0
        if state.code in PICKED and columns.graph.gives_width(name):
            columns.lengths.setdefault(name, {})[position] = length_of(result_of(state))


def reopen_maps(record: RunRecord) -> None:
    """Let mapped nodes come into being that were cancelled before they could."""
    for space in record.spaces.values():
        for parent, state in list(space.decided.items()):
            if state.code == CANCELLED:
                del space.decided[parent]
    record.recount()


def cancelled_runs(record: RunRecord) -> Iterator[Run]:
    """Return the task runs that were cancelled: a run that is resumed begins them."""
    for name, node in record.nodes.items():
        for position, code in enumerate(node.codes):
            if code == CANCELLED:
                yield name, position


def lost_runs(record: RunRecord, kept: Iterable[str] = ()) -> Iterator[Run]:
    """Return the finished task runs whose values are lost and needed by what is still to run.

    In an order in which each stands behind all that need it.

    Parameters
    ----------
    kept
        Nodes whose values somebody will ask for.
    """
    wanted: dict[str, set[int]] = {
        name: {place for place, code in enumerate(node.codes) if code not in FINISHED}
        for name, node in record.nodes.items()
    }
    for name in kept:
        places = range(len(record.nodes[name].codes))
        wanted[name].update(place for place in places if is_lost(record, name, place))
    for name in reversed(record.graph.order()):
        node = record.nodes[name]
        lost = [p for p in sorted(wanted[name]) if node.codes[p] in FINISHED]
        yield from ((name, position) for position in lost)
        for edge in record.graph.upstream(name):
            if edge.key is None or not wanted[name]:
                continue
            link = link_of(record.graph, edge, record.spaces)
            theirs = record.nodes[edge.upstream]
            for position in wanted[name]:
                below = link.below(position, node.space, theirs.space)
                wanted[edge.upstream].update(
                    place for place in below.positions() if is_lost(record, edge.upstream, place)
                )
                if link.is_whole:
                    break  # the same for all


def is_lost(record: RunRecord, name: str, position: int) -> bool:
    """Return whether a finished task run's value was not kept."""
    node = record.nodes[name]
    note = node.notes.get(position)
    return (
        node.codes[position] in PICKED
        and (note is None or note.stored is None)
        and node.smalls[position] is None
        and position not in node.states
        and node.blocks[position] not in record.keys
    )


def begin_again(record: RunRecord, why: str) -> None:
    """Let run again what ran when the driver was lost; that attempt counts, and costs no retry."""
    for (name, position), running in list(record.running.items()):
        node = record.nodes[name]
        record.note_vanished(name, position, max(0, running.attempt - node.attempts[position]))
        record.tell(name, position, Pending(why, attempt=node.attempts[position]))
    record.running.clear()


def reopen(record: RunRecord, runs: Iterable[Run], why: str) -> list[str]:
    """Let finished task runs run again; return their names."""
    names = []
    for name, position in runs:
        record.reopen(name, position, Pending(why))
        names.append(run_label(name, record.index(name, position)))
    return names

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
from daskflow.events import Before, Note, StateChanged
from daskflow.lowering.expand import Opening
from daskflow.lowering.links import link_of
from daskflow.lowering.needs import result_of
from daskflow.lowering.plan import Plan
from daskflow.runtime.columns import Columns, is_news
from daskflow.runtime.given import length_of
from daskflow.runtime.record import RunRecord
from daskflow.states import CANCELLED, FINISHED, PICKED, Paused, Pending, State

Run = tuple[str, int]  # node, position


def restored(graph: FlowGraph, entries: Iterable[Entry], run_name: str) -> RunRecord:
    """Return the record of a run that nobody goes on with, over the graph it had or has now."""
    record = RunRecord(graph, frozenset())
    restore(record, entries, run_name)
    return record


def restore(record: RunRecord, entries: Iterable[Entry], run_name: str) -> int:
    """Fold the entries into an empty record; return the greatest number of a block in them."""
    events: list[StateChanged] = []
    last_block = 0
    for entry in entries:
        if not _fits(entry, record.graph):
            continue
        match entry:
            case SpaceOpened():
                record.spaces[entry.space].decided.pop(entry.parent, None)  # it was cancelled first
                opening = Opening(entry.space, entry.parent, entry.width, entry.parts)
                record.take_plan(Plan("", openings=(opening,)))
            case SpaceEnded():
                record.spaces[entry.space].decided[entry.parent] = entry.state
                name = run_label(entry.space, record.parent_index(entry.space, entry.parent))
                at = entry.state.timestamp
                events.append(StateChanged(at.timestamp() if at else 0.0, name, entry.state))
            case SegmentTold():
                _take_segment(record, entry)
                last_block = max(last_block, entry.block)
            case RunMoved():
                events.append(StateChanged(entry.at, run_name, entry.state))
            case TaskRunMoved():
                name = run_label(entry.node, entry.index)
                if entry.position < 0 or is_news(_code_of(record, entry), entry.state.code):
                    events.append(StateChanged(entry.at, name, entry.state))
                if entry.is_driver and entry.position >= 0:
                    _take_state(record, entry.node, entry.position, entry.state)
    record.events[:] = events
    record.recount()
    return last_block


def _fits(entry: Entry, graph: FlowGraph) -> bool:
    """Return whether a flow has what an entry tells of."""
    match entry:
        case SpaceOpened() | SpaceEnded():
            return entry.space in graph.spaces
        case SegmentTold():
            return entry.segment.node in graph.nodes
        case TaskRunMoved():
            return entry.node in graph.nodes
        case RunMoved():
            return True


def _take_segment(columns: Columns, entry: SegmentTold) -> None:
    """Take in what a block told once."""
    segment = entry.segment
    columns.workers[entry.block] = entry.worker
    record = columns.take(segment)
    length = segment.stop - segment.start
    record.blocks[segment.start : segment.stop] = array("l", [entry.block]) * length
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


def _code_of(record: RunRecord, entry: TaskRunMoved) -> int:
    return record.nodes[entry.node].codes[entry.position]


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


def reopen(record: RunRecord, runs: Iterable[Run], why: str) -> list[str]:
    """Let finished task runs run again; return their names."""
    names = []
    for name, position in runs:
        record.reopen(name, position, Pending(why))
        names.append(run_label(name, record.index(name, position)))
    return names

"""The record of one flow run: all changes of its task runs' states. The driver's thread makes them.

Other threads may read; what there is to read is in `runtime.columns`.
"""

from __future__ import annotations

import heapq
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain
from typing import Protocol

from daskflow.context import run_label
from daskflow.definition.nodes import FlowGraph, NodeRef
from daskflow.entries import Entry, SegmentTold, SpaceEnded, SpaceOpened, TaskRunMoved
from daskflow.errors import CodeMissingError
from daskflow.events import (
    Before,
    Begun,
    Complaint,
    Note,
    Report,
    Segment,
    Span,
    StateChanged,
    Stretch,
)
from daskflow.lines import LogLine
from daskflow.lowering.known import OWNED
from daskflow.lowering.needs import result_of
from daskflow.lowering.plan import Block, Plan
from daskflow.runtime.columns import Columns, NodeRecord, is_news, running_on
from daskflow.runtime.given import Given, length_of, refuse_beyond
from daskflow.runtime.holding import Holding
from daskflow.runtime.paces import Pace
from daskflow.states import (
    DRIVER_MOVES,
    FINISHED,
    PICKED,
    SHIM_MOVES,
    WAITING,
    Cancelled,
    Crashed,
    Failed,
    Paused,
    Pending,
    Retrying,
    Running,
    State,
    Success,
    check_move,
)
from daskflow.timing import as_datetime, now

_MOST_STRIKES = 3  # times a task run may be given back though all before it is finished


NOTHING_MORE = Note()


class Judge(Protocol):
    """Is asked of changes that only the driver can make."""

    def judge(self, node: str, index: tuple[int, ...], old: State, new: State) -> State:
        """Return the new state, or another one in its place: an end, or the old one."""

    def observe(self, node: str, index: tuple[int, ...], new: State) -> None:
        """Hear that a mapped node ended without children."""


class RunRecord(Columns):
    """All task runs of a flow run, and how they change.

    Parameters
    ----------
    kept
        Nodes whose values the user may ask for.
    judge
        Of changes that are made here; None: nobody has anything to say.
    write
        Takes what is to be kept, entry by entry.
    """

    def __init__(
        self,
        graph: FlowGraph,
        kept: frozenset[str],
        judge: Judge | None = None,
        write: Callable[[Entry], None] = lambda _: None,
    ) -> None:
        super().__init__(graph)
        self._write = write
        self._judge = judge
        self.kept = kept
        # the last that an attempt has logged that has not ended, by its task run's name
        self.last_lines: Callable[[str], list[LogLine]] = lambda _: []
        self.holding = Holding(graph, kept)
        self.in_flight: dict[int, list[Span]] = {}  # what is in blocks that have not reported
        self.untold: dict[int, int] = {}  # how many of these task runs were not told of
        self.paces: dict[str, Pace] = {}  # by task
        mapped = [name for name, node in graph.nodes.items() if node.space]
        # task runs that are in no block and wait for no instant
        self.open = len(graph.nodes) - len(mapped)
        self.undecided = {name for name in graph.spaces if not self.spaces[name].is_complete()}
        # by space the nodes in it, and in the spaces that lie in it
        self._inside: dict[str, list[str]] = {name: [] for name in graph.spaces}
        for name in mapped:
            self.open += self.nodes[name].grow()
            for space in graph.around(graph.nodes[name].space):
                self._inside[space].append(name)
        self._due: list[tuple[float, str, int]] = []  # heap of what waits for an instant
        self.paused: set[tuple[str, int]] = set()  # what waits for a person, or for an instant too
        self._awaited: dict[str, bool] | None = None  # what open ones wait for; None: not known
        self._begun: dict[int, tuple[str, int]] = {}  # what is in `running`, by its block
        self._strikes: Counter[tuple[str, int]] = Counter()  # times given back without a reason

    def give(self, given: Given) -> None:
        """Take in states that are known already; those of children when they come into being.

        State handlers are not asked: such a state stands.
        """
        for name, states in given.items():
            self.nodes[name].given = dict(states)
            self._take_given(name)
            self.note_lowered([name])

    def _take_given(self, name: str) -> bool:
        """Note the states that were given for task runs which are there now; tell of any."""
        record = self.nodes[name]
        came = record.came()
        for index, position in came:
            state = record.given.pop(index)
            self.open -= 1
            self._end(name, position, state, is_judged=True)
        refuse_beyond(name, record.space, record.given)
        return bool(came)

    def take_plan(self, plan: Plan) -> bool:
        """Note what a plan decided and which task runs its blocks own.

        Returns
        -------
        bool
            Whether task runs came into being that are finished: there may be more to lower.
        """
        self._awaited = None
        touched: set[str] = set()
        for opening in plan.openings:
            self.spaces[opening.space].open(opening.parent, opening.width, opening.parts)
            self._write(SpaceOpened(*opening))
            touched.update(self._inside[opening.space])
        for name in touched:
            self.open += self.nodes[name].grow()
        came = [name for name in touched if self.nodes[name].given and self._take_given(name)]
        for space, parent, state in plan.ended:
            self._decide(space, parent, state)
            touched.update(self._inside[space])
        self._forget_decided()
        singles: list[str] = []
        for block in plan.blocks:
            self._take_block(block)
            for strip in block.strips:
                is_single = not self.nodes[strip.nodes[0]].space.level
                (singles.extend if is_single else touched.update)(strip.nodes)
        self.holding.fully_lowered(singles)
        self.note_lowered(touched)
        return bool(came) and bool(self.open or self.undecided)

    def _take_block(self, block: Block) -> None:
        """Note which task runs a block owns."""
        number = block.number
        self.keys[number] = block.key
        self.in_flight[number] = list(block.spans())
        self.untold[number] = block.task_runs()
        self.holding.add(block)
        for strip in block.strips:
            records = [self.nodes[name] for name in strip.nodes]
            self.open -= len(records) * (strip.stop - strip.start)
            for record in records:
                record.own(number, strip.start, strip.stop)

    def note_lowered(self, names: Iterable[str]) -> None:
        """Tell the holding of which nodes no task run is left that was never in a block."""
        lowered = []
        for name in names:
            record = self.nodes[name]
            never = record.blocks.count(0)
            if never == (len(record.states) if never else 0) and record.space.is_complete():
                lowered.append(name)  # those that ended here were in no block
        self.holding.fully_lowered(lowered)

    def _forget_decided(self) -> None:
        self.undecided = {name for name in self.undecided if not self.spaces[name].is_complete()}

    def _decide(self, space: str, parent: int, state: State) -> None:
        """Note that mapped nodes ended without children below one place."""
        name = run_label(space, self.parent_index(space, parent))
        check_move(Pending.code, state.code, name, DRIVER_MOVES)
        told = replace(state, timestamp=as_datetime(now()))
        self.spaces[space].decided[parent] = told
        self._write(SpaceEnded(space, parent, told))
        for node in self._inside[space]:
            self.nodes[node].counts[state.code] += 1
            if self._judge is not None:
                self._judge.observe(node, self.parent_index(space, parent), told)
        self.events.append(StateChanged(now(), name, told))

    def fold(self, report: Report) -> bool:
        """Take in what became of a block; what it does not own any more is dropped.

        Returns
        -------
        bool
            Whether there is something that can be put into a block again.
        """
        block = report.block
        if block not in self.in_flight:
            return False
        self._forget_begun(block)
        if report.segments:
            self._fold_told(report)
        if report.is_early:
            if report.begun is not None:
                self._fold_begun(block, report.begun, report.worker)
            return self._take_unbegun(block, report.given_back, is_running=True)
        if report.error:
            self._fold_error(report)
        spans, untold = self.land(block)
        is_untold = untold and not report.error
        return self._take_unbegun(block, spans) if is_untold else bool(report.error)

    def land(self, block: int) -> tuple[list[Span], int]:
        """Note that a block is on the executor no more.

        Returns
        -------
        tuple
            What was in it, and how many task runs of it were not told of.
        """
        self._forget_begun(block)
        return self.in_flight.pop(block, []), self.untold.pop(block, 0)

    def _forget_begun(self, block: int) -> None:
        run = self._begun.pop(block, None)
        if run is not None:
            self.running.pop(run, None)

    def _fold_told(self, report: Report) -> None:
        """Take in what a block tells of task runs."""
        block = report.block
        self.workers[block] = report.worker
        for segment in report.segments:
            self._write(SegmentTold(block, report.worker, segment))
            if isinstance(segment, Stretch):
                self._fold_stretch(block, segment)
            else:
                self._fold_segment(block, segment)
            self.untold[block] -= len(segment.codes)

    def _fold_begun(self, block: int, begun: Begun, worker: str) -> None:
        """Note that a body runs, and takes long; a word of it is kept, should all be lost."""
        node, run = self.nodes[begun.node], (begun.node, begun.position)
        if node.codes[begun.position] == OWNED and node.blocks[begun.position] == block:
            state = running_on(worker, begun.started, begun.attempt)
            self._begun[block], self.running[run] = run, state
            self._write(
                TaskRunMoved(begun.started, begun.node, self.index(*run), begun.position, state)
            )

    def give_back(self, block: int) -> None:
        """Open all of a block: nothing of it was begun, and never will be."""
        spans, _ = self.land(block)
        self.keys.pop(block, None)
        self._take_unbegun(block, spans)

    def _take_unbegun(self, block: int, spans: Iterable[Span], *, is_running: bool = False) -> bool:
        """Open what a block has not begun, and never will; return whether there was any."""
        is_any = False
        for name, start, stop in spans:
            for a, b in self.owned_ranges(name, block, start, stop):
                record, is_any = self.nodes[name], True
                record.codes[a:b] = bytes(b - a)
                record.blocks[a:b] = array("l", [0]) * (b - a)
                self.open += b - a
                self.holding.unbegun(block, name, a, b)
                if is_running:  # what it is at takes long
                    self.untold[block] -= b - a
                    self._pace_of(name).note_slow()
        self._awaited = None
        return is_any

    def _pace_of(self, name: str) -> Pace:
        return self.paces.setdefault(self.graph.nodes[name].task.name, Pace())

    def recount(self) -> None:
        """Find out anew, from the columns, what is open and what waits; count the states."""
        self.paused.clear()
        self._due.clear()
        self.open = 0
        for name, record in self.nodes.items():
            if record.space.level:
                codes = chain(record.codes, (state.code for _, state in self.decided(name)))
                record.counts = defaultdict(int, Counter(codes))
            self.open += record.codes.count(Pending.code)
            for position, code in enumerate(record.codes):
                if code in WAITING:
                    self._note_waiting(record, (name, position))
        self.undecided = {name for name, space in self.spaces.items() if not space.is_complete()}
        self._awaited = None

    def reopen(self, name: str, position: int, state: State) -> None:
        """Let a finished task run run again; its attempts go on counting."""
        record = self.nodes[name]
        record.shift(record.codes[position], Pending.code)
        record.codes[position] = Pending.code
        record.states.pop(position, None)
        note = record.notes.pop(position, None)
        before = (note.before if note is not None else None) or record.before.get(position)
        if before is not None:  # its iterations begin anew too
            record.before[position] = before._replace(loops=0, held=0)
        self.open += 1
        self._awaited = None
        self.holding.gave_back(record.blocks[position], [(name, position)])
        self.tell(name, position, state, is_driver=True)

    def _fold_segment(self, block: int, segment: Segment) -> None:
        record = self.take(segment)
        start, stop = segment.start, segment.stop
        kinds = set(segment.codes)
        for code in kinds:
            record.shift(Pending.code, code, segment.codes.count(code))
        pace = self._pace_of(segment.node)
        pace.note(segment.started, segment.ended)
        pace.note_values(segment.codes, segment.smalls)
        finished = sum(segment.codes.count(code) for code in kinds & FINISHED)
        runs = ((segment.node, position) for position in range(start, stop))
        self.holding.finished(block, finished, runs)
        if kinds != {Success.code}:
            self._fold_unhappy(block, segment)
        for offset, note in segment.notes.items():
            if note.length is not None:
                self.lengths.setdefault(segment.node, {})[start + offset] = note.length

    def _fold_stretch(self, block: int, stretch: Stretch) -> None:
        """Take in what became of nodes that are not mapped."""
        self.take_stretch(stretch)
        times: dict[str, list[int]] = {}
        for name, at in stretch.places.items():
            times.setdefault(self.graph.nodes[name].task.name, []).append(at)
        for task, places in times.items():
            pace = self.paces.setdefault(task, Pace())
            started, ended = stretch.started, stretch.ended
            pace.note([started[at] for at in places], [ended[at] for at in places])
            if not pace.is_heavy:
                codes, smalls = stretch.codes, stretch.smalls
                small = [smalls[at] for at in places] if smalls else []
                pace.note_values([codes[at] for at in places], small)
        finished = sum(code in FINISHED for code in stretch.codes)
        self.holding.finished(block, finished, ((name, 0) for name in stretch.places))
        if set(stretch.codes) != {Success.code}:
            for name, at in stretch.places.items():
                if stretch.codes[at] != Success.code:
                    self._fold_unhappy(block, stretch.part(name))
        for name, at in stretch.places.items() if stretch.notes else ():
            note = stretch.notes.get(at)
            if note is not None and note.length is not None:
                self.lengths.setdefault(name, {})[0] = note.length

    def _fold_unhappy(self, block: int, segment: Segment) -> None:
        """Go one by one through a segment with more than successes in it."""
        record = self.nodes[segment.node]
        for offset, code in enumerate(segment.codes):
            if code == Success.code:
                continue
            position = segment.start + offset
            run = (segment.node, position)
            before = Running.code if segment.started[offset] else Pending.code
            check_move(before, code, run_label(*run[:1], self.index(*run)), SHIM_MOVES)
            if code not in FINISHED:
                self.holding.gave_back(block, [run])
            if code == Pending.code:
                self._take_back(segment.node, position)
            elif code not in FINISHED:
                self._note_waiting(record, run)
            if code != Pending.code:
                self.tell(segment.node, position, self.state(*run))

    def _note_waiting(self, record: NodeRecord, run: tuple[str, int]) -> None:
        """Note what a task run waits for that did not finish, and what it goes on with."""
        position = run[1]
        code, note = record.codes[position], record.notes.get(position)
        if note is not None and note.before is not None:
            record.before[position] = note.before
            if note.before.carries:
                record.carriers[position] = record.blocks[position]
        if code == Paused.code:
            self.paused.add(run)
        due = note.due if note is not None else None
        if code == Retrying.code or due is not None:
            heapq.heappush(self._due, (due or 0.0, *run))

    def _take_back(self, name: str, position: int) -> None:
        """Open a task run again that a block gave back because an upstream was not finished.

        The record knows better now and then: the upstream was finished by another block meanwhile.
        Where it happens again and again, a value was lost and came back different: that task run
        crashes, or the run would never end.
        """
        self.nodes[name].notes.pop(position, None)
        self.open += 1
        self._awaited = None
        if self.upstream_is_finished(name, position):
            self._strikes[name, position] += 1
            if self._strikes[name, position] > _MOST_STRIKES:
                self.open -= 1
                message = "its inputs were lost, and were not finished when they were made again"
                self.crash(name, position, message, "input lost")

    def untold_runs(self, block: int) -> list[tuple[str, int]]:
        """Return the task runs that a block has taken and not told of."""
        return [
            (name, position)
            for name, start, stop in self.in_flight[block]
            for a, b in self.owned_ranges(name, block, start, stop)
            for position in range(a, b)
        ]

    def note_vanished(self, name: str, position: int, count: int = 1) -> None:
        """Count bodies that nobody heard of any more: the next is another attempt, at no retry."""
        node = self.nodes[name]
        before = node.before.get(position) or Before(node.attempts[position])
        attempts, lost = before.attempts + count, before.lost + count
        node.before[position] = before._replace(attempts=attempts, lost=lost)
        node.attempts[position] += count

    def reclaim(self, block: int, run: tuple[str, int]) -> None:
        """Open a task run that its block will not end."""
        self.nodes[run[0]].codes[run[1]] = Pending.code
        self.open += 1
        self._awaited = None
        self.holding.gave_back(block, [run])

    def _fold_error(self, report: Report) -> None:
        """Let the task runs of a block that did not come back crash, or wait if it never began."""
        for run in self.untold_runs(report.block):
            if report.is_origin:
                error = report.error.removeprefix(CodeMissingError.MARK)
                reason = "block lost" if error == report.error else "code missing"
                self.crash(*run, error, reason, Note(worker=report.worker))
            else:
                self.reclaim(report.block, run)

    def complain(self, complaint: Complaint) -> str | None:
        """Note that a task waits for a worker that is not there, and return its name.

        None where the block has reported meanwhile: somebody came who could run it.
        """
        block = complaint.block
        name = next((n for n, record in self.nodes.items() if block in record.blocks), None)
        if block not in self.in_flight or name is None:
            return None
        told = Pending(complaint.message, as_datetime(now()))
        self.events.append(StateChanged(now(), name, told))
        self._write(TaskRunMoved(now(), name, (), -1, told))
        return name

    def crash(
        self,
        name: str,
        position: int,
        error: str,
        reason: str = "block lost",
        more: Note = NOTHING_MORE,
    ) -> None:
        """Note that the world failed a task run that no block can tell of any more.

        Parameters
        ----------
        more
            What else is worth saying of it.
        """
        attempt = self.nodes[name].attempts[position]
        state = Crashed(error, as_datetime(now()), attempt, reason=reason)
        self._end(name, position, state)
        notes = self.nodes[name].notes
        notes[position] = more._replace(message=notes[position].message)

    def cancel_undecided(self, message: str) -> None:
        """Note that mapped nodes were cancelled that have no children yet."""
        for name in self.spaces:  # the outer ones first
            for parent in self.spaces[name].undecided():
                self._decide(name, parent, Cancelled(message))
        self.undecided.clear()

    def cancel(self, name: str, position: int, message: str) -> None:
        """Note that a task run was cancelled that no block will end."""
        record = self.nodes[name]
        self.open -= record.codes[position] == Pending.code
        state = Cancelled(message, as_datetime(now()), record.attempts[position])
        self._end(name, position, state)

    def abandon(self, block: int, message: str) -> None:
        """Wait for a block no longer: what it has not told is cancelled."""
        for name, position in self.untold_runs(block):
            self.cancel(name, position, message)
        self.land(block)

    def cancel_unfinished(self, message: str) -> None:
        """Note that every task run that is not finished was cancelled."""
        self.cancel_undecided(message)
        for name, record in self.nodes.items():
            for position, code in enumerate(record.codes):
                if code not in FINISHED:
                    self.cancel(name, position, message)
        for block in list(self.in_flight):
            self.land(block)
        self._due.clear()
        self.open = 0

    def _end(
        self,
        name: str,
        position: int,
        state: State,
        *,
        is_judged: bool = False,
    ) -> None:
        record = self.nodes[name]
        code = record.codes[position]
        block = record.blocks[position] if code == OWNED else 0  # others have given it back
        old = Pending.code if code == OWNED else code
        if self._judge is not None and not is_judged:
            index, before = self.index(name, position), self.state(name, position)
            state = self._judge.judge(name, index, before, state)
        check_move(old, state.code, run_label(name, self.index(name, position)), DRIVER_MOVES)
        self.paused.discard((name, position))
        record.codes[position] = state.code
        record.states[position] = state
        if state.code in PICKED and self.graph.gives_width(name):
            self.lengths.setdefault(name, {})[position] = length_of(result_of(state))
        record.notes[position] = Note(state.message)
        record.smalls[position] = None
        record.blocks[position] = 0
        record.shift(old, state.code)
        self.holding.finished(block, 1, [(name, position)])
        is_told = is_news(old, state.code)
        self.tell(name, position, state, is_driver=True, is_told=is_told)

    def is_awaited(self, report: Report) -> bool:
        """Return whether a report may let a task run start that could not be lowered so far.

        That is so when it finishes what one of them waits for, or when the block gave back, or
        lost, what is not waiting for anything else.
        """
        if report.error:
            return True
        if self._awaited is None:
            self._awaited = self._find_awaited()
        awaited = self._awaited
        return any(
            Pending.code in segment.codes
            or any(
                awaited[name] or self.is_complete(name)
                for name in segment.nodes()
                if name in awaited
            )
            for segment in report.segments
        )

    def _find_awaited(self) -> dict[str, bool]:
        """Return the nodes that task runs wait for which are in no block; True: one by one."""
        found: dict[str, bool] = {}
        for name in self.undecided:
            for giver in self.graph.spaces[name].givers:
                if isinstance(giver.form, NodeRef):
                    is_lane = bool(giver.form.levels) or giver.form.is_flat
                    found[giver.form.name] = found.get(giver.form.name, False) or is_lane
            found.update((gate.name, True) for gate in self.graph.spaces[name].gates)
        waiting = [name for name, record in self.nodes.items() if 0 in record.codes]
        for name in waiting if self.open else ():
            for edge in self.graph.upstream(name):
                found[edge.upstream] = found.get(edge.upstream, False) or bool(edge.levels)
        return found

    def next_due(self) -> float | None:
        """Return the instant at which something goes on by itself."""
        while self._due and not self._is_due(*self._due[0]):
            heapq.heappop(self._due)  # it was approved, or rejected, meanwhile
        return self._due[0][0] if self._due else None

    def _is_due(self, due: float, name: str, position: int) -> bool:
        record = self.nodes[name]
        note = record.notes.get(position)
        is_waiting = record.codes[position] in WAITING
        return is_waiting and ((note.due if note is not None else None) or 0.0) == due

    def wake(self, instant: float) -> None:
        """Open the task runs that wait for this instant."""
        while (due := self.next_due()) is not None and due <= instant:
            _, name, position = heapq.heappop(self._due)
            self._go_on(name, position)

    def _go_on(self, name: str, position: int) -> None:
        """Open a task run that waited."""
        self._awaited = None
        record = self.nodes[name]
        code = record.codes[position]
        if code == Paused.code:
            self.paused.discard((name, position))
            before = record.before.get(position) or Before(record.attempts[position])
            record.before[position] = before._replace(is_resumed=True)
        record.codes[position] = Pending.code
        record.shift(code, Pending.code)
        self.open += 1

    def approve(self, name: str, position: int, message: str = "approved") -> None:
        """Let a paused task run go on; what does not wait any more is left alone."""
        if self._may_decide(name, position, Pending(message)):
            self.tell(name, position, Pending(message), is_driver=True)
            self._go_on(name, position)

    def reject(self, name: str, position: int, message: str) -> None:
        """Let a paused task run fail; what does not wait any more is left alone."""
        if (name, position) in self.paused:
            attempt = self.nodes[name].attempts[position]
            self._end(name, position, Failed(message, as_datetime(now()), attempt))

    def _may_decide(self, name: str, position: int, new: State) -> bool:
        """Ask the state handlers of a paused task run; end it if they make an end of it."""
        if (name, position) not in self.paused:
            return False
        if self._judge is None:
            return True
        index, old = self.index(name, position), self.state(name, position)
        made = self._judge.judge(name, index, old, new)
        if made.is_finished():
            self._end(name, position, made, is_judged=True)
        return made.code == new.code

    def is_finished(self) -> bool:
        """Return whether all task runs are finished."""
        return not self.in_flight and all(map(self.is_complete, self.nodes))

    def tell(
        self,
        name: str,
        position: int,
        state: State,
        *,
        is_driver: bool = False,
        is_told: bool = True,
    ) -> None:
        """Keep a change of state; and tell of it, unless it was to be expected."""
        index, instant = self.index(name, position), now()
        if is_told:
            self.events.append(StateChanged(instant, run_label(name, index), state))
        self._write(TaskRunMoved(instant, name, index, position, state, is_driver))

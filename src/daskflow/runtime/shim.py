"""What a Dask task of ours does: walk the task runs of one block and tell what became of them.

`run_block` is the function in every node of a plan's graph. It never raises for what user code
does. It takes the block's task runs lane by lane, each through `steps.STEPS`, and fills one
segment of columns for each node of each strip. The segments without their values are reported
through the port, before the block's value can be seen; with values they are the block's value.
Where a body takes long, what was filled before is reported while it does; see `meanwhile`.
What a block keeps: the values of nodes that are needed outside of it, and for a task run that is
not finished everything it would need to go on. Where the run is cancelled meanwhile, the block
begins nothing more, and tells as ever of what it has done: what it does not tell of is given back.
Importing this room loads neither Dask nor Bokeh.
"""

from __future__ import annotations

import pickle
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from daskflow import context
from daskflow.definition.nodes import ROOT
from daskflow.errors import CodeMissingError, ExecutorError
from daskflow.events import NOTHING_BEFORE, Note, Segment, Span, Stretch, Tell
from daskflow.executors.at_work import begin, end
from daskflow.executors.base import NOWHERE, Gauge, Mark, Port, use_port
from daskflow.executors.ports import current_port
from daskflow.garbage import uncollected
from daskflow.lowering.links import link_of
from daskflow.lowering.plan import BlockBody, Strip, strips_of, unpack_block
from daskflow.lowering.spaces import Index
from daskflow.runtime.budgets import Budget
from daskflow.runtime.inputs import Inputs, Literal
from daskflow.runtime.meanwhile import Filling, Looks
from daskflow.runtime.modules import in_use
from daskflow.runtime.scopes import CancelScope, do_nothing
from daskflow.runtime.spec import RunSpec, unpack_spec
from daskflow.runtime.steps import interrupted, walk
from daskflow.runtime.tapes import outbox
from daskflow.runtime.task_run import TaskRun
from daskflow.runtime.waning import Waning
from daskflow.runtime.wiring import SingleWire, Wire, wire_of
from daskflow.sealing import Unreadable
from daskflow.signals import RunInterrupted
from daskflow.states import FINISHED, State

_KEPT_SPECS = 16
_specs: OrderedDict[str, RunSpec] = OrderedDict()  # of the runs this process last worked for
_used_specs: WeakValueDictionary[str, RunSpec] = WeakValueDictionary()  # and of all at work here
_specs_lock = threading.Lock()


def run_block(run_id: str, number: int, body: bytes, *inputs: Any) -> tuple[Segment, ...]:
    """Run one block: report what became of its task runs, return that with the values."""
    port = current_port()
    mark = port.mark()
    if mark is not None:  # only the driver decides what runs again
        if mark is Mark.CALLED_OFF:
            port.report(run_id, number, ())
        return hollow(strips_of(body))
    gauge = port.begin(run_id, number)
    try:
        spec = _loaded(run_id, port)
        with use_port(port), context.at_place(port.worker), in_use(spec.modules):
            walk = BlockWalk(spec, unpack_block(body), inputs, gauge, is_local=port.is_local)
            walk.begin(run_id, number)
            try:
                with walk.watched(port.telling(run_id, number)):
                    segments = walk.walk()
            finally:
                walk.end()
    finally:
        port.end()
    if not port.is_local:
        drop_frames(segments)
    if outbox.ended:
        outbox.send_ended()  # whoever hears that the block is done has heard what it logged
    port.report(run_id, number, walk.untold())
    return tuple(segments)


def hollow(strips: Iterable[Strip]) -> tuple[Segment, ...]:
    """Return the value of a block whose bodies were not called: nothing in it is finished."""
    found = []
    for strip in strips:
        length = strip.stop - strip.start
        for node in strip.nodes:
            segment = Segment(node, strip.start, bytearray(length))
            segment.attempts.extend([0] * length)
            segment.started.extend([0.0] * length)
            segment.ended.extend([0.0] * length)
            found.append(segment)
    return tuple(found)


def within_run(run_id: str, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function where the modules of a run are in use, for nodes that are no blocks."""
    with in_use(_spec_of(run_id, current_port()).modules):
        return function(*args)


def unpack_literal(name: str, data: bytes) -> Literal:
    """Return a large literal from its bytes; the function in its graph node.

    One that cannot be unpickled is told to the task runs that need it.
    """
    try:
        return Literal(name, pickle.loads(data))
    except Exception as error:
        return Literal(name, Unreadable(f"the value of {name!r} cannot be unpickled: {error!r}"))


def drop_frames(segments: Iterable[Segment]) -> None:
    """Let go of what the frames of raised exceptions hold: they cannot travel anyway."""
    for segment in segments:
        for value in (segment.values or {}).values():
            if isinstance(value, BaseException):
                traceback.clear_frames(value.__traceback__)


def _loaded(run_id: str, port: Port) -> RunSpec:
    """Return the spec of a run; say what is missing where it cannot be loaded."""
    try:
        return _spec_of(run_id, port)
    except (ImportError, AttributeError, ExecutorError) as error:
        msg = (
            f"{port.worker} cannot load the flow: {error}; install there what is installed here, "
            "or name workers that have it (workers=)"
        )
        raise CodeMissingError(msg) from error


def _spec_of(run_id: str, port: Port) -> RunSpec:
    if port.is_local:
        local: RunSpec = port.fetch_spec(run_id)
        return local
    return kept_spec(run_id, port.fetch_spec)


def kept_spec(run_id: str, fetch: Callable[[str], bytes]) -> RunSpec:
    """Return the spec of a run, asking for its bytes once in each process."""
    with _specs_lock:
        spec = _used_specs.get(run_id)
        if spec is None:
            data = fetch(run_id)
            with uncollected():
                spec = _used_specs[run_id] = unpack_spec(data)
        _specs[run_id] = spec
        _specs.move_to_end(run_id)
        while len(_specs) > _KEPT_SPECS:
            _specs.popitem(last=False)
    return spec


class BlockWalk:
    """The walk through one block."""

    def __init__(
        self,
        spec: RunSpec,
        body: BlockBody,
        received: tuple[Any, ...],
        gauge: Gauge = NOWHERE,
        *,
        is_local: bool,
    ) -> None:
        self.spec = spec
        self.gauge = gauge
        self._place = 0  # in the walk, of the task run that was begun last
        self._current: TaskRun | None = None  # that one
        self._fillings: list[Filling] = []
        self._looks: Looks | None = None  # what is told of it meanwhile; None: nothing
        self.is_local = is_local
        self.body = body
        self.inputs = Inputs(spec, received, body.slices, body.spaces)
        self.inputs.add_given(body.given)
        self.segments: list[Segment] = []
        self.budget = Budget(spec.limits)
        self.scope = CancelScope()
        self.waning = Waning.of(spec, body.strips)

    def begin(self, run_id: str, number: int) -> None:
        """Let it be called off from now on, by its run's name and its own number."""
        scope = self.scope
        scope.run_id, scope.number, scope.on_cancel = run_id, number, self._call_off
        if not begin(scope):
            self._call_off()

    def end(self) -> None:
        """Let it be called off no more; nothing it holds is to wait for Python's collector."""
        end(self.scope)
        self.scope.on_cancel = do_nothing
        self._looks = self._current = None

    def watched(self, tell: Tell | None) -> AbstractContextManager[object]:
        """Let the reporter look at it meanwhile, where somebody listens."""
        if tell is None:
            return nullcontext()
        self._looks = Looks(self, tell)
        return self._looks

    def _call_off(self) -> None:
        """Let nothing more be begun, and tell so at once: what runs may take long."""
        place, looks = self.budget.cut(), self._looks  # which goes when the block ends
        if looks is not None:
            looks.give_back(place)

    def begun(self) -> TaskRun | None:
        """Return the task run whose body runs, if one does; another thread asks."""
        run = self._current
        return run if run is not None and run.started > run.ended else None

    def untold(self) -> tuple[Segment, ...]:
        """Return what has come to an end since this was asked last, by one thread at a time."""
        found: list[Segment] = []
        for filling in self._fillings:
            if filling.told < filling.count:
                found += filling.take()
        return tuple(found)

    def behind(self, place: int) -> list[Span]:
        """Return the task runs from a place of the walk on."""
        found: list[Span] = []
        for strip in self.body.strips:
            if self.is_stretch(strip):
                found += [(name, 0, 1) for name in strip.nodes[max(0, place) :]]
            else:
                start = strip.start + max(0, place)
                found += [(name, start, strip.stop) for name in strip.nodes if start < strip.stop]
            place -= self._length(strip)
        return found

    def is_stretch(self, strip: Strip) -> bool:
        """Return whether the nodes of a strip are not mapped."""
        return self.spec.graph.nodes[strip.nodes[0]].space == ROOT

    def _length(self, strip: Strip) -> int:
        """Return how many places the walk has in a strip."""
        return len(strip.nodes) if self.is_stretch(strip) else strip.stop - strip.start

    def walk(self) -> list[Segment]:
        """Run the task runs of the block, lane by lane, as far as its budget goes."""
        for strip in self.body.strips:
            begun = self._walk_stretch if self.is_stretch(strip) else self._walk_lanes
            if not begun(strip):
                break
        return self.segments

    def _walk_stretch(self, strip: Strip) -> bool:
        """Run the task runs of nodes that are not mapped; return whether all were begun."""
        stretch, passing = Stretch(), self.waning.left
        self.segments.append(stretch)
        self.inputs.fill(stretch)
        filling = Filling([stretch])
        self._fillings.append(filling)
        for name in strip.nodes:
            if self.scope.is_cancelled or not self.budget.may_begin():
                break
            wire = SingleWire(self.spec, name, self.inputs)
            run, state = self._run(wire, 0, ())
            stretch.places[name] = len(stretch.places)
            record(stretch, run, state)
            filling.count += 1
            if run.small is not None:
                self.budget.inline += len(run.small)
            if name not in passing:
                self.budget.kept += run.size
            if passing and state.code in FINISHED:
                self.waning.finished(wire.names, stretch)
        if not stretch.places:  # it was called off
            self.segments.pop()
        return len(stretch.places) == len(strip.nodes)

    def _walk_lanes(self, strip: Strip) -> bool:
        """Run the task runs of a strip of lanes; return whether all of them were begun."""
        mine = {name: Segment(name, strip.start) for name in strip.nodes}
        filling = Filling(list(mine.values()))
        self._fillings.append(filling)
        wires = {name: wire_of(self.spec, name, self.inputs) for name in strip.nodes}
        for segment in mine.values():
            self.inputs.add(segment)
        passing = self.passing(strip)
        for position in range(strip.start, strip.stop):
            if not self.budget.may_begin():
                break
            all_finished = True
            for name in strip.nodes:
                if self.scope.is_cancelled:
                    break
                wire = wires[name]
                run, state = self._run(wire, position, wire.space.index_of(position))
                record(mine[name], run, state)
                filling.count += 1
                all_finished &= state.code in FINISHED
                self.budget.inline += len(run.small) if run.small is not None else 0
                self.budget.kept += 0 if name in passing else run.size
            if all_finished:
                for name in passing:
                    mine[name].values.pop(position - strip.start, None)  # type: ignore[union-attr]
        told = [segment for segment in mine.values() if segment.codes]
        self.segments += told
        return bool(told) and told[0].stop == strip.stop

    def _run(self, wire: Wire, position: int, index: Index) -> tuple[TaskRun, State]:
        self._place += 1
        self.gauge[0] = self._place
        node = wire.node
        before = NOTHING_BEFORE
        if self.body.before:
            before = self.body.before.get((node.name, position), before)
        here = (position, index, self.is_local, wire.codes(position), self.scope)
        run = self._current = TaskRun(self.spec, node, wire, *here, before)
        if before.carries:
            found = self.inputs.carried
            run.carry = partial(found, node.name, position, before.loops, before.held)
        try:
            return run, walk(run)
        except RunInterrupted:  # just as its body ended, or in a trigger or a handler
            self.scope.stopped()
            return run, interrupted(run)

    def passing(self, strip: Strip) -> list[str]:
        """Return the nodes whose values nobody needs outside of the strip."""
        key = ("passing", strip.nodes)
        passing: list[str] | None = self.spec.caches.get(key)
        if passing is None:
            passing = [name for name in strip.nodes if not self._is_kept(name, strip)]
            self.spec.caches[key] = passing
        return passing

    def _is_kept(self, name: str, strip: Strip) -> bool:
        return name in self.spec.kept or any(
            edge.downstream not in strip.nodes
            or not link_of(self.spec.graph, edge, self.inputs.spaces).is_same
            for edge in self.spec.graph.downstream(name)
        )


def record(segment: Segment, run: TaskRun, state: State) -> None:
    """Add a task run to its segment."""
    offset = len(segment.codes)
    segment.codes.append(state.code)
    segment.attempts.append(run.before.attempts)
    segment.started.append(run.started)
    segment.ended.append(run.ended)
    segment.smalls.append(run.small)
    note = run.note
    if state.message or note is not None:
        reason = getattr(state, "reason", "")
        note = (note or Note())._replace(message=state.message)
        segment.notes[offset] = note._replace(reason=reason) if reason else note
    if segment.values is not None:
        if state.code in FINISHED or run.before.held:
            segment.values[offset] = run.value
        elif run.before.loops:
            segment.values[offset] = run.loop_result

"""One call of a task that a run made, or was to make, made here once more, to see what it does.

It gets what it got then, as far as that was kept: parameters, small results, durable ones. Nothing
of it is noted in the run, and neither retries, caches, timeouts nor handlers play a part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from daskflow import context
from daskflow.context import run_label
from daskflow.errors import ResultGoneError
from daskflow.events import Before, Segment
from daskflow.graph import Edge
from daskflow.lowering.needs import add_given
from daskflow.runtime.calling import Ending, call
from daskflow.runtime.contexts import context_of
from daskflow.runtime.inputs import Inputs
from daskflow.runtime.record import RunRecord
from daskflow.runtime.restoring import is_lost
from daskflow.runtime.scopes import CancelScope
from daskflow.runtime.spec import RunSpec
from daskflow.runtime.task_run import TaskRun
from daskflow.runtime.wiring import wire_of
from daskflow.states import FINISHED, KINDS


@dataclass(frozen=True)
class SingleCall:
    """A call that can be made here."""

    run: TaskRun
    args: list[Any]
    kwargs: dict[str, Any]

    def inputs(self) -> dict[str, Any]:
        """Return what the function is given, by argument."""
        arguments = self.run.node.arguments
        names = [argument.name for argument in arguments if argument.keyword is None]
        return {**dict(zip(names, self.args, strict=True)), **self.kwargs}

    def make(self) -> Ending:
        """Call the function, with the context that its task run has; tell how that ended."""
        token = context.current.set(context_of(self.run))
        try:
            return call(self.run.node.task.fn, self.args, self.kwargs)
        finally:
            context.current.reset(token)


def single_call(record: RunRecord, spec: RunSpec, name: str, position: int) -> SingleCall:
    """Return the call of a task run, with what was kept of its inputs.

    Parameters
    ----------
    record
        Of a run that was restored.
    spec
        Of that run, with all literals.

    Raises
    ------
    ResultGoneError
        Not all of its inputs were kept; the message names what was not.
    """
    if gone := list(dict.fromkeys(_gone(record, name, position))):
        who = run_label(name, record.index(name, position))
        listed = "\n".join(f"  {line}" for line in gone)
        msg = f"{who} cannot be called here, for these inputs of it were not kept:\n{listed}"
        raise ResultGoneError(msg)
    edges = record.graph.upstream(name)
    segments = [one for edge in edges for one in _segments(record, edge, position)]
    inputs = Inputs(spec, [segments], (), record.spaces)
    wire = wire_of(spec, name, inputs)
    node = record.nodes[name]
    before = node.before.get(position, Before())._replace(attempts=node.attempts[position] or 1)
    index = record.index(name, position)
    here = (position, index, True, wire.codes(position), CancelScope())
    run = TaskRun(spec, wire.node, wire, *here, before)
    return SingleCall(run, *wire.arguments(position))


def _gone(record: RunRecord, name: str, position: int) -> Iterator[str]:
    """Return a line for each input that is not there."""
    for edge in record.graph.upstream(name):
        if edge.key is None:
            continue
        theirs = record.nodes[edge.upstream]
        for place in record.below(edge, position).positions():
            who = run_label(edge.upstream, record.index(edge.upstream, place))
            if theirs.codes[place] not in FINISHED:
                kind = KINDS[theirs.codes[place]].__name__
                yield f"{edge.key}: {who} is {kind}, so it has no value"
            elif is_lost(record, edge.upstream, place):
                yield f"{edge.key}: {who} was large; persist_result=True keeps its value"


def _segments(record: RunRecord, edge: Edge, position: int) -> Iterator[Segment]:
    """Return what is known of the upstream task runs on one way, with values."""
    name = edge.upstream
    states = record.nodes[name].states
    for place in record.below(edge, position).positions():
        if place not in states:
            yield record.given(name, range(place, place + 1))
            continue
        segment = Segment(name, place)
        who = run_label(name, record.index(name, place))
        add_given(segment, states[place], who, with_value=True)
        yield segment


def frames_until(error: BaseException, is_own: Any) -> TracebackType | None:
    """Return the traceback down to the innermost frame that is the user's own, for a debugger.

    Parameters
    ----------
    is_own
        Called with the name of a frame's file.
    """
    frames: list[TracebackType] = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    while frames and not is_own(frames[-1].tb_frame.f_code.co_filename):
        frames.pop()
    made: TracebackType | None = None
    for one in reversed(frames):
        made = TracebackType(made, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return made

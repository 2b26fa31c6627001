"""What the command line tells of a run that has ended. Pure; `summary` prints it.

A run of a million task runs has a short story as well: what was retried, what was skipped, what
failed, by name up to a number of each, and how many more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from daskflow.cli.followed import FollowedRun
from daskflow.cli.told import kind_text
from daskflow.context import run_label
from daskflow.history.steps import Step, next_steps
from daskflow.history.upstreams import Place, position_of
from daskflow.runs import FlowRun
from daskflow.runtime.pausing import paused_runs
from daskflow.runtime.record import RunRecord
from daskflow.states import Crashed, Paused, Retrying, Skipped, State, TriggerFailed
from daskflow.wording import many, one_line, span_text

_TRACE_LINES = 40  # of a traceback; the middle of a longer one is left out


def seconds_in(record: RunRecord, node: str, instant: float | None = None) -> float:
    """Return how long the bodies of a task ran, the last attempt of each task run.

    Parameters
    ----------
    instant
        Up to which those are counted that run; None: none does any more.
    """
    column = record.nodes[node]
    pairs = zip(column.started, column.ended, strict=True)
    over = sum(ended - started for started, ended in pairs if started and ended)
    if instant is None:
        return over
    return over + sum(
        max(0.0, instant - began.timestamp())
        for (name, _), state in list(record.running.items())
        if name == node and (began := state.timestamp) is not None
    )


def outcome_line(run: FollowedRun) -> str:
    """Return how a run ended and how long it took; of one without a driver nobody knows that."""
    state = run.state
    stood = state.timestamp.timestamp() if state.timestamp else run.started_at
    is_lost = run.ended_at is None and isinstance(state, Crashed)
    why = f": {one_line(state.message)}" if state.message else ""
    took = span_text((run.ended_at or stood) - run.started_at)
    took = "" if is_lost else f" {'in' if not why else 'after'} {took}"
    return f"{run.flow_name} / {run.name}: {kind_text(state)}{took}{why}"


@dataclass(frozen=True)
class Remark:
    """A task run that is worth a line: its name, and what became of it."""

    name: str
    told: str


def remarks_of(
    record: RunRecord, limit: int = 20, *, with_failed: bool = True
) -> tuple[list[Remark], list[str]]:
    """Return the task runs that were retried or skipped themselves, and lines about the others.

    Parameters
    ----------
    with_failed
        Whether those are among them that failed in the end.
    """
    events = list(record.events)
    why = {e.name: e.state.message for e in events if isinstance(e.state, Retrying)}
    remarks: list[Remark] = []
    after = unshown = 0
    for name, position in _worth_a_look(record):
        state = record.state(name, position)
        label = run_label(name, record.index(name, position))
        if state.is_failed() and not with_failed:
            continue
        if isinstance(state, Skipped) and not state.attempt:
            after += 1
        elif len(remarks) >= limit:
            unshown += 1
        else:
            remarks.append(Remark(label, _told_of(state, why.get(label, ""))))
    more = [f"and {many(unshown, 'task run')} more"] if unshown else []
    more += [f"{many(after, 'task run')} behind a skipped one: skipped too"] if after else []
    return remarks, more


def _worth_a_look(record: RunRecord) -> Iterator[tuple[str, int]]:
    """Find the retried and the skipped in the columns, without an object for each task run."""
    for name, column in record.nodes.items():
        for position, code in enumerate(column.codes):
            if code == Skipped.code or column.attempts[position] > 1:
                yield name, position


def _told_of(state: State, why: str) -> str:
    kind = type(state).__name__
    if state.attempt > 1:
        return one_line(f"{kind} at attempt {state.attempt}" + (f"; {why}" if why else ""))
    return one_line(f"{kind}: {state.message}" if state.message else kind)


Found = tuple[str, tuple[int, ...], State]  # a task run: its node and map index


def failures_in(record: RunRecord) -> list[Found]:
    """Return what failed in a run, in the order of the flow."""
    found = record.failed(record.graph.order())
    return [(node, index, record.node_state(node, index)) for node, index in found]


def waiting_in(record: RunRecord) -> list[Found]:
    """Return what waits for a person in a run."""
    found = paused_runs(record, None, None) if record.paused else []
    return [(node, record.index(node, at), record.state(node, at)) for node, at in found]


def waiting_of(record: RunRecord, limit: int = 20) -> tuple[list[Remark], list[str]]:
    """Return the task runs that wait for a person, and a line about the others."""
    found = waiting_in(record)
    remarks = [
        Remark(run_label(node, index), one_line(state.message.removeprefix(_WAITS)))
        for node, index, state in found[:limit]
    ]
    return remarks, [f"and {many(len(found) - limit, 'task run')} more"] * (len(found) > limit)


_WAITS = "waits for approval"  # which needs no saying where all do


def steps_after(
    record: RunRecord, state: State, handle: str, *, is_explained: bool = False
) -> list[Step]:
    """Return what there is to do next about a run; see `next_steps`."""
    failed = (one for one in failures_in(record) if not isinstance(one[2], TriggerFailed))
    first = next((run_label(node, index) for node, index, _ in failed), "")
    waiting = [run_label(node, index) for node, index, _ in waiting_in(record)]
    return list(next_steps(state, handle, waiting=waiting, failed=first, is_explained=is_explained))


def how_in_python(run: FlowRun) -> list[str]:
    """Return how a run that waits for a person goes on in Python."""
    if not isinstance(run.state, Paused):
        return []
    again = f"flow.resume({run.name!r})" if run.is_durable else "flow.run(...)"
    how = f"In Python it can go on: run = {again}; run.approve() or run.reject()"
    ends = "The state of this run lives in this process, and ends with it."
    return [how] if run.is_durable else [ends, how]


@dataclass(frozen=True)
class Failure:
    """A failed task run with what there is to read of it."""

    head: str
    body: str  # its traceback; where it has none, its message


def failures_of(record: RunRecord, limit: int = 3) -> tuple[list[Failure], list[str]]:
    """Return the first failures, and lines about the others."""
    failed = failures_in(record)
    behind = [one for one in failed if isinstance(one[2], TriggerFailed)]
    real = [one for one in failed if not isinstance(one[2], TriggerFailed)]
    shown = [_failure(record, one) for one in (real or behind)[:limit]]
    more = _named("failed as well", (real or behind)[limit:])
    return shown, more + (_named("did not start because of that", behind) if real else [])


def _failure(record: RunRecord, found: Found) -> Failure:
    node, index, state = found
    place = position_of(record, Place(node, index))
    column = record.nodes[node]
    worker = record.workers.get(column.blocks[place]) if place is not None else None
    note = column.notes.get(place) if place is not None else None
    attempt = f", attempt {state.attempt}" if state.attempt else ""
    where = f", on {worker}" if worker else ""
    head = f"{run_label(node, index)}: {type(state).__name__}{attempt}{where}"
    return Failure(head, _shortened(note.trace if note and note.trace else state.message))


def _shortened(text: str) -> str:
    lines = text.rstrip().splitlines()
    if len(lines) > _TRACE_LINES:
        head = _TRACE_LINES // 4
        left_out = len(lines) - _TRACE_LINES
        lines[head : head + left_out] = [f"  ... {left_out} lines left out ..."]
    return "\n".join(lines)


def _named(what: str, found: Sequence[Found]) -> list[str]:
    if not found:
        return []
    names = ", ".join(dict.fromkeys(node for node, _, _ in found))
    return [f"{many(len(found), 'task run')} {what}: {one_line(names, 200)}"]

"""What the command line tells of a run that has ended. Pure; `summary` prints it.

A run of a million task runs has a short story as well: what was retried, what was skipped, what
failed, by name up to a number of each, and how many more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from daskflow.cli.rows import many, one_line, span_text
from daskflow.context import run_label
from daskflow.runs import FlowRun
from daskflow.runtime.pausing import paused_runs
from daskflow.runtime.record import RunRecord
from daskflow.runtime.views import TaskRun
from daskflow.states import Crashed, Paused, Retrying, Skipped, State, TriggerFailed

_TRACE_LINES = 40  # of a traceback; the middle of a longer one is left out


def seconds_in(record: RunRecord, node: str) -> float:
    """Return how long the bodies of a task ran, the last attempt of each task run."""
    column = record.nodes[node]
    pairs = zip(column.started, column.ended, strict=True)
    return sum(ended - started for started, ended in pairs if started and ended)


def outcome_line(run: FlowRun) -> str:
    """Return how a run ended and how long it took."""
    stood = run.state.timestamp.timestamp() if run.state.timestamp else run.started_at
    took = span_text((run.ended_at or stood) - run.started_at)
    why = f": {one_line(run.state.message)}" if run.state.message else ""
    kind = type(run.state).__name__
    return f"{run.flow_name} / {run.name}: {kind} {'in' if not why else 'after'} {took}{why}"


@dataclass(frozen=True)
class Remark:
    """A task run that is worth a line: its name, and what became of it."""

    name: str
    told: str


def remarks_of(run: FlowRun, limit: int = 20) -> tuple[list[Remark], list[str]]:
    """Return the task runs that were retried or skipped themselves, and lines about the others."""
    why = {e.name: e.state.message for e in run.events() if isinstance(e.state, Retrying)}
    remarks: list[Remark] = []
    after = unshown = 0
    for name, position in _worth_a_look(run):
        state = run.record.state(name, position)
        label = run_label(name, run.record.index(name, position))
        if isinstance(state, Skipped) and not state.attempt:
            after += 1
        elif len(remarks) >= limit:
            unshown += 1
        else:
            remarks.append(Remark(label, _told_of(state, why.get(label, ""))))
    more = [f"and {many(unshown, 'task run')} more"] if unshown else []
    more += [f"{many(after, 'task run')} behind a skipped one: skipped too"] if after else []
    return remarks, more


def _worth_a_look(run: FlowRun) -> Iterator[tuple[str, int]]:
    """Find the retried and the skipped in the columns, without an object for each task run."""
    for name, record in run.record.nodes.items():
        for position, code in enumerate(record.codes):
            if code == Skipped.code or record.attempts[position] > 1:
                yield name, position


def _told_of(state: State, why: str) -> str:
    kind = type(state).__name__
    if state.attempt > 1:
        return one_line(f"{kind} at attempt {state.attempt}" + (f"; {why}" if why else ""))
    return one_line(f"{kind}: {state.message}" if state.message else kind)


def waiting_of(run: FlowRun, limit: int = 20) -> tuple[list[Remark], list[str]]:
    """Return the task runs that wait for a person, and lines about the others and the cure."""
    if not isinstance(run.state, Paused):
        return [], []
    found = paused_runs(run.record, None, None)
    remarks = [
        Remark(
            run_label(name, run.record.index(name, position)),
            one_line(run.record.state(name, position).message.removeprefix(_WAITS)),
        )
        for name, position in found[:limit]
    ]
    more = [f"and {many(len(found) - limit, 'task run')} more"] if len(found) > limit else []
    return remarks, [*more, *_how_to_approve(run)]


_WAITS = "waits for approval"  # which needs no saying where all do


def next_lines(run: FlowRun) -> Iterator[str]:
    """Return how a run that did not succeed can go on, as far as it outlives this process."""
    if not run.is_durable or isinstance(run.state, Paused) or run.state.is_successful():
        return
    if run.state.is_failed() and not isinstance(run.state, Crashed):
        yield f"daskflow rerun {run.name} --failed   makes a new run that keeps what is done"
    else:
        yield f"daskflow resume {run.name}   goes on where it stopped"


def _how_to_approve(run: FlowRun) -> Iterator[str]:
    if run.is_durable:
        yield f"daskflow approve {run.name}   lets it go on; `daskflow reject` lets it fail"
    else:
        yield "The state of this run lives in this process, and ends with it."
    again = f"flow.resume({run.name!r})" if run.is_durable else "flow.run(...)"
    yield f"In Python it can go on: run = {again}; run.approve() or run.reject()"


@dataclass(frozen=True)
class Failure:
    """A failed task run with what there is to read of it."""

    head: str
    body: str  # its traceback; where it has none, its message


def failures_of(run: FlowRun, limit: int = 3) -> tuple[list[Failure], list[str]]:
    """Return the first failures, and lines about the others."""
    failed = run.failures()
    behind = [one for one in failed if isinstance(one.state, TriggerFailed)]
    real = [one for one in failed if not isinstance(one.state, TriggerFailed)]
    shown = [Failure(_head_of(one), _body_of(one)) for one in (real or behind)[:limit]]
    more = _named("failed as well", (real or behind)[limit:])
    return shown, more + (_named("did not start because of that", behind) if real else [])


def _head_of(run: TaskRun) -> str:
    attempt = f", attempt {run.attempt}" if run.attempt else ""
    where = f", on {run.worker}" if run.worker else ""
    return f"{run.name}: {type(run.state).__name__}{attempt}{where}"


def _body_of(run: TaskRun) -> str:
    lines = (run.traceback or run.state.message).rstrip().splitlines()
    if len(lines) > _TRACE_LINES:
        head = _TRACE_LINES // 4
        left_out = len(lines) - _TRACE_LINES
        lines[head : head + left_out] = [f"  ... {left_out} lines left out ..."]
    return "\n".join(lines)


def _named(what: str, runs: Sequence[TaskRun]) -> list[str]:
    if not runs:
        return []
    names = ", ".join(dict.fromkeys(run.node for run in runs))
    return [f"{many(len(runs), 'task run')} {what}: {one_line(names, 200)}"]

"""What ``daskflow why`` tells: the reasons, and what to do about the first cause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from daskflow.cli.display import make_console
from daskflow.cli.reading import Way, handle_of
from daskflow.cli.summary import colour_of, print_steps, say
from daskflow.cli.told import kind_text, state_fields
from daskflow.context import run_label
from daskflow.definition.outlining import nodes_of
from daskflow.entries import SegmentTold
from daskflow.history.explaining import Earlier, Reason, explain
from daskflow.history.reading import ReadRun, names_in, when
from daskflow.history.steps import Step, next_steps
from daskflow.states import Cancelled, Crashed, Paused, Scheduled, State
from daskflow.stores.history import RunRow, RunStore, Wanted

_RUNS = 5  # before a run in which an earlier result is looked for
_LOOKED_AT = 200  # runs of the flow, the newest, among which these are


@dataclass(frozen=True)
class Story:
    """The reasons of a task run's state."""

    run: ReadRun
    task_run: str
    reasons: list[Reason]
    handle: str  # of the run, in commands

    @classmethod
    def of(cls, store: RunStore, run: ReadRun, node: str, index: tuple[int, ...]) -> Self:
        """Return the story of a task run."""

        def earlier(task: str) -> list[Earlier]:
            return list(earlier_digests(store, run.row, task))

        reasons = explain(run, node, index, earlier=earlier, names=names_in(store))
        return cls(run, run_label(node, index), reasons, handle_of(store, run.row.id, run.row.name))

    def next(self) -> list[Step]:
        """Return what there is to do next about the first cause."""
        last, state = self.reasons[-1], self.run.state
        waiting = [last.who] if isinstance(last.state, Paused) else []
        failed = last.who if last.state.is_failed() and last.who != self.run.row.name else ""
        if not (waiting or failed or isinstance(state, Cancelled | Crashed)):
            return []
        steps = partial(next_steps, waiting=waiting, failed=failed, is_explained=True)
        return list(steps(state, self.handle))


def earlier_digests(store: RunStore, row: RunRow, task: str) -> Iterator[Earlier]:
    """Return what results of a task were cached by in the runs of the same flow before this one."""
    rows = store.runs(Wanted(flow=row.flow_name, limit=_LOOKED_AT))
    before = [one for one in rows if one.created < row.created and one.id != row.id]
    for one in before[:_RUNS]:
        nodes = nodes_of(store.run(one.id).graph)
        wanted = {name for name, told in nodes.items() if told.get("task", name) == task}
        for numbered in store.entries(one.id, with_values=False) if wanted else ():
            entry = numbered.entry
            for part in entry.segment.parts() if isinstance(entry, SegmentTold) else ():
                for note in part.notes.values() if part.node in wanted else ():
                    if note.digests:
                        yield Earlier(f"{one.name} / {part.node}", note.digests)


def story_fields(story: Story) -> dict[str, Any]:
    """Return a story as JSON; the fields are in the command's help."""
    return {
        "run": story.run.row.id,
        "name": story.run.row.name,
        "task_run": story.task_run,
        "reasons": [_fields_of(reason) for reason in story.reasons],
        "next": [step._asdict() for step in story.next()],
    }


def _fields_of(reason: Reason) -> dict[str, Any]:
    due = _due(reason.state)
    return {
        "who": reason.who,
        **state_fields(reason.state),
        "attempt": reason.attempt,
        "worker": reason.worker,
        "due": when(due) if due is not None else None,
        "told": list(reason.told),
    }


def _due(state: State) -> float | None:
    is_due = isinstance(state, Scheduled) and state.scheduled_for is not None
    return state.scheduled_for.timestamp() if is_due else None  # type: ignore[attr-defined]


def head_of(reason: Reason, way: Way) -> str:
    """Return the first line of a reason."""
    attempt = f" at attempt {reason.attempt}" if reason.attempt > 1 else ""
    has_ended = reason.state.is_finished() or isinstance(reason.state, Scheduled)
    where = f" on {reason.worker}" if reason.worker and reason.attempt and has_ended else ""
    due = _due(reason.state)
    again = f", goes on at {way.time(due)}" if due is not None else ""
    return f"{reason.who}: {kind_text(reason.state)}{attempt}{where}{again}"


def print_story(story: Story, way: Way) -> None:
    """Print a story: each reason below the one that it explains."""
    console = make_console()
    for place, reason in enumerate(story.reasons):
        say(
            console, f"{'because ' if place else ''}{head_of(reason, way)}", colour_of(reason.state)
        )
        if reason.state.message and reason.state.message not in reason.told:
            say(console, reason.state.message, indent=2)
        for line in reason.told:
            say(console, line, "dim", indent=2)
    print_steps(console, story.next())

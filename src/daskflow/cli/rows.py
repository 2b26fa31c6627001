"""What the command line shows while a run goes on: rows, words and lines.

Pure, and without a thought of a terminal; `display` puts it on the screen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from daskflow.events import StateChanged
from daskflow.runtime.views import NodeProgress
from daskflow.states import (
    FAILED,
    FINISHED,
    KINDS,
    SUCCESSFUL,
    Cancelled,
    Paused,
    Pending,
    Retrying,
    Skipped,
    State,
    TriggerFailed,
)
from daskflow.timing import as_datetime
from daskflow.wording import one_line, span_text

_CODES = {kind.__name__: kind.code for kind in KINDS}
_SHARES = (  # how a bar is divided, from left to right; what is left is still to be done
    ("success", SUCCESSFUL - {Skipped.code}),
    ("skipped", frozenset({Skipped.code})),
    ("failed", FAILED),
    ("cancelled", frozenset({Cancelled.code})),
    ("retrying", frozenset({Retrying.code})),
    ("paused", frozenset({Paused.code})),
)


@dataclass(frozen=True)
class Row:
    """One task of a flow run: how far its task runs are."""

    name: str
    total: int | None  # None: not known yet
    counts: Mapping[str, int]  # task runs by the name of their state

    @property
    def done(self) -> int:
        """How many task runs are finished."""
        return sum(n for kind, n in self.counts.items() if _CODES[kind] in FINISHED)

    @property
    def is_done(self) -> bool:
        """Whether all of them are."""
        return self.total is not None and self.done >= self.total

    @property
    def progress(self) -> str:
        """For people: ``3/12``, ``-`` while it is not known how many there will be."""
        return "-" if self.total is None else f"{self.done}/{self.total}"

    @property
    def states(self) -> str:
        """For people: ``9 Success, 1 Skipped``; what is only waiting is left out."""
        shown = {kind: n for kind, n in self.counts.items() if n and kind != Pending.__name__}
        order = sorted(shown, key=lambda kind: (_CODES[kind] not in FINISHED, _CODES[kind]))
        return ", ".join(f"{shown[kind]} {kind}" for kind in order)

    def bar(self, width: int) -> list[tuple[str, int]]:
        """Return a bar's pieces, in cells: what there is of has one at least."""
        if not self.total:
            whole = "success" if self.total == 0 else "rest"
            return [(whole, width)]
        counts = {
            share: sum(n for kind, n in self.counts.items() if _CODES[kind] in codes)
            for share, codes in _SHARES
        }
        cells = {share: max(1, width * n // self.total) for share, n in counts.items() if n}
        if not cells:
            return [("rest", width)]
        filled = max(len(cells), width * sum(counts.values()) // self.total)
        cells[max(cells, key=cells.__getitem__)] += filled - sum(cells.values())
        return [*cells.items(), *([("rest", width - filled)] if filled < width else [])]


def rows_of(progress: Iterable[NodeProgress]) -> list[Row]:
    """Return a row for each task, in the order of the flow."""
    return [Row(node.node, node.total, node.counts) for node in progress]


def sum_of(rows: Sequence[Row]) -> Row:
    """Return the row below the others: all task runs that are known of."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(row.counts)
    return Row("total", sum(row.total or 0 for row in rows), counts)


def fit_rows(rows: Sequence[Row], room: int) -> tuple[list[Row], str]:
    """Return the rows that a screen has room for, and a line about the others.

    Those at work are shown first of all, then those that wait; the order stays.
    """
    if len(rows) <= room:
        return list(rows), ""
    places = sorted(range(len(rows)), key=lambda place: (_interest(rows[place]), place))
    shown = sorted(places[: max(0, room - 1)])
    hidden = [rows[place] for place in range(len(rows)) if place not in set(shown)]
    done = sum(row.is_done for row in hidden)
    told = [f"{done} finished"] if done else []
    told += [f"{len(hidden) - done} waiting"] if done < len(hidden) else []
    return [rows[place] for place in shown], f"{len(hidden)} more: {', '.join(told)}"


def _interest(row: Row) -> int:
    if row.is_done:
        return 2
    return 0 if row.done or any(kind != Pending.__name__ for kind in row.counts) else 1


def stopwatch_text(seconds: float) -> str:
    """Return a span of time that goes on.

    Examples
    --------
    >>> stopwatch_text(7.9), stopwatch_text(3675)
    ('0:07', '1:01:15')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def clock_text(instant: float) -> str:
    """Return the time of day of an instant, where the person is."""
    return f"{as_datetime(instant).astimezone():%H:%M:%S}"


@dataclass
class EventLines:
    """One line for each unhappy event, up to a number of a kind for each task.

    What goes beyond that is only counted, so that a task that fails ten thousand times does not
    hide all else.
    """

    run_name: str  # its own events are told elsewhere
    limit: int = 20
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)  # by task and kind

    def line(self, event: StateChanged) -> str | None:
        """Return the line for an event; None where it is not to be shown."""
        task, _, index = event.name.partition("[")
        kind = type(event.state).__name__
        if (event.name == self.run_name and not index) or not _is_unhappy(event.state):
            return None
        self.seen[task, kind] += 1
        if self.seen[task, kind] > self.limit:
            return None
        due = getattr(event.state, "scheduled_for", None)
        told = [clock_text(event.at), event.name, kind]
        again = f" (again at {due.astimezone():%H:%M:%S})" if due is not None else ""
        why = f": {one_line(event.state.message)}" if event.state.message else ""
        return " ".join(told) + why + again

    def rest(self) -> list[str]:
        """Return a line for each kind of which more happened than was shown."""
        return [
            f"{task}: {count - self.limit} more {kind}"
            for (task, kind), count in self.seen.items()
            if count > self.limit
        ]


def _is_unhappy(state: State) -> bool:
    is_told = state.code in FAILED or isinstance(state, Retrying | Paused | Skipped | Cancelled)
    return is_told and not isinstance(state, TriggerFailed)


def done_text(rows: Sequence[Row]) -> str:
    """Return how many task runs are finished of how many: ``3 of 12``, ``3 of 12+`` and more."""
    total = sum_of(rows)
    return f"{total.done} of {total.total}{'+' if any(r.total is None for r in rows) else ''}"


def total_line(rows: Sequence[Row], elapsed: float) -> str:
    """Return one line that says how far a run is."""
    states = sum_of(rows).states or "none yet"
    return f"{done_text(rows)} task runs finished after {span_text(elapsed)}: {states}"

"""Which runs there are, and how far each is: what the page of runs is made from.

How far a run is stands in its history, which is read piece by piece: of a run that ended once, of
one that goes on what is new. Little is done at a time, so that the page answers with many runs too.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median

from daskflow.dashboard.sources import Counting, Source
from daskflow.errors import DaskflowError, UnknownRunError
from daskflow.history.reading import held_by, seen_state
from daskflow.history.watching import WatchedRun
from daskflow.runtime.record import RunRecord
from daskflow.runtime.views import progress_of
from daskflow.states import UNFINISHED_NAMES, Crashed, State
from daskflow.stores.history import RunRow, Wanted
from daskflow.timing import monotonic

PAGE = 20  # runs of a page
_AHEAD = 500  # runs that are looked at, at least: for filters, and for how long a flow takes
_BUDGET = 0.15  # seconds that a look may read histories
_KEPT = 1000  # runs of which it is remembered how far they were
_LAST = 5  # runs of a flow by which it is judged how long the next one takes


@dataclass(frozen=True, slots=True)
class AskedRuns:
    """What is asked of the page of runs; what is empty does not matter."""

    flow: str = ""
    state: str = ""  # name of a kind
    tag: str = ""
    page: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    counts: Mapping[str, int]  # task runs by the name of their state
    total: int  # task runs that are known of
    is_sure: bool  # there will be no more

    @property
    def done(self) -> int:
        """How many task runs are finished."""
        return sum(number for kind, number in self.counts.items() if kind not in UNFINISHED_NAMES)


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run as the page shows it."""

    row: RunRow
    state: State
    progress: Progress | None  # None: it has not been read yet
    expected: float | None  # instant at which it will have ended, as far as can be told


@dataclass(frozen=True, slots=True)
class RunsPage:
    """One page of runs, and what they can be filtered by."""

    runs: tuple[ListedRun, ...]
    page: int
    has_more: bool
    flows: tuple[str, ...]
    tags: tuple[str, ...]
    is_empty: bool  # there are no runs at all


def progress_in(record: RunRecord) -> Progress:
    """Return how far the run of a record is."""
    nodes = progress_of(record)
    counts: Counter[str] = Counter()
    for node in nodes:
        counts.update(node.counts)
    is_sure = all(node.total is not None for node in nodes)
    return Progress(counts, sum(counts.values()), is_sure)


def expected_end(
    row: RunRow, progress: Progress | None, earlier: Sequence[float], instant: float
) -> float | None:
    """Return when a run that goes on will have ended; None where nothing tells.

    As long as it has taken earlier; where that is over, or there is no earlier run of the flow, at
    the pace at which its task runs have been finished so far.

    Parameters
    ----------
    earlier
        Seconds that the last runs of the flow took that succeeded.
    """
    if row.started is None or row.ended is not None:
        return None
    if earlier and (usual := row.started + median(earlier)) > instant:
        return usual
    if progress is None or not progress.is_sure or not progress.done:
        return None
    return row.started + (instant - row.started) * progress.total / progress.done


@dataclass
class Listing:
    """The runs of a source, look by look. Used by one thread at a time."""

    source: Source
    _watched: dict[str, WatchedRun] = field(default_factory=dict)  # those that go on
    # by id, with the version of the run's history that it is of
    _known: OrderedDict[str, tuple[int, Progress]] = field(default_factory=OrderedDict)

    def look(self, asked: AskedRuns, instant: float) -> RunsPage:
        """Return the page that is asked for, as it is now."""
        end = (asked.page + 1) * PAGE
        rows = self.source.runs(Wanted(limit=max(_AHEAD, 2 * end)))
        seen = [self._seen(row) for row in rows if _is_asked(row, asked)]
        found = [one for one in seen if asked.state in ("", type(one[1]).__name__)]
        page = min(max(0, asked.page), max(0, -(-len(found) // PAGE) - 1))
        shown = found[page * PAGE : (page + 1) * PAGE]
        source = self.source
        known = _counted(source, shown) if isinstance(source, Counting) else self._read_of(shown)
        runs = tuple(
            ListedRun(row, state, known.get(row.id), _end(row, state, known, rows, instant))
            for row, state in shown
        )
        return RunsPage(
            runs,
            page,
            len(found) > (page + 1) * PAGE,
            tuple(sorted({row.flow_name for row in rows})),
            tuple(sorted({tag for row in rows for tag in row.tags})),
            not rows,
        )

    def _seen(self, row: RunRow) -> tuple[RunRow, State]:
        row, holder = held_by(self.source, row)
        return row, seen_state(row, is_held=holder is not None)

    def _read_of(self, shown: Sequence[tuple[RunRow, State]]) -> dict[str, Progress]:
        """Return how far runs are, as far as there is time to read that; the others come later."""
        until = monotonic() + _BUDGET
        for row in sorted((row for row, _ in shown), key=lambda row: row.id in self._known):
            version, _ = self._known.get(row.id, (None, None))
            if version != row.version and monotonic() < until:
                self._read(row)
        open_ones = {row.id for row, state in shown if not state.is_finished()}
        self._watched = {name: one for name, one in self._watched.items() if name in open_ones}
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return {row.id: self._known[row.id][1] for row, _ in shown if row.id in self._known}

    def _read(self, row: RunRow) -> None:
        try:
            watched = self._watched.get(row.id) or WatchedRun(self.source, row.id)
            watched.look()
        except DaskflowError:  # it was forgotten meanwhile, or makes no sense: others can be shown
            self._known[row.id] = row.version, Progress({}, 0, is_sure=False)
            return
        self._watched[row.id] = watched
        self._known[row.id] = row.version, progress_in(watched.record)
        self._known.move_to_end(row.id)


def _counted(source: Counting, shown: Sequence[tuple[RunRow, State]]) -> dict[str, Progress]:
    """Return how far runs are, as their source knows without their histories."""
    found: dict[str, Progress] = {}
    for row, _ in shown:
        with suppress(UnknownRunError):  # it was forgotten meanwhile
            counts, is_sure = source.progress(row.id)
            found[row.id] = Progress(counts, sum(counts.values()), is_sure)
    return found


def _is_asked(row: RunRow, asked: AskedRuns) -> bool:
    is_flow = asked.flow in ("", row.flow_name)
    return is_flow and (not asked.tag or asked.tag in row.tags)


def _end(
    row: RunRow,
    state: State,
    known: Mapping[str, Progress],
    rows: Sequence[RunRow],
    instant: float,
) -> float | None:
    if state.is_finished() or isinstance(state, Crashed):
        return None
    return expected_end(row, known.get(row.id), took_earlier(rows, row.flow_name), instant)


def took_earlier(rows: Sequence[RunRow], flow: str) -> list[float]:
    """Return how many seconds the last runs of a flow took that succeeded, the newest first."""
    found = (
        row.ended - row.started
        for row in rows
        if row.flow_name == flow and row.state.is_successful() and row.ended and row.started
    )
    return [seconds for seconds, _ in zip(found, range(_LAST), strict=False)]

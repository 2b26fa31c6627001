"""Why a task run is in the state it is in: the way from it to the first cause. Pure.

One reason leads to the next: the upstream that failed, was skipped, or is not finished. A reason is
told from what was kept of the run alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from daskflow.caching import differing
from daskflow.context import split_label
from daskflow.events import Note
from daskflow.history.reading import ReadRun, with_names
from daskflow.history.upstreams import Place, position_of, state_of, upstream_of
from daskflow.runtime.record import RunRecord
from daskflow.states import (
    FAILED,
    FINISHED,
    KINDS,
    Cached,
    Cancelled,
    Crashed,
    Mapped,
    Paused,
    Pending,
    Retrying,
    Skipped,
    State,
    Success,
    TriggerFailed,
)
from daskflow.wording import many

_TRACE_LINES = 12  # the last ones of a traceback
_NAMED = 5  # task runs in a line


@dataclass(frozen=True)
class Reason:
    """One step on the way to a cause."""

    who: str  # the task run, or the flow run
    state: State
    attempt: int = 0
    worker: str = ""
    told: tuple[str, ...] = ()  # lines, beyond the state's message


@dataclass(frozen=True)
class Earlier:
    """The digests of what the cache key of an earlier task run was made of."""

    who: str  # run and task run, for people
    digests: Mapping[str, str]


@dataclass
class _Walk:
    run: ReadRun
    earlier: Callable[[str], list[Earlier]]  # of a task, by its name
    names: Callable[[str], str]  # of runs, by id
    seen: set[Place] = field(default_factory=set)

    @property
    def record(self) -> RunRecord:
        return self.run.record


def explain(
    run: ReadRun,
    node: str,
    index: tuple[int, ...] = (),
    *,
    earlier: Callable[[str], list[Earlier]] = lambda _: [],
    names: Callable[[str], str] = str,
) -> list[Reason]:
    """Return the reasons of a task run's state, from itself to the first cause.

    Parameters
    ----------
    earlier
        Gives what a task's results were cached by in earlier runs, to explain a miss.
    names
        Gives the name of a run by its id, for results that another one made.
    """
    walk = _Walk(run, earlier, names)
    reasons: list[Reason] = []
    here: Place | None = Place(node, index)
    while here is not None and here not in walk.seen:
        walk.seen.add(here)
        reason, here = _step(walk, here)
        reasons.append(reason)
    return [*reasons, *_of_run(run, reasons[-1].state)]


def _step(walk: _Walk, here: Place) -> tuple[Reason, Place | None]:
    """Return the reason that is found at one place, and where the next one is."""
    record = walk.record
    state = with_names(state_of(record, here), walk.names)
    position = position_of(record, here)
    reason = Reason(str(here), state)
    if position is not None:
        column = record.nodes[here.node]
        worker = record.workers.get(column.blocks[position], "")
        reason = replace(reason, attempt=column.attempts[position], worker=worker)
    told, following = _WAYS.get(type(state), _tell_end)(walk, here, state)
    return replace(reason, told=tuple(told)), following


_Found = tuple[Iterable[str], Place | None]


def _tell_end(walk: _Walk, here: Place, state: State) -> _Found:
    """Failed, TimedOut, Crashed, Cancelled: here it is."""
    note = _note(walk.record, here)
    trace = note.trace.rstrip().splitlines()[-_TRACE_LINES:] if note is not None else []
    return [*_before(walk, here), *trace], None


def _tell_trigger_failed(walk: _Walk, here: Place, state: State) -> _Found:
    """Lead to the first upstream that failed, else to one that was cancelled."""
    found = list(upstream_of(walk.record, here))
    failed = [place for place, one in found if one.code in FAILED]
    cancelled = [place for place, one in found if isinstance(one, Cancelled)]
    told = [f"failed before it: {_listed(failed)}"] if len(failed) > 1 else []
    return told, next(iter(failed or cancelled), None)


def _tell_skipped(walk: _Walk, here: Place, state: State) -> _Found:
    """Lead to the first upstream that was skipped, unless the task said so itself."""
    position = position_of(walk.record, here)
    if position is not None and walk.record.nodes[here.node].attempts[position]:
        return ["it said so itself"], None
    skipped = (place for place, one in upstream_of(walk.record, here) if isinstance(one, Skipped))
    return [], next(skipped, None)


def _tell_pending(walk: _Walk, here: Place, state: State) -> _Found:
    """Lead to the first upstream that is not finished."""
    waiting = [p for p, one in upstream_of(walk.record, here) if one.code not in FINISHED]
    told = [*_before(walk, here)]
    if waiting:
        return [*told, f"waits for {_listed(waiting)}"], waiting[0]
    is_driven = walk.run.holder is not None
    more = "all that it waits for is finished"
    return [*told, f"{more}: it runs as soon as there is room" if is_driven else more], None


def _tell_paused(walk: _Walk, here: Place, state: State) -> _Found:
    return ["it waits for a person"], None


def _tell_retrying(walk: _Walk, here: Place, state: State) -> _Found:
    told, _ = _tell_end(walk, here, state)
    return told, None


def _tell_cached(walk: _Walk, here: Place, state: State) -> _Found:
    note = _note(walk.record, here)
    digests = note.digests if note is not None else None
    return [f"its key is made of: {', '.join(digests)}"] if digests else [], None


def _tell_success(walk: _Walk, here: Place, state: State) -> _Found:
    """Tell of earlier attempts; and of a task that is cached, why it ran nevertheless."""
    told = [*_before(walk, here)]
    note = _note(walk.record, here)
    position = position_of(walk.record, here)
    if position is not None:
        node = walk.record.nodes[here.node]
        if not node.attempts[position]:
            told.append("its value was given, its body was not called")
        elif 0 < node.blocks[position] <= walk.record.heritage:
            told.append("kept from the run that this one repeats: its body was not called again")
    if note is not None and note.digests:
        task = walk.record.graph.nodes[here.node].task.name
        told.append(explain_miss(note.digests, walk.earlier(task)))
    return told, None


# what is told of a child of a mapped task, or of some, whichever there are first
_CHILDREN = {
    ("failed", "failed"): FAILED,
    ("is not finished", "are not finished"): frozenset(kind.code for kind in KINDS) - FINISHED,
    ("was cancelled", "were cancelled"): frozenset({Cancelled.code}),
    ("was skipped", "were skipped"): frozenset({Skipped.code}),
}


def _tell_mapped(walk: _Walk, here: Place, state: State) -> _Found:
    """Lead to the first child that failed, else to one that is not finished, else skipped."""
    record = walk.record
    below = record.nodes[here.node].space.below(here.index)
    codes = record.nodes[here.node].codes
    places = list(below.positions())
    for (of_one, of_some), wanted in _CHILDREN.items():
        found = [p for p in places if codes[p] in wanted]
        if found:
            named = [Place(here.node, record.index(here.node, p)) for p in found]
            what = of_one if len(found) == 1 else of_some
            told = f"{len(found)} of its {many(len(places), 'task run')} {what}: {_listed(named)}"
            return [told], named[0]
    return [f"all of its {many(len(places), 'task run')} succeeded"], None


_WAYS: dict[type[State], Callable[[_Walk, Place, State], _Found]] = {
    TriggerFailed: _tell_trigger_failed,
    Skipped: _tell_skipped,
    Pending: _tell_pending,
    Paused: _tell_paused,
    Retrying: _tell_retrying,
    Cached: _tell_cached,
    Success: _tell_success,
    Mapped: _tell_mapped,
}


def _note(record: RunRecord, here: Place) -> Note | None:
    position = position_of(record, here)
    return record.nodes[here.node].notes.get(position) if position is not None else None


def _before(walk: _Walk, here: Place) -> Iterator[str]:
    """Tell of the attempts of a task run that did not finish it, and of those that were lost."""
    who = split_label(str(here)) or (here.node, ())
    for event in walk.record.events:
        if not isinstance(event.state, Retrying | Pending) or not event.state.message:
            continue
        if (split_label(event.name) or (event.name, ())) != who:
            continue
        yield f"before: {event.state.message}"


def _listed(places: list[Place]) -> str:
    more = len(places) - _NAMED
    named = ", ".join(map(str, places[:_NAMED]))
    return f"{named} and {more} more" if more > 0 else named


def _of_run(run: ReadRun, last: State) -> Iterator[Reason]:
    """Tell of the flow run where it is what keeps a task run from going on."""
    is_open = not last.is_finished() and not isinstance(last, Paused)
    is_stopped = isinstance(run.state, Cancelled | Crashed)
    if is_stopped and (is_open or isinstance(last, Cancelled)):
        yield Reason(run.row.name, run.state)


def explain_miss(digests: Mapping[str, str], earlier: Iterable[Earlier]) -> str:
    """Return why no result was found for a call: what is not as it was in the closest earlier one.

    Parameters
    ----------
    digests
        Of what its key was made of.

    Examples
    --------
    >>> before = [Earlier("night / load", {"argument 'x'": "1", "source": "a"})]
    >>> explain_miss({"argument 'x'": "2", "source": "a"}, before)
    "no cached result: argument 'x' is not what it was for night / load"
    """
    closest = min(earlier, key=lambda one: len(differing(digests, one.digests)), default=None)
    if closest is None:
        return "no cached result: none of the runs before it that are kept here has made one"
    changed = differing(digests, closest.digests)
    if not changed:
        return f"no cached result: that of {closest.who} had expired, or was not kept"
    told = " and ".join(changed)
    was = "is not what it was" if len(changed) == 1 else "are not what they were"
    return f"no cached result: {told} {was} for {closest.who}"

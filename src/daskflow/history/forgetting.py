"""Which runs are old enough to be forgotten, and how: out of the store, their results with them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from daskflow.entries import SegmentTold
from daskflow.history.reading import seen_state
from daskflow.results.places import place_at
from daskflow.results.storage import ResultStorage
from daskflow.states import State
from daskflow.stores.history import RunRow, RunStore


@dataclass(frozen=True)
class Rule:
    """Which runs are forgotten."""

    before: float  # instant: those that ended earlier
    keep_last: int = 0  # but so many of each flow are kept, the newest


def forgettable(
    rows: Iterable[RunRow], rule: Rule, is_held: Callable[[RunRow], bool]
) -> list[RunRow]:
    """Return the runs that may be forgotten, each in front of the run that called it.

    A run that a task called goes with the run of that task, and only with that.

    Parameters
    ----------
    rows
        All runs, the newest first.
    is_held
        Whether somebody drives a run; asked of those only that may go otherwise.
    """
    known = {row.id: row for row in rows}
    called: dict[str, list[RunRow]] = {}
    newest: dict[str, int] = {}
    old: list[RunRow] = []
    for row in known.values():
        caller = row.caller.partition("/")[0]
        if caller in known and caller != row.id:
            called.setdefault(caller, []).append(row)
            continue
        newest[row.flow_name] = newest.get(row.flow_name, 0) + 1
        if newest[row.flow_name] > rule.keep_last and _last_seen(row) < rule.before:
            old.append(row)
    families = [_family(row, called) for row in old]
    over = (f for f in families if all(_is_over(row, is_held) for row in f))
    return [row for family in over for row in family]


def _family(row: RunRow, called: dict[str, list[RunRow]]) -> list[RunRow]:
    """Return a run behind all that were called in it."""
    below = [one for child in called.get(row.id, ()) for one in _family(child, called)]
    return [*below, row]


def _last_seen(row: RunRow) -> float:
    """Return when a run ended, or was last heard of."""
    stamp = row.state.timestamp
    return row.ended or (stamp.timestamp() if stamp is not None else row.created)


def _is_over(row: RunRow, is_held: Callable[[RunRow], bool]) -> bool:
    """Return whether a run has ended, or has lost its driver; what waits for a person has not."""
    state: State = seen_state(row, is_held=False)
    return state.is_finished() and not is_held(row)


def forget(store: RunStore, row: RunRow, folder: str) -> int | None:
    """Forget one run; return how many files of results went with it; None: it is still here.

    The store goes first: a run that can be found has its results.

    Parameters
    ----------
    folder
        The URL under which results are kept now; where they were kept before is in the history.
    """
    folders = {folder, *_folders(store, row.id)}
    if not store.delete([row.id], uuid.uuid4().hex):
        return None
    kept = store.cache.files_of(row.id)
    return sum(place_at(url).remove(row.id, kept) for url in folders)


def _folders(store: RunStore, run_id: str) -> set[str]:
    """Return the folders in which results of a run were kept."""
    return {
        ResultStorage.folder_of(note.stored)
        for one in store.entries(run_id, with_values=False)
        if isinstance(one.entry, SegmentTold)
        for note in one.entry.segment.notes.values()
        if note.stored is not None
    }

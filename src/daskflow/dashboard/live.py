"""What a Dask scheduler knows of the runs of its clients, as their drivers tell it.

Of each run there is a summary. Its history is asked for when somebody looks at it, and told as long
as somebody does; so what nobody looks at costs next to nothing. So it is with what a task run logs.
There is no value of a user's in it. What is kept is bounded: who wants to see what is gone reads
the store, by `daskflow dashboard`.
"""

from __future__ import annotations

import json
import threading
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from daskflow.dashboard.tapes import Tapes
from daskflow.errors import StoreBusyError, StoreError, TamperedError, UnknownRunError
from daskflow.stores.history import Holder, Numbered, NumberedPiece, RunRow, Wanted
from daskflow.stores.memory_history import is_wanted
from daskflow.stores.wire import Packed, size_of, unpack_entry, unpack_run
from daskflow.timing import monotonic

Told = Mapping[str, Any]

LOOK_SECONDS = 5.0  # after which somebody who asks no more does not look any more
_ANSWER_SECONDS = 15.0  # in which a driver tells something, or is asked anew
_ENOUGH = -1  # what a driver is told when nobody looks


@dataclass(slots=True)
class _Live:
    """What is known of a run."""

    client: str  # of who drives it; empty: it left
    row: RunRow
    progress: Told  # how many of its task runs are in which state, and whether there come more
    graph: Mapping[str, Any] = field(default_factory=dict)
    entries: list[Numbered] = field(default_factory=list)  # in order
    version: int = 0  # up to which they are known
    weight: int = 0  # bytes they take, roughly
    is_whole: bool = False  # there will be no more of it
    looked: float | None = None  # when somebody looked at its history
    heard: float | None = None  # when its driver told of it, or was asked to; None: not asked
    left: float | None = None  # when its client left
    tapes: Tapes = field(default_factory=Tapes)  # what its task runs log, where somebody looks


class LiveRuns:
    """The runs of a scheduler's clients; see `RunReader`.

    Drivers' news come in on the scheduler's event loop, pages read in any thread.

    Parameters
    ----------
    look
        Called in the thread of who looks at a run, with its client, the run and the version that is
        there: what comes behind it is wanted.
    keep
        Seconds for which a run is kept behind its client.
    most
        So many runs are kept, the newest.
    most_bytes
        And no more of their histories than take so much, roughly: those that were not looked at for
        the longest time go.
    """

    url = "the Dask scheduler"

    def __init__(
        self,
        look: Callable[[str, str, int], None],
        keep: float = 3600.0,
        most: int = 1_000,
        most_bytes: int = 256 << 20,
    ) -> None:
        self._look = look
        self._keep = keep
        self._most = most
        self._most_bytes = most_bytes
        self._runs: dict[str, _Live] = {}
        self._lock = threading.Lock()

    def summary(self, client: str, told: Told) -> None:
        """Take in what is known of a run now."""
        row, progress = unpack_run(told["run"]), dict(told["progress"])
        with self._lock:
            live = self._runs.setdefault(row.id, _Live(client, row, progress))
            if live.client != client:  # somebody else goes on with it
                live.client, live.heard, live.left = client, None, None
            if live.is_whole and not row.state.is_finished():
                live.is_whole = False
                live.tapes.reopen()
            live.row, live.progress = row, progress
            while len(self._runs) > self._most:
                del self._runs[next(iter(self._runs))]

    def history(self, client: str, run_id: str, told: Told) -> tuple[int, dict[str, int]]:
        """Take in a piece of a run's history.

        Returns up to where it is known, -1 where that is enough, and of which task runs the lines
        are wanted, behind which versions.
        """
        with self._lock:
            live = self._runs.get(run_id)
            if live is None or live.client != client:
                return _ENOUGH, {}
            live.heard = monotonic()
            if told.get("graph"):
                live.graph = json.loads(told["graph"])
            self._append(live, told["entries"])
            live.is_whole = bool(told["is_last"]) and live.row.state.is_finished()
            is_watched = live.looked is not None and live.looked + LOOK_SECONDS > live.heard
            wanted = live.tapes.wanted(live.heard - LOOK_SECONDS)
            if live.is_whole or not is_watched:
                live.heard = None
                return _ENOUGH, wanted
            return live.version, wanted

    def lines(self, client: str, run_id: str, told: Told) -> None:
        """Take in what a task run has logged."""
        with self._lock:
            live = self._runs.get(run_id)
            if live is not None and live.client == client:
                is_last = told["is_last"] and live.row.state.is_finished()
                live.tapes.add(told["task"], told["versions"], told["batch"], is_last=is_last)

    def _append(self, live: _Live, packed: Sequence[Packed]) -> None:
        """Take in what comes next in a history; what only a later daskflow knows is left out."""
        for one in packed:
            if one[0] == live.version + 1:
                live.version += 1
                live.weight += size_of(one)
                with suppress(TamperedError):
                    live.entries.append(unpack_entry(one))
        self._lighten()

    def _lighten(self) -> None:
        """Drop histories until the rest is light enough."""
        weight = sum(live.weight for live in self._runs.values())
        looked_at = [live for live in self._runs.values() if live.entries]
        for live in sorted(looked_at, key=lambda one: one.looked or 0.0)[:-1]:
            if weight <= self._most_bytes:
                return
            weight -= live.weight
            live.entries, live.version, live.weight = [], 0, 0
            live.is_whole, live.heard = False, None

    def left(self, client: str) -> None:
        """Note that a client is gone."""
        with self._lock:
            for live in self._runs.values():
                if live.client == client:
                    live.client, live.left, live.heard = "", monotonic(), None

    def sweep(self) -> None:
        """Forget runs whose clients left long ago."""
        with self._lock:
            for run_id, live in list(self._runs.items()):
                if live.left is not None and live.left + self._keep < monotonic():
                    del self._runs[run_id]

    def run(self, run_id: str) -> RunRow:
        """Return what is known of a run.

        Raises
        ------
        UnknownRunError
            Nothing is, or its driver is gone and has not told its graph.
        StoreBusyError
            Its driver was asked for its graph, and has not told it yet.
        """
        self.entries(run_id)
        with self._lock:
            live = self._find(run_id)
            if not live.graph:
                raise self._without_graph(live)
            return replace(live.row, graph=live.graph, version=live.version)

    def _without_graph(self, live: _Live) -> StoreError:
        if live.client:
            return StoreBusyError(f"run {live.row.name!r}: its driver was asked for it just now")
        msg = f"run {live.row.name!r}: its driver is gone; `daskflow dashboard` shows its history"
        return UnknownRunError(msg)

    def progress(self, run_id: str) -> tuple[Mapping[str, int], bool]:
        """Return how many task runs are in which state, and whether it is known that these are all.

        Nobody has to be asked for that.
        """
        with self._lock:
            progress = self._find(run_id).progress
        return progress["counts"], progress["is_sure"]

    def runs(self, wanted: Wanted = Wanted()) -> list[RunRow]:  # noqa: B008 - it is frozen
        """Return runs, the newest first, without what is heavy."""
        with self._lock:
            rows = [live.row for live in self._runs.values()]
        rows.sort(key=lambda row: (-row.created, row.id))
        return [row for row in rows if is_wanted(row, wanted)][: wanted.limit]

    def entries(self, run_id: str, behind: int = 0, *, with_values: bool = True) -> list[Numbered]:
        """Return what is known of a run's history, and let its driver tell what is new."""
        with self._lock:
            live = self._find(run_id)
            live.looked = monotonic()
            must_ask = not live.is_whole and _is_to_be_asked(live, live.looked)
            client, version = live.client, live.version
            first = bisect_right(live.entries, behind, key=lambda one: one.version)
            found = live.entries[first:]
        if must_ask:
            self._look(client, run_id, version)
        return found

    def logs(self, run_id: str, task: str | None = None, behind: int = 0) -> list[NumberedPiece]:
        """Return what is known of what a task run has logged, and let its driver tell the rest."""
        instant = monotonic()
        with self._lock:
            live = self._find(run_id)
            found, is_more = live.tapes.look(task or "", behind, instant)
            must_ask = is_more and _is_to_be_asked(live, instant)
            client, version = live.client, live.version
        if must_ask:
            self._look(client, run_id, version)
        return found

    def holder(self, run_id: str) -> Holder | None:
        """Return who drives a run now; None: nobody, as far as can be told."""
        with self._lock:
            live = self._find(run_id)
            if not live.client or live.row.state.is_finished():
                return None
            return Holder(live.row.user, live.row.host, live.row.pid)

    def _find(self, run_id: str) -> _Live:
        if run_id not in self._runs:
            msg = f"there is no run {run_id!r} in {self.url}; `daskflow dashboard` shows older ones"
            raise UnknownRunError(msg)
        return self._runs[run_id]


def _is_to_be_asked(live: _Live, instant: float) -> bool:
    """Return whether a driver has to be asked for more, and note that it is: it tells by itself."""
    is_due = live.heard is None or live.heard + _ANSWER_SECONDS < instant
    if live.client and is_due:
        live.heard = instant
        return True
    return False

"""A run on a Dask cluster: what it has there, and what comes back from there."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from queue import Empty
from typing import TYPE_CHECKING, Any

from daskflow.demands import Demand
from daskflow.events import Complaint, Fate, Report
from daskflow.executors.base import TakeLines
from daskflow.executors.hub import Hub
from daskflow.executors.placement import annotations_of, homes_for, priority_of
from daskflow.executors.showing import Shown, Silent, Teller, link_to
from daskflow.executors.wire import (
    Asked,
    answer_packed,
    is_block,
    is_portion,
    unpack_segments,
)
from daskflow.questions import Answerer, answer_nothing

if TYPE_CHECKING:
    from daskflow.executors.mailbox import RawReport
    from daskflow.executors.performance import PerformanceReport

_WATCH_SECONDS = 1.0  # between looks at futures that no report came for
_MANY = 2_000  # blocks, from which on it matters how the scheduler hands them out
_UNKNOWN_THREADS = 4  # what a cluster without workers counts as


class DaskSession:
    """A run on a Dask cluster: the queue of its reports, and futures for the ends of its plans.

    Blocks that others in their plan consume are held by the tracker; see there why.
    """

    def __init__(self, hub: Hub, run_id: str, spec: bytes, patience: float) -> None:
        self._hub = hub
        self._run_id = run_id
        self._queue = hub.begin(run_id, spec, patience)
        self.is_nested = False  # all of it is urgent: a task waits for it
        self.report: PerformanceReport | None = None  # to be written when the run has ended
        self._answer: Answerer = answer_nothing
        self._complaints: list[Complaint] = []
        self._held: set[Any] = set()  # keys that were not released
        self._futures: dict[Any, Any] = {}  # of blocks that no other in their plan consumes
        self._unreported: list[dict[int, Any]] = []  # blocks on their way, for each submission
        self._submitted = 0  # nodes of graphs
        self._suspects: set[Any] = set()  # futures that ended without a report, seen once
        self.link = _dashboard_of(hub)

    @property
    def threads(self) -> int:
        """How many threads the workers have that are there."""
        return self._hub.threads or _UNKNOWN_THREADS

    def submit(self, layer: dict[Any, Any], *, urgent: bool, demands: Mapping[Any, Demand]) -> None:
        """Send the nodes of a plan's graph to the scheduler."""
        from dask.highlevelgraph import HighLevelGraph, MaterializedLayer

        urgent = urgent or self.is_nested
        consumed: set[Any] = set()
        for node in layer.values():
            consumed.update(node.dependencies)
        ends = [key for key in layer if key not in consumed]
        annotations = annotations_of(demands, urgent=urgent)
        made = MaterializedLayer(layer, annotations=annotations or None)
        graph = HighLevelGraph({self._run_id: made}, {self._run_id: set()})
        priority = priority_of(urgent=urgent)
        try:
            futures = self._hub.client.get(graph, ends, sync=False, priority=priority)
        except Exception as error:
            if self._hub.is_lost():
                raise self._hub.lost_error() from error
            raise
        self._held.update(key for key in layer if not is_portion(key))
        self._futures.update(zip(ends, futures, strict=True))
        self._submitted += len(layer)
        if self._submitted > _MANY:
            self._hub.hint_at_saturation()
        self._unreported.append({key[1]: key for key in layer if is_block(key)})

    def wait(self, timeout: float | None) -> list[Report]:
        """Return reports, looking now and then for blocks that Dask gave up in silence."""
        step = _WATCH_SECONDS if timeout is None else min(timeout, _WATCH_SECONDS)
        raw: list[Any] = []
        try:
            raw.append(self._queue.get(timeout=max(0.0, step)))
            while True:
                raw.append(self._queue.get_nowait())
        except Empty:
            pass
        if None in raw or (not raw and self._hub.lost):
            raise self._hub.lost_error()
        if not raw:
            return self._given_up()
        self._answer_all([one for one in raw if isinstance(one, Asked)])
        self._complaints += [one for one in raw if isinstance(one, Complaint)]
        return [self._report(one) for one in raw if not isinstance(one, Complaint | Asked)]

    def answer_with(self, answer: Answerer) -> None:
        """Let this answer what the run's blocks ask; it is called in `wait`."""
        self._answer = answer

    def _answer_all(self, questions: list[Asked]) -> None:
        if questions:
            told = [(one.number, answer_packed(self._answer, one.data)) for one in questions]
            self._hub.send("answer", answers=told)

    def tell_lines(self, take: TakeLines) -> None:
        """Let this take what the run's bodies log; it is called in the thread of the hub."""
        self._hub.tell_lines(self._run_id, take)

    def complaints(self) -> list[Complaint]:
        """Return which blocks no worker can run, as the tracker found."""
        found, self._complaints = self._complaints, []
        return found

    def workers(self) -> list[str]:
        """Return the addresses of the workers that take tasks."""
        return [offer.address for offer in self._hub.workers() if offer.is_running]

    def homes(self, demands: Sequence[Demand], but: Collection[str] = ()) -> list[str]:
        """Return workers of their own for as many of these demands as have one."""
        offers = [offer for offer in self._hub.workers() if offer.address not in but]
        return homes_for(demands, offers)

    def fetch(self, keys: Iterable[Any]) -> list[Any]:
        """Bring the values of blocks into this process.

        Only what is held: asked for a value that was let go, Dask would make it again.
        """
        from dask.task_spec import Task, TaskRef

        wanted = list(keys)
        gone = [key for key in wanted if key not in self._held]
        if gone:
            raise KeyError(gone[0])
        borrowed = {
            ("fetch-" + uuid.uuid4().hex, place): Task(None, _same, TaskRef(key))
            for place, key in enumerate(wanted)
            if key not in self._futures
        }
        for key, node in borrowed.items():
            node.key = key
        client = self._hub.client
        lent = client.get(borrowed, list(borrowed), sync=False) if borrowed else []
        by_place = {key[1]: future for key, future in zip(borrowed, lent, strict=True)}
        values: list[Any] = client.gather(
            [by_place.get(place) or self._futures[key] for place, key in enumerate(wanted)]
        )
        return values

    def release(self, keys: Iterable[Any]) -> None:
        """Let go of blocks."""
        inner = []
        for key in keys:
            self._held.discard(key)
            future = self._futures.pop(key, None)
            if future is None:
                inner.append(key)
            else:
                future.release()
        if inner:
            self._hub.send("release", run_id=self._run_id, keys=inner)

    def cancel(self, before: int) -> None:
        """Let the tracker call blocks off, wherever they are."""
        self._hub.send("cancel", run_id=self._run_id, before=before)

    def show(self, shown: Shown) -> Teller:
        """Let people look at the run in the dashboard, where that has pages for it."""
        page = self._hub.page.replace("{run_id}", shown.run_id)
        return self._hub.showing.show(shown, link_to(self.link, page)) if page else Silent()

    def finish(self) -> None:
        """Write the performance report, where one is wanted."""
        report, self.report = self.report, None
        if report is not None:
            report.write()

    def close(self) -> None:
        """Let go of everything and let the tracker forget the run."""
        for future in self._futures.values():
            future.release()
        self._futures.clear()
        self._held.clear()
        self._hub.end(self._run_id)

    def closer(self) -> Callable[[], None]:
        """Return `close`: the values are on the cluster."""
        return self.close

    def _report(self, raw: RawReport) -> Report:
        run_id, block, worker, data, error, is_origin, given_back, fate = raw
        if given_back:
            spans = [(name, start, stop) for name, start, stop in given_back]  # lists on the wire
            return Report(run_id, block, worker, given_back=spans)
        for submission in self._unreported:
            if submission.pop(block, None) is not None:
                break
        segments = unpack_segments(data) if data else ()
        told = Fate(*fate) if fate is not None else None
        return Report(run_id, block, worker, segments, error, is_origin, told)

    def _given_up(self) -> list[Report]:
        """Return reports for blocks that no message will come for any more.

        Dask takes a submitted graph as a whole or not at all, so one end that is gone without a
        report tells of all blocks of its submission that have not reported.
        """
        reports: list[Report] = []
        self._unreported = [blocks for blocks in self._unreported if blocks]
        suspects: set[Any] = set()
        for blocks in self._unreported:
            ends = [self._futures[key] for key in blocks.values() if key in self._futures]
            gone = [f for f in ends if f.status in ("error", "cancelled", "lost")]
            if not any(future.key in self._suspects for future in gone):
                suspects.update(future.key for future in gone)
                continue
            error = _why(gone[0])
            reports += [Report(self._run_id, block, "", error=error) for block in blocks]
            blocks.clear()
        self._suspects = suspects
        return reports


def _dashboard_of(hub: Hub) -> str:
    """Return the address of the dashboard: of one in this process Dask tells a wrong one."""
    link = hub.client.dashboard_link or ""
    if hub.address.startswith("inproc://"):
        host = hub.address.removeprefix("inproc://").partition("/")[0]
        return link.replace(host, "127.0.0.1")
    return link


def _why(future: Any) -> str:
    if future.status == "error":
        return repr(future.exception())
    return f"Dask gave the block up ({future.status})"


def _same(value: Any) -> Any:
    return value

"""A run on a Dask cluster: what it has there, and what comes back from there."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty
from typing import TYPE_CHECKING, Any

from daskflow.demands import Demand
from daskflow.events import Begun, Complaint, Fate, Report
from daskflow.executors.base import TakeLines
from daskflow.executors.hub import Hub
from daskflow.executors.placement import annotations_of, homes_for, priority_of
from daskflow.executors.showing import Shown, Silent, Teller, link_to
from daskflow.executors.wire import (
    Asked,
    all_of,
    answer_packed,
    is_all,
    is_block,
    is_portion,
    unpack_segments,
)
from daskflow.questions import Answerer, answer_nothing
from daskflow.timing import monotonic

if TYPE_CHECKING:
    from daskflow.executors.mailbox import RawReport
    from daskflow.executors.performance import PerformanceReport

_WATCH_SECONDS = 1.0  # between looks at futures that no report came for
_MANY = 2_000  # blocks, from which on it matters how the scheduler hands them out
_DOUBT_SECONDS = 0.2  # in which a report is still on its way, whatever became of its future
_GONE = ("error", "cancelled", "lost")  # states of futures
_UNKNOWN_THREADS = 4  # what a cluster without workers counts as


@dataclass(slots=True)
class _Submission:
    """What was sent to the scheduler at a time, which takes it as a whole or not at all."""

    lead: Any  # key of the future that leads to all of it
    blocks: set[int]  # numbers of those that have not reported


class DaskSession:
    """A run on a Dask cluster: the queue of its reports, and a future for each of its submissions.

    That is of the block on which all others of the submission wait, or else of a node that is only
    there to lead to all of them. Blocks without a future are held by the tracker; see there why.
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
        self._futures: dict[Any, Any] = {}  # of what leads to all of a submission
        self._unreported: list[_Submission] = []
        self._submitted = 0  # nodes of graphs
        # futures that ended without a report, and when that was seen first
        self._suspects: dict[Any, float] = {}
        self.link = _dashboard_of(hub)

    @property
    def threads(self) -> int:
        """How many threads the workers have that are there."""
        return self._hub.threads or _UNKNOWN_THREADS

    def submit(self, layer: dict[Any, Any], *, urgent: bool, demands: Mapping[Any, Demand]) -> None:
        """Send the nodes of a plan's graph to the scheduler."""
        from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
        from dask.task_spec import Task, TaskRef

        urgent = urgent or self.is_nested
        consumed: set[Any] = set()
        for node in layer.values():
            consumed.update(node.dependencies)
        ends = [key for key in layer if key not in consumed]
        lead, nodes = ends[0], layer
        if len(ends) > 1:
            lead = all_of(self._run_id, self._submitted)
            nodes = layer | {lead: Task(lead, _nothing, *map(TaskRef, ends))}
        annotations = annotations_of(demands, urgent=urgent)
        made = MaterializedLayer(nodes, annotations=annotations or None)
        graph = HighLevelGraph({self._run_id: made}, {self._run_id: set()})
        priority = priority_of(urgent=urgent)
        try:
            (future,) = self._hub.client.get(graph, [lead], sync=False, priority=priority)
        except Exception as error:
            if self._hub.is_lost():
                raise self._hub.lost_error() from error
            raise
        self._held.update(key for key in layer if not is_portion(key))
        self._futures[lead] = future
        self._submitted += len(layer)
        if self._submitted > _MANY:
            self._hub.hint_at_saturation()
        self._unreported.append(_Submission(lead, {key[1] for key in layer if is_block(key)}))

    def wait(self, timeout: float | None) -> list[Report]:
        """Return reports, looking now and then for blocks that Dask gave up in silence."""
        step = _WATCH_SECONDS if timeout is None else min(timeout, _WATCH_SECONDS)
        raw: list[Any] = []
        try:
            raw += self._queue.get(timeout=max(0.0, step))
            while True:
                raw += self._queue.get_nowait()
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
        run_id, block, worker, data, error, is_origin, is_early, given_back, begun, fate = raw
        told = unpack_segments(data) if data else ()
        if is_early:
            spans = [(name, start, stop) for name, start, stop in given_back]  # lists on the wire
            at = Begun(*begun) if begun is not None else None
            return Report(run_id, block, worker, told, is_early=True, given_back=spans, begun=at)
        self._note_reported(block)
        lost = Fate(*fate) if fate is not None else None
        return Report(run_id, block, worker, told, error, is_origin, lost)

    def _note_reported(self, block: int) -> None:
        """Forget a submission with its last report, and what was only there to lead to it."""
        found = next((one for one in self._unreported if block in one.blocks), None)
        if found is None:
            return
        found.blocks.remove(block)
        if not found.blocks:
            self._unreported.remove(found)
            if is_all(found.lead) and found.lead in self._futures:
                self._futures.pop(found.lead).release()

    def _given_up(self) -> list[Report]:
        """Return reports for blocks that no message will come for any more.

        Dask takes a submitted graph as a whole or not at all: what leads to all of it tells of all.
        """
        reports: list[Report] = []
        suspects: dict[Any, float] = {}
        instant = monotonic()
        for submission in list(self._unreported):
            future = self._futures.get(submission.lead)
            if future is None or future.status not in _GONE:
                continue
            since = suspects[submission.lead] = self._suspects.get(submission.lead, instant)
            if instant - since < _DOUBT_SECONDS:
                continue
            error = _why(future)
            reports += [Report(self._run_id, block, "", error=error) for block in submission.blocks]
            self._unreported.remove(submission)
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


def _nothing(*_: Any) -> None:
    """Stand in the node that leads to others; it is let go before it could run."""

"""Blocks on Dask: a given scheduler, the active Client, or this process's temporary cluster.

One background poll for each client, whatever the number of runs, brings the tracker's reports and
hands them to the runs' queues.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar, cast

from daskflow.errors import DefinitionError, ExecutorError
from daskflow.events import Report
from daskflow.executors.connections import connect
from daskflow.executors.wire import is_block, is_portion, unpack_segments
from daskflow.settings import Settings

if TYPE_CHECKING:
    from distributed import Client

    from daskflow.executors.tracker import RawReport

_POLL_SECONDS = 20.0
_WATCH_SECONDS = 1.0  # between looks at futures that no report came for


class DaskExecutor:
    """Run on a Dask cluster.

    Parameters
    ----------
    address
        Of a scheduler: ``tcp://host:port``. None: the active `distributed.Client` if there is one,
        else a local cluster that belongs to this process, is started on first use and shared by
        later runs.
    workers, threads_per_worker
        Size of the local cluster, which is then used whether or not there is a Client.

    Raises
    ------
    DefinitionError
        An address and a size are given: the cluster there has its size.

    Examples
    --------
    >>> from daskflow import DaskExecutor
    >>> DaskExecutor(address="tcp://127.0.0.1:8786")
    DaskExecutor(address='tcp://127.0.0.1:8786')
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        workers: int | None = None,
        threads_per_worker: int | None = None,
    ) -> None:
        size = (workers, threads_per_worker)
        if address is not None and size != (None, None):
            msg = (
                f"the cluster at {address} has its own size: give no workers, no threads_per_worker"
            )
            raise DefinitionError(msg)
        if any(number is not None and number < 1 for number in size):
            msg = f"DaskExecutor: {workers=}, {threads_per_worker=}: at least one of each, or None"
            raise DefinitionError(msg)
        self.address = address
        self.size = size  # of the local cluster: worker processes, threads in each

    def open(self, run_id: str, spec: Any, pack: Callable[[Any], bytes]) -> DaskSession:
        """Connect, see to the tracker, and give it the run's spec."""
        return DaskSession(Hub.of(self._client()), run_id, pack(spec))

    def _client(self) -> Client:
        timeout = Settings().engine.connect_timeout
        if self.address is not None:
            return connect(self.address, timeout)
        from distributed import default_client

        from daskflow.executors.temporary import temporary_address

        if self.size == (None, None):
            with suppress(ValueError):  # there is none
                client: Client = default_client()
                return client
        return connect(temporary_address(*self.size), timeout)

    def __repr__(self) -> str:
        given = {
            "address": self.address,
            "workers": self.size[0],
            "threads_per_worker": self.size[1],
        }
        words = (f"{word}={value!r}" for word, value in given.items() if value is not None)
        return f"DaskExecutor({', '.join(words)})"


class Hub:
    """One client's link to the tracker, shared by all runs on that client."""

    _hubs: ClassVar[weakref.WeakKeyDictionary[Client, Hub]] = weakref.WeakKeyDictionary()
    _lock = threading.Lock()

    def __init__(self, client: Client) -> None:
        self.client = client
        self._scheduler = cast(Any, client.scheduler)  # has what the tracker offers as methods
        self._loop = cast(Any, client.loop)
        self.address: str = self._scheduler.address
        self.lost = ""  # why the scheduler cannot be reached any more
        self._queues: dict[str, SimpleQueue[Any]] = {}
        self._install()
        self._in_loop(self._poll())

    @classmethod
    def of(cls, client: Client) -> Hub:
        """Return the hub of a client, making it on first use."""
        with cls._lock:
            hub = cls._hubs.get(client)
            if hub is None or hub.lost:
                hub = cls._hubs[client] = cls(client)
            return hub

    def begin(self, run_id: str, spec: bytes) -> SimpleQueue[Any]:
        """Make a run known to the tracker; its reports come into the queue."""
        queue = self._queues[run_id] = SimpleQueue()
        client = self.client
        try:
            begin = self._scheduler.daskflow_1_begin
            client.sync(begin, client=client.id, run_id=run_id, spec=spec)
        except OSError as error:
            msg = f"the scheduler at {self.address} was lost: {error}"
            raise ExecutorError(msg) from error
        return queue

    def end(self, run_id: str) -> None:
        """Let the tracker forget a run."""
        if self._queues.pop(run_id, None) is not None:
            self.send("end", run_id=run_id)

    def send(self, call: str, **arguments: Any) -> None:
        """Tell the tracker something, without waiting; where it is gone, so is what it held."""
        if self.client.status == "running":
            self._in_loop(getattr(self._scheduler, f"daskflow_1_{call}")(**arguments))

    def _in_loop(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop.asyncio_loop)

    def _install(self) -> None:
        """See to it that the tracker is on the scheduler.

        Whether it was preloaded is asked only where it may not be registered: a scheduler logs a
        warning for a question that it does not know.
        """
        from daskflow.executors.tracker import Tracker

        client = self.client
        try:
            client.register_plugin(Tracker())
        except Exception as error:
            with suppress(OSError):
                if client.sync(self._scheduler.daskflow_1_hello):
                    return
            msg = (
                f"the scheduler at {self.address} does not take daskflow's tracker ({error}); "
                "install the same daskflow beside the scheduler, or start it with "
                "`dask scheduler --preload daskflow.executors.tracker`"
            )
            raise ExecutorError(msg) from error

    async def _poll(self) -> None:
        """Bring reports until the client is closed or the scheduler is gone."""
        client, seen = self.client, 0
        while client.status in ("running", "connecting"):
            try:
                seen, reports = await self._scheduler.daskflow_1_reports(
                    client=client.id, seen=seen, seconds=_POLL_SECONDS
                )
            except Exception as error:  # noqa: BLE001 - each run is to hear of it, whatever it is
                self.lost = f"{type(error).__name__}: {error}"
                break
            for report in reports:
                queue = self._queues.get(report[0])
                if queue is not None:
                    queue.put(report)
        self.lost = self.lost or "the client was closed"
        for queue in list(self._queues.values()):
            queue.put(None)
        if self._hubs.get(client) is self:
            del self._hubs[client]


class DaskSession:
    """A run on a Dask cluster: the queue of its reports, and futures for the ends of its plans.

    Blocks that others in their plan consume are held by the tracker; see there why.
    """

    def __init__(self, hub: Hub, run_id: str, spec: bytes) -> None:
        self._hub = hub
        self._run_id = run_id
        self._queue = hub.begin(run_id, spec)
        self._held: set[Any] = set()  # keys that were not released
        self._futures: dict[Any, Any] = {}  # of blocks that no other in their plan consumes
        self._unreported: list[dict[int, Any]] = []  # blocks on their way, for each submission
        self._suspects: set[Any] = set()  # futures that ended without a report, seen once
        client = hub.client
        self.threads = sum(client.nthreads().values()) or 4
        self.link = client.dashboard_link or ""

    def submit(self, layer: dict[Any, Any], *, urgent: bool) -> None:
        """Send the nodes of a plan's graph to the scheduler."""
        from dask.highlevelgraph import HighLevelGraph, MaterializedLayer

        consumed: set[Any] = set()
        for node in layer.values():
            consumed.update(node.dependencies)
        ends = [key for key in layer if key not in consumed]
        graph = HighLevelGraph({self._run_id: MaterializedLayer(layer)}, {self._run_id: set()})
        futures = self._hub.client.get(graph, ends, sync=False, priority=1 if urgent else 0)
        self._held.update(key for key in layer if not is_portion(key))
        self._futures.update(zip(ends, futures, strict=True))
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
            msg = f"the scheduler at {self._hub.address} was lost: {self._hub.lost}"
            raise ExecutorError(msg)
        if not raw:
            return self._given_up()
        return [self._report(report) for report in raw]

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

    def close(self) -> None:
        """Let go of everything and let the tracker forget the run."""
        for future in self._futures.values():
            future.release()
        self._futures.clear()
        self._held.clear()
        self._hub.end(self._run_id)

    def _report(self, raw: RawReport) -> Report:
        run_id, block, worker, data, error, is_origin = raw
        for submission in self._unreported:
            if submission.pop(block, None) is not None:
                break
        segments = unpack_segments(data) if data else ()
        return Report(run_id, block, worker, segments, error, is_origin)

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


def _why(future: Any) -> str:
    if future.status == "error":
        return repr(future.exception())
    return f"Dask gave the block up ({future.status})"


def _same(value: Any) -> Any:
    return value

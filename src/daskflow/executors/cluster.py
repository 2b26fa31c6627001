"""Blocks on Dask: a given scheduler, the active Client, or this process's temporary cluster.

One background poll for each client, whatever the number of runs, brings the tracker's reports and
hands them to the runs' queues.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from daskflow.errors import ExecutorError
from daskflow.events import Report
from daskflow.executors.connections import connect
from daskflow.executors.wire import unpack_segments
from daskflow.settings import Settings

if TYPE_CHECKING:
    from distributed import Client

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

    Examples
    --------
    >>> from daskflow import DaskExecutor
    >>> DaskExecutor(address="tcp://127.0.0.1:8786")
    DaskExecutor(address='tcp://127.0.0.1:8786')
    """

    def __init__(self, address: str | None = None) -> None:
        self.address = address

    def open(self, run_id: str, spec: Any, pack: Callable[[Any], bytes]) -> DaskSession:
        """Connect, see to the tracker, and give it the run's spec."""
        return DaskSession(Hub.of(self._client()), run_id, pack(spec))

    def _client(self) -> Client:
        timeout = Settings().engine.connect_timeout
        if self.address is not None:
            return connect(self.address, timeout)
        from distributed import default_client

        try:
            return default_client()
        except ValueError:
            from daskflow.executors.temporary import temporary_address

            return connect(temporary_address(), timeout)

    def __repr__(self) -> str:
        return f"DaskExecutor(address={self.address!r})" if self.address else "DaskExecutor()"


class Hub:
    """One client's link to the tracker, shared by all runs on that client."""

    _hubs: weakref.WeakKeyDictionary[Client, Hub] = weakref.WeakKeyDictionary()
    _lock = threading.Lock()

    def __init__(self, client: Client) -> None:
        self.client = client
        self.lost = ""  # why the scheduler cannot be reached any more
        self._queues: dict[str, SimpleQueue[Any]] = {}
        self._install()
        asyncio.run_coroutine_threadsafe(self._poll(), client.loop.asyncio_loop)

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
        client.sync(client.scheduler.daskflow_1_begin, client=client.id, run_id=run_id, spec=spec)
        return queue

    def end(self, run_id: str) -> None:
        """Let the tracker forget a run; says nothing where it cannot be reached."""
        if self._queues.pop(run_id, None) is None or self.client.status != "running":
            return
        call = self.client.scheduler.daskflow_1_end
        asyncio.run_coroutine_threadsafe(call(run_id=run_id), self.client.loop.asyncio_loop)

    def _install(self) -> None:
        from daskflow.executors.tracker import Tracker

        try:
            self.client.register_plugin(Tracker())
        except Exception as error:
            where = self.client.scheduler.address
            msg = (
                f"the scheduler at {where} does not take daskflow's tracker ({error}); install "
                "the same daskflow beside the scheduler, or start it with "
                "`dask scheduler --preload daskflow.executors.tracker`"
            )
            raise ExecutorError(msg) from error

    async def _poll(self) -> None:
        """Bring reports until the client is closed or the scheduler is gone."""
        client, seen = self.client, 0
        while client.status in ("running", "connecting"):
            try:
                seen, reports = await client.scheduler.daskflow_1_reports(
                    client=client.id, seen=seen, timeout=_POLL_SECONDS
                )
            except Exception as error:
                self.lost = f"{type(error).__name__}: {error}"
                break
            for report in reports:
                queue = self._queues.get(report[0])
                if queue is not None:
                    queue.put(report)
        self.lost = self.lost or "the client was closed"
        for queue in list(self._queues.values()):
            queue.put(None)


class DaskSession:
    """A run on a Dask cluster: its futures, by key, and the queue of its reports."""

    def __init__(self, hub: Hub, run_id: str, spec: bytes) -> None:
        self._hub = hub
        self._run_id = run_id
        self._queue = hub.begin(run_id, spec)
        self._futures: dict[Any, Any] = {}
        self._unreported: dict[int, Any] = {}  # keys of blocks on their way, by number
        self._suspects: set[int] = set()  # of those, the ones Dask gave up without a report
        client = hub.client
        self.threads = sum(client.nthreads().values()) or 4
        self.link = client.dashboard_link or ""

    def submit(self, layer: dict[Any, Any], *, urgent: bool) -> None:
        """Send the nodes of a plan's graph to the scheduler."""
        from dask.highlevelgraph import HighLevelGraph, MaterializedLayer

        keys = list(layer)
        graph = HighLevelGraph({self._run_id: MaterializedLayer(layer)}, {self._run_id: set()})
        futures = self._hub.client.get(graph, keys, sync=False, priority=1 if urgent else 0)
        self._futures.update(zip(keys, futures, strict=True))
        self._unreported.update((key[1], key) for key in keys if isinstance(key[1], int))

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
        if None in raw:
            where = self._hub.client.scheduler.address
            msg = f"the scheduler at {where} was lost: {self._hub.lost}"
            raise ExecutorError(msg)
        if not raw:
            return self._given_up()
        return [self._report(*report) for report in raw]

    def fetch(self, keys: Iterable[Any]) -> list[Any]:
        """Bring the values of blocks into this process."""
        values: list[Any] = self._hub.client.gather([self._futures[key] for key in keys])
        return values

    def release(self, keys: Iterable[Any]) -> None:
        """Let go of blocks."""
        for key in keys:
            future = self._futures.pop(key, None)
            if future is not None:
                future.release()
                self._unreported.pop(key[1], None)

    def close(self) -> None:
        """Let go of everything and let the tracker forget the run."""
        self.release(list(self._futures))
        self._hub.end(self._run_id)

    def _report(
        self, run_id: str, block: int, worker: str, data: bytes, error: str, is_origin: bool
    ) -> Report:
        self._unreported.pop(block, None)
        segments = unpack_segments(data) if data else ()
        return Report(run_id, block, worker, segments, error, is_origin)

    def _given_up(self) -> list[Report]:
        """Return reports for blocks that no message will come for any more."""
        gone = {
            block
            for block, key in self._unreported.items()
            if self._futures[key].status in ("error", "cancelled", "lost")
        }
        sure = gone & self._suspects  # seen twice: the message had its time
        self._suspects = gone - sure
        return [self._give_up(block) for block in sure]

    def _give_up(self, block: int) -> Report:
        future = self._futures[self._unreported.pop(block)]
        error = f"Dask gave the block up ({future.status})"
        if future.status == "error":
            error = repr(future.exception())
        return Report(self._run_id, block, "", error=error)

"""The tracker: a plugin in the Dask scheduler that observes and relays. It decides nothing.

For each run it keeps the spec, as opaque bytes, for the workers that ask; and the reports that ride
on task-finished messages, until the driver has acknowledged them. Drivers read with a versioned
long poll. All that belongs to a client goes when that client leaves.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from distributed import Scheduler, SchedulerPlugin

from daskflow.executors.wire import METADATA_KEY

RawReport = tuple[str, int, str, bytes, str, bool]  # run, block, worker, segments, error, origin


@dataclass(slots=True)
class _Mailbox:
    """The reports for one client, from oldest to newest."""

    first: int = 1  # number of the oldest report that is kept
    reports: list[RawReport] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, report: RawReport) -> None:
        self.reports.append(report)
        self.arrived.set()

    def drop_until(self, seen: int) -> None:
        done = max(0, seen + 1 - self.first)
        del self.reports[:done]
        self.first += done
        if not self.reports:
            self.arrived.clear()


@dataclass(slots=True)
class _Run:
    client: str
    spec: bytes


class Tracker(SchedulerPlugin):
    """Keeps specs and reports of the runs on this scheduler."""

    name = METADATA_KEY
    idempotent = True

    def __init__(self) -> None:
        self.runs: dict[str, _Run] = {}
        self.mailboxes: dict[str, _Mailbox] = {}

    async def start(self, scheduler: Scheduler) -> None:
        """Offer the four calls of the protocol."""
        scheduler.handlers.update(
            daskflow_1_begin=self.begin,
            daskflow_1_spec=self.spec,
            daskflow_1_reports=self.reports,
            daskflow_1_end=self.end,
        )

    def begin(self, client: str, run_id: str, spec: bytes) -> None:
        """Take in a run and its spec."""
        self.runs[run_id] = _Run(client, spec)
        self.mailboxes.setdefault(client, _Mailbox())

    def spec(self, run_id: str) -> bytes:
        """Give a worker the spec of a run."""
        return self.runs[run_id].spec

    async def reports(self, client: str, seen: int, timeout: float) -> tuple[int, list[RawReport]]:
        """Give a client its reports behind `seen`, waiting for the first one that long at most.

        Returns the number of the last report given, to be passed as `seen` next time.
        """
        mailbox = self.mailboxes.setdefault(client, _Mailbox())
        mailbox.drop_until(seen)
        if not mailbox.reports:
            try:
                await asyncio.wait_for(mailbox.arrived.wait(), timeout)
            except TimeoutError:
                pass
        return mailbox.first + len(mailbox.reports) - 1, list(mailbox.reports)

    def end(self, run_id: str) -> None:
        """Forget a run."""
        self.runs.pop(run_id, None)

    def transition(
        self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any
    ) -> None:
        """Pass on what Dask says of a block: finished with a report, or given up."""
        if finish == "memory":
            metadata = kwargs.get("metadata")
            found = metadata and metadata.get(METADATA_KEY)
            if found:
                run_id, block, segments = found
                self._put(run_id, block, kwargs.get("worker", ""), segments)
        elif finish == "erred" and isinstance(key, tuple) and len(key) == 2:
            run_id = str(key[0]).rpartition("-")[2]
            if run_id in self.runs and isinstance(key[1], int):
                error = kwargs.get("exception_text") or _text_of(kwargs.get("exception"))
                is_origin = kwargs.get("cause", key) == key
                worker = kwargs.get("worker") or ""
                self._put(run_id, key[1], worker, b"", error or "unknown", is_origin=is_origin)

    def remove_client(self, scheduler: Scheduler, client: str) -> None:
        """Forget all that belongs to a client that left."""
        self.mailboxes.pop(client, None)
        for run_id in [r for r, run in self.runs.items() if run.client == client]:
            del self.runs[run_id]

    def _put(
        self,
        run_id: str,
        block: int,
        worker: str,
        segments: bytes,
        error: str = "",
        *,
        is_origin: bool = True,
    ) -> None:
        run = self.runs.get(run_id)
        if run is not None and run.client in self.mailboxes:
            self.mailboxes[run.client].put((run_id, block, worker, segments, error, is_origin))


def _text_of(exception: Any) -> str:
    """Return an exception that Dask itself made (a lost worker) as text, as far as it can be."""
    try:
        from distributed.protocol import deserialize

        return repr(deserialize(exception.header, exception.frames))
    except Exception:
        return ""


async def dask_setup(scheduler: Scheduler) -> None:
    """Install the tracker: ``dask scheduler --preload daskflow.executors.tracker``."""
    await scheduler.register_scheduler_plugin(plugin=Tracker(), idempotent=True)

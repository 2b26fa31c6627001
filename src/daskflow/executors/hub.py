"""The link of one Dask client to the tracker: one background poll, whatever the number of runs.

It brings the tracker's reports, complaints and questions and hands them to the runs' queues. Lines
that bodies have logged it hands to whoever takes them, before the reports that came with them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar, cast

from daskflow.errors import ExecutorError, SchedulerLostError
from daskflow.events import Complaint
from daskflow.executors.base import TakeLines
from daskflow.executors.connections import is_given_up
from daskflow.executors.handshake import Acquaintances, Needs, describe
from daskflow.executors.host import AMPLE_SATURATION
from daskflow.executors.placement import Offer
from daskflow.executors.roll_call import ask_each
from daskflow.executors.showing import Showing
from daskflow.executors.wire import Asked

if TYPE_CHECKING:
    from distributed import Client

    from daskflow.executors.mailbox import RawReport

_POLL_SECONDS = 20.0
_CLOSED = ("closing", "closed")  # states of a client whose user needs it no more
_log = logging.getLogger("daskflow")


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
        self._is_closed = False  # somebody has closed the client
        self.threads = 0  # of all workers, as the tracker told last
        self._saturation = AMPLE_SATURATION  # how many tasks for each thread a worker is sent
        self._is_hinted = False
        self._workers: list[str] = []  # addresses, as they were when the last run began
        self._acquaintances = Acquaintances(describe())
        self._meeting = threading.Lock()  # of runs that begin at a time one asks the workers
        self._queues: dict[str, SimpleQueue[list[Any]]] = {}
        self._takers: dict[str, TakeLines] = {}  # of lines
        self.page = ""  # where the page of a run is, with {run_id} in it; empty: there is none
        self.showing = Showing(partial(self.send, client=client.id))
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

    def begin(self, run_id: str, spec: bytes, patience: float) -> SimpleQueue[list[Any]]:
        """Make a run known to the tracker; reports, complaints, questions come into the queue.

        In lists, of what came at a time; None in one of them: nothing will come any more.

        Parameters
        ----------
        patience
            Seconds in which a worker may come who can run a block, before it is complained.
        """
        queue = self._queues[run_id] = SimpleQueue()
        client = self.client
        told = {"client": client.id, "run_id": run_id, "spec": spec, "patience": patience}
        try:
            began = client.sync(self._scheduler.daskflow_1_begin, **told)
        except (OSError, RuntimeError) as error:  # the latter: its client is just closing
            raise self.lost_error() from error
        self.threads, self._workers, self._saturation, self.page = began
        return queue

    def tell_lines(self, run_id: str, take: TakeLines) -> None:
        """Let this take the lines of a run, in the thread that polls."""
        self._takers[run_id] = take

    def is_lost(self) -> bool:
        """Return whether the scheduler is gone, whoever noticed first."""
        return bool(self.lost) or self.client.status != "running"

    def lost_error(self) -> SchedulerLostError:
        """Return what tells that the scheduler is gone."""
        why = f" ({self.lost})" if self.lost else ""
        is_closed = self._is_closed or (not self.lost and self.client.status in _CLOSED)
        is_final = is_closed or is_given_up(self.client)
        msg = f"the scheduler at {self.address} was lost{why}"
        return SchedulerLostError(msg, is_final=is_final)

    def hint_at_saturation(self) -> None:
        """Log, once, that the scheduler's settings make many small blocks slow."""
        if self._saturation >= AMPLE_SATURATION or self._is_hinted:
            return
        self._is_hinted = True
        _log.info(
            "the scheduler at %s sends a worker hardly more than it is at (worker-saturation %g): "
            "with distributed.scheduler.worker-saturation: 10 in its configuration many small "
            "tasks take a third of the time",
            self.address,
            self._saturation,
        )

    def shake_hands(self, needs: Needs, seconds: float) -> None:
        """See that the workers fit this process and have what a run needs.

        Each worker is asked once for each module. One that comes later is not asked: it refuses a
        run that it cannot read.

        Parameters
        ----------
        seconds
            In which workers have to answer; those that do not are let pass with a warning.

        Raises
        ------
        ExecutorError
            The run would break; all reasons are told.
        """
        with self._meeting:
            strangers = self._acquaintances.strangers(self._workers, needs)
            if strangers:
                modules = sorted(needs.all())
                answers = self.client.sync(
                    ask_each, self.client, strangers, seconds, describe, modules
                )
                self._acquaintances.meet(answers, needs)
            misfits = self._acquaintances.judge(needs)
        for misfit in misfits:
            if not misfit.difference.is_fatal:
                _log.warning("the cluster at %s: %s", self.address, misfit)
        refusals = [str(misfit) for misfit in misfits if misfit.difference.is_fatal]
        if refusals:
            msg = f"the cluster at {self.address} cannot run this: {'; '.join(refusals)}"
            raise ExecutorError(msg)

    def workers(self) -> list[Offer]:
        """Ask the tracker what workers there are, and what each has to offer."""
        try:
            found = self.client.sync(self._scheduler.daskflow_1_workers)
        except (OSError, RuntimeError) as error:  # the latter: its client is just closing
            raise self.lost_error() from error
        return [Offer(*one) for one in found]

    def end(self, run_id: str) -> None:
        """Let the tracker forget a run."""
        self._takers.pop(run_id, None)
        if self._queues.pop(run_id, None) is not None:
            self.send("end", run_id=run_id)

    def send(self, call: str, **arguments: Any) -> Future[Any] | None:
        """Tell the tracker something, without waiting; where it is gone, so is what it held.

        Returns what comes to hold the answer; None: nobody is there to answer.
        """
        if self.client.status != "running":
            return None
        return self._in_loop(getattr(self._scheduler, f"daskflow_1_{call}")(**arguments))

    def _in_loop(self, coroutine: Any) -> Future[Any]:
        loop = self._loop.asyncio_loop  # which need not keep what this thread's context holds
        return Context().run(asyncio.run_coroutine_threadsafe, coroutine, loop)

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
                news = await self._scheduler.daskflow_1_reports(
                    client=client.id, seen=seen, seconds=_POLL_SECONDS
                )
            except Exception as error:  # noqa: BLE001 - each run is to hear of it, whatever it is
                self.lost = f"{type(error).__name__}: {error}"
                self._is_closed = client.status in _CLOSED
                break
            seen, self.threads, reports, complaints, questions, lines, looks = news
            for told in lines:
                self._hand_over_lines(*told)
            for run_id, version in looks.items():
                self.showing.look(run_id, version)
            asked = (Asked(*question) for question in questions)
            self._hand_over([*asked, *reports, *(Complaint(*told) for told in complaints)])
        if not self.lost:
            self.lost, self._is_closed = "the client was closed", True
        for queue in list(self._queues.values()):
            queue.put([None])
        if self._hubs.get(client) is self:
            del self._hubs[client]

    def _hand_over(self, news: list[RawReport | Complaint | Asked]) -> None:
        """Give each run what is for it, all at once: each time its driver wakes up costs."""
        by_run: dict[str, list[Any]] = {}
        for one in news:
            by_run.setdefault(one.run_id if isinstance(one, Complaint) else one[0], []).append(one)
        for run_id, its in by_run.items():
            queue = self._queues.get(run_id)
            if queue is not None:
                queue.put(its)

    def _hand_over_lines(self, run_id: str, dropped: int, batches: list[bytes]) -> None:
        take = self._takers.get(run_id)
        if take is not None:
            for data in batches:
                take(data, dropped)
                dropped = 0

"""The tracker: a plugin in the Dask scheduler that observes and relays. It decides nothing.

For each run it keeps the spec, as opaque bytes, for the workers that ask; the reports that ride on
task-finished messages, until the driver has acknowledged them; and the values of blocks, until the
driver lets them go. It looks now and then for blocks that no worker can run, and complains of them.
It passes questions of shims on to their drivers, and the answers back; and what bodies log, which
is no state: it makes no driver look up sooner than ten times a second, and never keeps a report.
Drivers read with a versioned long poll. All that belongs to a client goes when that client leaves.

Values are held here, in the name of the run, and not by a future each in the driver: a future costs
messages both ways for every block, which for small blocks is as much as the block itself. That
needs two methods of Dask's scheduler that are public but not promised, `client_desires_keys` and
`client_releases_keys`; a test pins them.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Collection
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from typing import Any

from distributed import KilledWorker, Scheduler, SchedulerPlugin

from daskflow.events import Fate
from daskflow.executors.asking import GONE, Questions
from daskflow.executors.base import Mark
from daskflow.executors.calling_off import mark, tell
from daskflow.executors.linebox import Told
from daskflow.executors.losses import Losses
from daskflow.executors.mailbox import Mailbox, RawComplaint, RawReport
from daskflow.executors.pages import Pages, open_pages
from daskflow.executors.placement import complaint_about
from daskflow.executors.stuck import StuckBlocks, demand_of, offers_of, stuck_blocks
from daskflow.executors.unloading import unload
from daskflow.executors.wire import (
    LINES,
    MEANWHILE,
    METADATA_KEY,
    NOTHING_BEGUN,
    Answered,
    Asked,
    is_all,
    is_block,
    is_portion,
    run_of,
)

_PAUSE_SECONDS = 0.03  # between answers to one client: each costs as much as a small task
_LONG_PAUSE_SECONDS = 0.1  # where much comes: its driver has enough to do meanwhile
_MUCH = 4  # reports in an answer
_LOOK_SECONDS = 0.5  # between looks at what no worker can run
_MOMENT_SECONDS = 0.02  # in which such tasks are gathered
_UNLOAD_SECONDS = 0.1  # the same, at what waits behind a block that takes long


@dataclass(slots=True)
class _Run:
    client: str
    spec: bytes
    stuck: StuckBlocks
    named: dict[Any, set[str]] = field(
        default_factory=dict
    )  # blocks that only some workers may run
    long: set[int] = field(default_factory=set)  # blocks that gave back, and go on
    readers: set[str] = field(default_factory=set)  # workers that have asked for the spec
    called_off: int = 0  # blocks with smaller numbers begin nothing any more


class Tracker(SchedulerPlugin):
    """Keeps specs and reports of the runs on this scheduler."""

    name = METADATA_KEY
    idempotent = True

    def __init__(self) -> None:
        self.runs: dict[str, _Run] = {}
        self.mailboxes: dict[str, Mailbox] = {}
        self.questions = Questions()
        self.losses: Losses  # made where the scheduler is
        self.looking: asyncio.Task[None] | None = None  # while there are runs
        self.pages: Pages | None = None  # for people; None: there is no dashboard
        self.full: set[Any] = set()  # workers on which what comes would wait, when looked at last
        self.is_unloading = False  # what waits there is about to move

    async def start(self, scheduler: Scheduler) -> None:
        """Offer the calls of the protocol."""
        self.scheduler = scheduler
        self.losses = Losses(scheduler, self._is_mine, self._has_read, self._put_loss)
        scheduler.handlers.update(
            daskflow_1_hello=self.hello,
            daskflow_1_begin=self.begin,
            daskflow_1_spec=self.spec,
            daskflow_1_reports=self.reports,
            daskflow_1_ask=self.ask,
            daskflow_1_answer=self.answer,
            daskflow_1_workers=self.workers,
            daskflow_1_died=self.losses.died,
            daskflow_1_release=self.release,
            daskflow_1_cancel=self.cancel,
            daskflow_1_end=self.end,
            daskflow_1_summary=self.summary,
            daskflow_1_history=self.history,
            daskflow_1_lines=self.told_lines,
        )
        scheduler.stream_handlers |= {LINES: self.lines, MEANWHILE: self.meanwhile}
        self.pages = open_pages(scheduler, self.name, self._look_at)

    def hello(self) -> bool:
        """Tell that the tracker is here; a scheduler without one answers None."""
        return True

    def begin(
        self, client: str, run_id: str, spec: bytes, patience: float
    ) -> tuple[int, list[str], float, str]:
        """Take in a run and its spec.

        Returns threads, workers, the scheduler's saturation, and where the pages of runs are.
        """
        self.runs[run_id] = _Run(client, spec, StuckBlocks(patience))
        self.mailboxes.setdefault(client, Mailbox())
        if self.looking is None or self.looking.done():
            self.looking = asyncio.create_task(self._look())
        scheduler = self.scheduler
        link = self.pages.link if self.pages is not None else ""
        return scheduler.total_nthreads, list(scheduler.workers), scheduler.WORKER_SATURATION, link

    def spec(self, run_id: str, worker: str) -> tuple[bytes, int]:
        """Give a worker the spec of a run, and the first block that is not called off."""
        run = self.runs[run_id]
        run.readers.add(worker)
        return run.spec, run.called_off

    async def reports(
        self, client: str, seen: int, seconds: float
    ) -> tuple[
        int, int, list[RawReport], list[RawComplaint], list[Asked], list[Told], dict[str, int]
    ]:
        """Give a client its reports behind `seen`, waiting for the first one so long at most.

        Returns the number of the last report given, to be passed as `seen` next time; how many
        threads the workers have; the reports; the complaints; the questions; the lines, those that
        were logged before the reports among them; at which runs somebody looks, with the versions
        that are known of them.
        """
        mailbox = self.mailboxes.setdefault(client, Mailbox())
        is_much = mailbox.drop_until(seen) >= _MUCH  # in the answer before
        with suppress(TimeoutError):
            await asyncio.wait_for(mailbox.arrived.wait(), seconds)
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):  # somebody waits for each answer, so a question does not
            pause = _LONG_PAUSE_SECONDS if is_much else _PAUSE_SECONDS
            await asyncio.wait_for(mailbox.asked.wait(), mailbox.answered + pause - loop.time())
        mailbox.answered = loop.time()
        last = mailbox.first + len(mailbox.reports) - 1
        threads = self.scheduler.total_nthreads
        return last, threads, list(mailbox.reports), *mailbox.take_once()

    async def ask(self, run_id: str, question: bytes, seconds: float) -> Answered:
        """Pass a question of a shim on to the run's driver; return the answer, or why none."""
        run = self.runs.get(run_id)
        mailbox = self.mailboxes.get(run.client) if run is not None else None
        if mailbox is None:
            return b"", GONE
        return await self.questions.ask(run_id, question, seconds, mailbox.ask)

    def answer(self, answers: list[tuple[int, Answered]]) -> None:
        """Pass a driver's answers on, by the numbers of the questions."""
        for number, answered in answers:
            self.questions.answer(number, answered)

    def meanwhile(self, *, worker: str, run_id: str, block: int, news: tuple[Any, ...]) -> None:
        """Pass on what a block tells while it goes on: a `Meanwhile`, its segments packed.

        Where its time is over, what waits behind it on its worker moves.
        """
        segments, given_back, begun, is_late = news
        spans = tuple(given_back)
        report = RawReport(
            run_id, block, worker, segments, is_early=True, given_back=spans, begun=begun
        )
        self._put(report)
        if is_late and run_id in self.runs:
            self.runs[run_id].long.add(block)
            self._unload()

    def _unload(self) -> None:
        """Let what waits on full workers move."""
        self.is_unloading = False
        self.full = unload(self.scheduler, self._is_long)

    def _unload_soon(self) -> None:
        """Do so when what goes to workers now is on its way; not each time that something goes."""
        if not self.is_unloading:
            self.is_unloading = True
            self.scheduler.loop.call_later(_MOMENT_SECONDS, self._unload)

    def lines(self, worker: str, run_id: str, count: int, lines: bytes) -> None:
        """Take in what bodies of a run have logged; nothing may be raised on a worker's stream."""
        run = self.runs.get(run_id)
        if run is not None and run.client in self.mailboxes:
            self.mailboxes[run.client].put_lines(run_id, lines, count)

    def workers(self) -> list[tuple[Any, ...]]:
        """Return what each worker has to offer."""
        return [astuple(offer) for offer in offers_of(self.scheduler)]

    def release(self, run_id: str, keys: list[Any]) -> None:
        """Let go of values of a run."""
        holder = _holder(run_id)
        if holder in self.scheduler.clients:
            self.scheduler.client_releases_keys(keys, holder)

    async def cancel(self, run_id: str, before: int) -> None:
        """Call off the blocks of a run up to a number, wherever they are."""
        run = self.runs.get(run_id)
        if run is None:
            return
        run.called_off = max(run.called_off, before)
        self._call_off(run_id, list(self.scheduler.tasks.values()), before)
        for worker, number in await tell(self.scheduler, run_id, before, run.readers):
            self._put(RawReport(run_id, number, worker, NOTHING_BEGUN))

    def _call_off(self, run_id: str, tasks: list[Any], before: int) -> None:
        """Mark blocks; those that no worker has are reported at once."""
        for number in mark(tasks, run_id, before):
            self._put(RawReport(run_id, number, "", NOTHING_BEGUN))

    def end(self, run_id: str) -> None:
        """Forget a run and let go of all its values."""
        self.runs.pop(run_id, None)
        self.questions.end(run_id)
        holder = self.scheduler.clients.get(_holder(run_id))
        if holder is not None:
            self.release(run_id, [ts.key for ts in holder.wants_what])
            del self.scheduler.clients[holder.client_key]

    def summary(self, client: str, told: dict[str, Any]) -> None:
        """Pass on to the pages what a driver knows of its run."""
        if self.pages is not None:
            self.pages.summary(client, told)

    def history(self, client: str, run_id: str, told: dict[str, Any]) -> tuple[int, dict[str, int]]:
        """Pass a piece of a run's history on; return up to where it is known, and what else of it.

        That is -1 where it is enough, and the task runs whose lines are wanted, behind what.
        """
        return (-1, {}) if self.pages is None else self.pages.history(client, run_id, told)

    def told_lines(self, client: str, run_id: str, told: dict[str, Any]) -> None:
        """Pass on to the pages what a task run has logged that somebody looks at."""
        if self.pages is not None:
            self.pages.lines(client, run_id, told)

    def _look_at(self, client: str, run_id: str, version: int) -> None:
        """Tell a client that somebody looks at a run of it; called in any thread."""
        mailbox = self.mailboxes.get(client)
        if mailbox is not None:
            self.scheduler.loop.add_callback(mailbox.look, run_id, version)

    def _is_long(self, key: Any) -> bool:
        """Return whether a block is at a body that takes long."""
        run = self.runs.get(run_of(key))
        return run is not None and key[1] in run.long

    async def close(self) -> None:
        """Look no more when the scheduler ends."""
        if self.looking is not None:
            self.looking.cancel()
        if self.pages is not None:
            self.pages.close()
        self.losses.close()

    def update_graph(
        self,
        scheduler: Scheduler,
        *,
        client: str,
        tasks: list[Any],
        keys: Collection[Any],
        annotations: dict[str, dict[Any, Any]],
        stimulus_id: str,
        **_: Any,
    ) -> None:
        """Hold the values of a plan's blocks that no future of the client's holds.

        Parts of values are let go when their consumers have them, and at once what only leads to
        all blocks of a plan. Among the tasks are those of earlier graphs that this one builds on.
        They have left the state in which a task begins, and are held or were let go.
        """
        mine: dict[str, list[Any]] = {}
        led: set[str] = set()  # runs whose blocks would begin in whichever order
        for key in tasks:
            run_id = run_of(key)
            is_new = run_id in self.runs and scheduler.tasks[key].state == "released"
            if is_new and is_all(key):  # when all that it leads to is on its way
                scheduler.loop.add_callback(scheduler.client_releases_keys, [key], client)
                led.add(run_id)
            elif is_new and key not in keys and not is_portion(key):
                mine.setdefault(run_id, []).append(key)
            if is_new and self.runs[run_id].called_off:  # it comes behind the news
                self._call_off(run_id, [scheduler.tasks[key]], self.runs[run_id].called_off)
        for run_id, held in mine.items():
            scheduler.client_desires_keys(held, _holder(run_id))
        self._note_named(annotations.get("workers", {}))
        for run_id in led & mine.keys():
            _begin_in_order(scheduler, mine[run_id], stimulus_id)

    def _note_named(self, named: dict[Any, Any]) -> None:
        """Bind nodes to the workers that they name, and note that for those that come later."""
        for key, workers in named.items():
            run = self.runs.get(run_of(key))
            if run is not None:
                run.named[key] = set(workers)
                for ws in self.scheduler.workers.values():
                    _bind(self.scheduler, key, run.named[key], ws)

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """Let a worker run what asks for one of its name, before Dask looks for what it can run."""
        self.losses.came(scheduler.workers[worker])
        for run in self.runs.values():
            for key, workers in run.named.items():
                _bind(scheduler, key, workers, scheduler.workers[worker])

    def remove_worker(self, scheduler: Scheduler, worker: str, **_: Any) -> None:
        """Tell of what a worker had that is gone."""
        self.losses.left(worker)

    def log_event(self, topic: str, msg: Any) -> None:
        """Hear from Dask what becomes of workers."""
        self.losses.heard(topic, msg)

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        """Pass on what Dask says of a block: finished with a report, taken away, or given up.

        One that is taken from a worker, finished or not, is marked before another gets it: the mark
        travels with it, and its bodies are not called once more. That is told here, as a loss; that
        it is hollow now its shim need not tell.
        """
        if finish == "memory":
            metadata = kwargs.get("metadata")
            found = metadata and metadata.get(METADATA_KEY)
            if found:
                run_id, block, segments = found
                self._put(RawReport(run_id, block, kwargs.get("worker", ""), segments))
        elif finish == "released":
            if start in {"processing", "memory"} and run_of(key) in self.runs:
                task = self.scheduler.tasks[key]
                task.annotations = {**(task.annotations or {}), Mark.TAKEN.value: True}
                if is_block(key):
                    self.losses.took(key, had_value=start == "memory")
        elif finish == "processing" and self.full:
            if self.scheduler.tasks[key].processing_on in self.full:  # Dask does not know that
                self._unload_soon()
        elif finish == "erred" and self._is_mine(key):
            self._put_error(key, kwargs.get("worker") or "")

    def _put_error(self, key: Any, worker: str) -> None:
        """Tell that Dask gave a block up, or one before it: for an exception, or for lost workers.

        The latter is a loss like others: the driver counts those.
        """
        task = self.scheduler.tasks[key]
        blame = task.exception_blame
        before = (other.key for other in task.dependencies if other.state == "erred")
        is_origin = not any(is_block(other) for other in before)
        if is_origin and _was_killed(blame):
            self._put_loss(key, Fate(worker, f"{worker} is gone"))
        else:
            self._put(RawReport(run_of(key), key[1], worker, b"", _why_erred(blame), is_origin))

    def _put_loss(self, key: Any, fate: Fate) -> None:
        self._put(RawReport(run_of(key), key[1], fate.worker, fate=tuple(fate)))

    def _has_read(self, run_id: str, worker: str) -> bool:
        """Return whether a worker may have begun something of a run; some share a process."""
        return worker in self.runs[run_id].readers or worker.startswith("inproc://")

    def _is_mine(self, key: Any) -> bool:
        """Return whether a key is that of a block of a run that is here."""
        return run_of(key) in self.runs and is_block(key)

    def remove_client(self, scheduler: Scheduler, client: str) -> None:
        """Forget all that belongs to a client that left."""
        self.mailboxes.pop(client, None)
        if self.pages is not None:
            self.pages.left(client)
        for run_id in [r for r, run in self.runs.items() if run.client == client]:
            self.end(run_id)

    async def _look(self) -> None:
        """See to what cannot go on, as long as there are runs."""
        loop = asyncio.get_running_loop()
        due = loop.time() + _LOOK_SECONDS
        while self.runs:
            is_any = any(run.long for run in self.runs.values())
            await asyncio.sleep(_UNLOAD_SECONDS if is_any else max(0.0, due - loop.time()))
            if is_any:
                self._unload()
            if loop.time() >= due:
                self._complain_of_stuck()
                due = loop.time() + _LOOK_SECONDS

    def _complain_of_stuck(self) -> None:
        """Complain of what no worker can run."""
        found: dict[str, dict[Any, Any]] = {run_id: {} for run_id in self.runs}
        for kind, key in stuck_blocks(self.scheduler, lambda key: run_of(key) in self.runs):
            found[run_of(key)].setdefault(kind, key)
        now = asyncio.get_running_loop().time()
        for run_id, run in self.runs.items():
            for key in run.stuck.look(found[run_id], now):
                self._complain(run_id, key)

    def _complain(self, run_id: str, key: Any) -> None:
        mailbox = self.mailboxes.get(self.runs[run_id].client)
        if mailbox is not None:
            demand = demand_of(self.scheduler.tasks[key])
            message = complaint_about(demand, offers_of(self.scheduler))
            mailbox.complain((run_id, key[1], message))

    def _put(self, report: RawReport) -> None:
        run = self.runs.get(report.run_id)
        if run is not None and not report.is_early:
            run.long.discard(report.block)
        if run is not None and run.client in self.mailboxes:
            self.mailboxes[run.client].put(report)


def _bind(scheduler: Scheduler, key: Any, workers: set[str], ws: Any) -> None:
    """Let a worker run a block that asks for one of its name.

    Dask knows a name only while a worker has it: one that comes later it takes for that of a host,
    and would let all workers there run the block.
    """
    ts = scheduler.tasks.get(key)
    name = str(ws.name)
    if ts is not None and name in workers:
        ts.worker_restrictions = {*(ts.worker_restrictions or ()), ws.address}
        ts.host_restrictions = {*(ts.host_restrictions or ())} - {name} or None


def _begin_in_order(scheduler: Scheduler, keys: list[Any], stimulus_id: str) -> None:
    """Let tasks begin as Dask lets those that a client wants: by priority, for the last goes first.

    Not those behind one that erred, which Dask sees to itself.
    """
    found = [scheduler.tasks[key] for key in keys]
    sound = [ts for ts in found if not any(other.exception_blame for other in ts.dependencies)]
    sound.sort(key=lambda ts: ts.priority or (), reverse=True)
    scheduler.transitions({ts.key: "waiting" for ts in sound}, stimulus_id)


def _holder(run_id: str) -> str:
    """Return in whose name the values of a run are held."""
    return f"daskflow-{run_id}"


def _was_killed(task: Any) -> bool:
    """Return whether Dask gave a task up because its workers died."""
    if not isinstance(task.exception, bytes):
        return False
    return isinstance(pickle.loads(task.exception), KilledWorker)


def _why_erred(task: Any) -> str:
    """Return what ended a task: what its worker said, or what the scheduler found (worker lost)."""
    if isinstance(task.exception, bytes):  # the scheduler's own; a worker's it does not open
        error = pickle.loads(task.exception)
        return f"{type(error).__name__}: {error}"
    return task.exception_text or "unknown"


async def dask_setup(scheduler: Scheduler) -> None:
    """Install the tracker: ``dask scheduler --preload daskflow.executors.tracker``."""
    await scheduler.register_scheduler_plugin(plugin=Tracker(), idempotent=True)

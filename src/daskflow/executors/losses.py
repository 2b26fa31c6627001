"""How blocks were lost: what the scheduler sees, and what the nanny of a dead worker knows.

Lives in the tracker, on its event loop. Dask takes a block from a worker that is gone, finished or
not. Those whose values are gone are told at once, for whoever needs them gives its task run back.
What the worker was at is told when its nanny has said how it ended and what was in its black box,
or after some seconds: then nobody knows which of its blocks it had begun.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import signal
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from daskflow.events import NOT_BEGUN, UNKNOWN, Fate
from daskflow.executors.black_box import Found, name_of
from daskflow.executors.nannies import attend
from daskflow.executors.wire import run_of

if TYPE_CHECKING:
    from distributed import Scheduler

_WORD_SECONDS = 3.0  # that a nanny has to tell of its worker's death
_EVENT_SECONDS = 0.2  # in which it is heard, on another way, that a nanny ended its worker
_NEARLY = 0.8  # share of the memory limit, from which on the memory is worth a word
_log = logging.getLogger("daskflow")

Tell = Callable[[Any, Fate], None]  # of the block with this key


class Death(NamedTuple):
    """What a nanny has told."""

    code: int  # of the process: how it exited, or less than zero for a signal
    box: Found | None


class Worker(NamedTuple):
    """What is worth saying of a worker that is gone."""

    address: str
    pid: int
    host: str
    memory: int = 0  # bytes that it had when it was last heard of
    limit: int = 0  # bytes that it might have
    was_hog: bool = False  # its nanny ended it for that

    @classmethod
    def of(cls, ws: Any, *, was_hog: bool) -> Worker:
        """Return what the scheduler knows of one."""
        memory = int((ws.metrics or {}).get("memory", 0))
        return cls(ws.address, ws.pid, ws.host, memory, ws.memory_limit or 0, was_hog)


class Losses:
    """The workers of a scheduler, those that are gone, and the blocks that went with them.

    Parameters
    ----------
    is_mine
        Whether a key is that of a block of ours.
    has_read
        Whether, by its id, a run's code ever came to a worker.
    tell
        Takes the fate of a block.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        is_mine: Callable[[Any], bool],
        has_read: Callable[[str, str], bool],
        tell: Tell,
    ) -> None:
        self._scheduler = scheduler
        self._is_mine = is_mine
        self._has_read = has_read
        self._tell = tell
        self._staff: dict[str, Any] = {}  # Dask's worker states, by address
        self._attended: set[str] = set()  # nannies that tell of their workers' deaths
        self._asking: set[asyncio.Task[None]] = set()
        self._deaths: dict[str, asyncio.Future[Death]] = {}  # by worker: what its nanny told
        self._hogs: set[str] = set()  # workers that were ended for their memory
        self._at_work: dict[str, tuple[set[Any], bool]] = {}  # of workers that are being removed
        self._taken: list[tuple[Any, bool]] = []  # just now: keys, and whether they had values
        for ws in scheduler.workers.values():
            self.came(ws)

    def came(self, ws: Any) -> None:
        """Take note of a worker, and see to its nanny."""
        self._staff[ws.address] = ws
        if ws.nanny:
            self._spawn(self._attend(ws.nanny))

    async def _attend(self, nanny: str) -> None:
        try:
            answer = await self._scheduler.rpc(nanny).run(function=pickle.dumps(attend, 5))
            if answer["status"] == "OK":
                self._attended.add(nanny)
        except Exception as error:  # noqa: BLE001 - it has no daskflow, or is gone: less is told
            _log.debug("nanny %s will not tell how its worker ends: %s", nanny, error)

    def heard(self, topic: str, event: Any) -> None:
        """Look at an event of Dask's: that a nanny ended its worker, that a worker is removed."""
        if topic == "worker-restart-memory":
            self._hogs.add(event["worker"])
        elif topic == "all" and event.get("action") == "remove-worker":
            self._at_work[event["worker"]] = set(event["processing-tasks"]), event["expected"]

    def took(self, key: Any, *, had_value: bool) -> None:
        """Take note that a block was just taken from its worker."""
        if not self._taken:
            asyncio.get_running_loop().call_soon(self._tell_rest)
        self._taken.append((key, had_value))

    def died(self, worker: str, code: int, box: Iterable[Any] | None) -> None:
        """Take in what a nanny tells."""
        death = Death(code, None if box is None else Found(*box))
        future = self._death_of(worker)
        if not future.done():
            future.set_result(death)
        self._forget_later(worker)

    def left(self, address: str) -> None:
        """Tell of what was taken from a worker that is gone."""
        ws = self._staff.pop(address, None)
        at_work, is_expected = self._at_work.pop(address, (set(), False))
        self._forget_later(address)
        if ws is None:
            return
        taken, self._taken = self._taken, []
        lost = [key for key, had_value in taken if not had_value and key in at_work]
        others = [key for key, had_value in taken if had_value or key not in at_work]
        self._tell_wanted(others, Fate(address, f"{address} is gone", is_expected=True))
        if is_expected:
            self._tell_all(lost, Fate(address, f"{address} has left", is_expected=True))
        elif lost:
            self._spawn(self._find_out(ws, lost, at_work))

    async def _find_out(self, ws: Any, lost: list[Any], at_work: Collection[Any]) -> None:
        """Hear what the nanny of a dead worker has to say, and tell of its blocks."""
        death = None
        if ws.nanny in self._attended:
            with suppress(TimeoutError):
                told = asyncio.shield(self._death_of(ws.address))
                death = await asyncio.wait_for(told, _WORD_SECONDS)
        if death is not None and death.code == -signal.SIGTERM and ws.address not in self._hogs:
            await asyncio.sleep(_EVENT_SECONDS)
        worker = Worker.of(ws, was_hog=ws.address in self._hogs)
        mine = {key for key in at_work if self._is_mine(key)}
        places = places_of(death, worker.pid, at_work, mine)
        unread = {key for key in mine if not self._has_read(run_of(key), ws.address)}
        places |= dict.fromkeys(unread, NOT_BEGUN)
        for key in lost:
            self._tell(key, fate_of(key, worker, death, places))

    def _death_of(self, worker: str) -> asyncio.Future[Death]:
        return self._deaths.setdefault(worker, asyncio.get_running_loop().create_future())

    def _tell_rest(self) -> None:
        """Tell of what was taken though no worker is gone; most of it was just let go."""
        taken, self._taken = self._taken, []
        self._tell_wanted([key for key, _ in taken], Fate(is_expected=True))

    def _tell_wanted(self, keys: Iterable[Any], fate: Fate) -> None:
        """Tell of those that Dask makes again."""
        tasks = self._scheduler.tasks
        found = ((key, tasks.get(key)) for key in keys)
        wanted = [key for key, ts in found if ts is not None and (ts.who_wants or ts.waiters)]
        self._tell_all(wanted, fate)

    def _tell_all(self, keys: Iterable[Any], fate: Fate) -> None:
        for key in keys:
            self._tell(key, fate)

    def _forget_later(self, worker: str) -> None:
        """Forget what was told of a worker, which may have come before its connection was lost."""

        def forget() -> None:
            self._deaths.pop(worker, None)
            self._hogs.discard(worker)

        asyncio.get_running_loop().call_later(2 * _WORD_SECONDS, forget)

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def close(self) -> None:
        """Wait for nobody any more."""
        for task in list(self._asking):
            task.cancel()


def places_of(
    death: Death | None, pid: int, at_work: Collection[Any], mine: Collection[Any]
) -> dict[Any, int]:
    """Return how far each task was that a worker had when it died, by its key.

    Parameters
    ----------
    pid
        Of the worker: the box may be that of an earlier one at the same address.
    at_work
        The keys of all that the scheduler had sent it, and not heard of.
    mine
        Those of them that are keys of our blocks.
    """
    box = death.box if death is not None else None
    if box is None or box.pid != pid:
        return dict.fromkeys(at_work, UNKNOWN)
    unnoted = NOT_BEGUN if box.is_whole else UNKNOWN
    return {
        key: box.places.get(name_of(run_of(key), key[1]), unnoted) if key in mine else UNKNOWN
        for key in at_work
    }


def fate_of(key: Any, worker: Worker, death: Death | None, places: Mapping[Any, int]) -> Fate:
    """Return how the block with this key was lost.

    Parameters
    ----------
    places
        See `places_of`.
    """
    others = [other for other, place in places.items() if other != key and place != NOT_BEGUN]
    kin = [other for other in others if run_of(other) == run_of(key)]
    return Fate(
        worker.address,
        story_of(worker, death),
        "out of memory" if worker.was_hog else "worker lost",
        places.get(key, UNKNOWN),
        len(others),
        len(kin),
    )


def story_of(worker: Worker, death: Death | None) -> str:
    """Return for people who a worker was, and how it ended.

    Examples
    --------
    >>> story_of(Worker("tcp://10.0.0.7:40001", 71, "10.0.0.7"), Death(-11, None))
    'tcp://10.0.0.7:40001 (pid 71 on 10.0.0.7) was killed by signal 11 (SIGSEGV)'
    >>> story_of(Worker("tcp://10.0.0.7:40001", 71, "10.0.0.7"), None)
    'tcp://10.0.0.7:40001 (pid 71 on 10.0.0.7) is gone'
    """
    who = f"{worker.address} (pid {worker.pid} on {worker.host})"
    limit = f"{worker.limit / 1e9:.1f} GB"
    if worker.was_hog:
        return f"{who} went over its memory limit of {limit}, and its nanny ended it"
    told = f"{who} {_ending_of(death.code) if death is not None else 'is gone'}"
    if worker.limit and worker.memory >= _NEARLY * worker.limit:
        told += f"; it last had {worker.memory / 1e9:.1f} of its {limit} of memory"
    return told


def _ending_of(code: int) -> str:
    if code >= 0:
        return f"exited with status {code}"
    try:
        return f"was killed by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"was killed by signal {-code}"

"""What there is to see of a cluster before a run: its scheduler, its workers, what each has.

Everything is asked with a deadline, and who does not answer is a part of what was seen.
"""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from daskflow.executors.connections import connect
from daskflow.executors.handshake import Difference, Place, describe, place_of
from daskflow.executors.hub import Hub
from daskflow.executors.patience import within
from daskflow.executors.roll_call import ask_each
from daskflow.results.places import place_at, read_file
from daskflow.timing import now

if TYPE_CHECKING:
    from distributed import Client

A = TypeVar("A")

_QUESTIONS = 5  # that are asked one behind the other


class Skew(NamedTuple):
    """By how much another clock is ahead of ours."""

    seconds: float
    margin: float  # half of the time that the question took


@dataclass(frozen=True)
class Member:
    """A worker of a cluster, as its scheduler knows it, and what it told itself."""

    address: str
    name: str
    host: str
    threads: int
    memory_limit: int  # bytes; 0: none
    place: Place | Difference  # what it has, or why that is not known
    memory: int = 0  # bytes that its host has; 0: not known
    skew: Skew | None = None  # None: not known
    is_silent: bool = False  # it does not answer

    def __str__(self) -> str:
        return f"{self.address} (host {self.host})"


@dataclass(frozen=True)
class Survey:
    """A cluster as it was seen."""

    address: str  # its scheduler's, as that tells it
    seconds: float  # in which everybody had to answer
    place: Place | Difference  # of the scheduler
    saturation: float | None  # tasks for each thread that a worker is sent; None: not known
    skew: Skew | None
    members: tuple[Member, ...]


class Probe(NamedTuple):
    """A file that this process has written, for workers to read and to write beside."""

    url: str  # of the place where results are kept
    folder: str  # in it
    data: bytes


class Surveyor:
    """Asks a cluster, and waits for nobody longer than so many seconds.

    Raises
    ------
    ExecutorError
        No scheduler answers at that address.
    """

    def __init__(self, address: str, seconds: float) -> None:
        self.seconds = seconds
        self._client: Any = connect(address, seconds)

    def try_tracker(self) -> None:
        """See that the scheduler takes the tracker, or has it, as a run would.

        Raises
        ------
        ExecutorError
            It does not.
        TimeoutError
            It does not say.
        """
        told = "it says neither yes nor no to daskflow's tracker"
        within(self.seconds, lambda: Hub.of(self._client), told)

    def link(self) -> str:
        """Return the address of the dashboard; empty: there is none."""
        try:
            return within(self.seconds, lambda: self._client.dashboard_link or "")
        except KeyError:
            return ""

    def look(self) -> Survey:
        """Return what is to be seen of scheduler and workers.

        Raises
        ------
        OSError
            The scheduler does not answer any more.
        """
        return self._do(_QUESTIONS, _survey, self._client, self.seconds)

    def try_place(self, workers: Collection[str], probe: Probe) -> dict[str, Exception | None]:
        """Let workers read a file and write one beside it; return what kept each from it.

        What a worker has written is read here, for it may lie on another disk.
        """
        given = (self._client, workers, self.seconds, _try_there, probe)
        answers = self._do(1, ask_each, *given)
        return {one: _why_unseen(told, probe, self.seconds) for one, told in answers.items()}

    def _do(self, questions: int, ask: Callable[..., Awaitable[A]], *given: Any) -> A:
        """Return what is answered to so many questions, asked one behind the other."""
        seconds = (questions + 1) * self.seconds
        answer: A = within(seconds, lambda: self._client.sync(ask, *given))
        return answer


async def _survey(client: Client, seconds: float) -> Survey:
    scheduler: Any = client.scheduler
    info = await asyncio.wait_for(scheduler.identity(n_workers=-1), seconds)
    told, skew = await _ask_scheduler(client, seconds)
    workers = info["workers"]
    answers = await ask_each(client, workers, seconds, _of_worker)
    awake = [one for one in workers if not isinstance(answers[one], TimeoutError)]
    clocks = await asyncio.gather(*(_clock_of(client, one, seconds) for one in awake))
    skews = dict(zip(awake, clocks, strict=True))
    members = [_member(one, workers[one], answers[one], skews.get(one)) for one in workers]
    place, saturation = told if isinstance(told, tuple) else (told, None)
    found = (place_of(place), saturation, skew)
    return Survey(info["address"], seconds, *found, tuple(members))


async def _ask_scheduler(client: Client, seconds: float) -> tuple[Any, Skew | None]:
    """Return what the scheduler has, or what was raised instead, and its clock."""

    def ask(function: Callable[..., Any]) -> Awaitable[Any]:
        asked: Any = client.run_on_scheduler(function, asynchronous=True)
        return asyncio.wait_for(asked, seconds)

    try:
        return await ask(_of_scheduler), await _skew(lambda: ask(now))
    except TimeoutError:
        return TimeoutError(f"no answer within {seconds:g} s"), None
    except Exception as error:  # noqa: BLE001 - what cannot be asked is an answer, too
        return error, None


async def _clock_of(client: Client, worker: str, seconds: float) -> Skew | None:
    async def ask() -> Any:
        return (await ask_each(client, [worker], seconds, now))[worker]

    return await _skew(ask)


async def _skew(ask: Callable[[], Awaitable[Any]]) -> Skew | None:
    before = now()
    there = await ask()
    half = (now() - before) / 2
    return Skew(there - (before + half), half) if isinstance(there, float) else None


def _of_scheduler(dask_scheduler: Any) -> tuple[Place, float]:
    return describe(), dask_scheduler.WORKER_SATURATION


def _of_worker() -> tuple[Place, int]:
    from distributed.system import MEMORY_LIMIT  # what the host has, or its container may take

    return describe(), MEMORY_LIMIT


def _member(address: str, known: dict[str, Any], answer: Any, skew: Skew | None) -> Member:
    place, memory = answer if isinstance(answer, tuple) else (answer, 0)
    found = place_of(place)
    return Member(
        address,
        str(known["name"]),
        found.host if isinstance(found, Place) else known["host"],
        known["nthreads"],
        known["memory_limit"] or 0,
        found,
        memory,
        skew,
        is_silent=isinstance(answer, TimeoutError),
    )


def look_at_page(link: str, seconds: float) -> int:
    """Return the HTTP status with which a page answers.

    Raises
    ------
    OSError
        It does not.
    """
    url = urlsplit(link)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection

    def ask() -> int:
        connection = kind(url.hostname or "", url.port, timeout=seconds)
        try:
            connection.request("GET", url.path or "/")
            return connection.getresponse().status
        except http.client.HTTPException as error:
            raise OSError(f"no page: {error!r}") from error
        finally:
            connection.close()

    return within(seconds, ask)


async def _try_there(probe: Probe, dask_worker: Any) -> str:
    """Return the URL of what was written; not in the worker's event loop, which others need."""
    return await asyncio.to_thread(_write_beside, probe, dask_worker.address)


def _write_beside(probe: Probe, who: str) -> str:
    place = place_at(probe.url)
    if read_file(f"{place.url}/{probe.folder}/here") != probe.data:
        raise OSError("what is read there is not what was written here")
    name = "".join(letter if letter.isalnum() else "-" for letter in who)
    return place.write(f"{probe.folder}/{name}", probe.data)


def _why_unseen(answer: Any, probe: Probe, seconds: float) -> Exception | None:
    """Return why a worker's file is not there, or not to be seen from here."""
    if isinstance(answer, Exception):
        return answer
    try:
        data = within(seconds, lambda: read_file(answer), f"not read within {seconds:g} s")
    except Exception as error:  # noqa: BLE001 - whatever a storage raises is told
        return error
    return None if data == probe.data else OSError("what is read here is not what it has written")

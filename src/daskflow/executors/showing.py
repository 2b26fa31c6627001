"""Tells the Flows pages of a scheduler's dashboard of the runs of one client.

Of each run a small summary goes there when something changed, but not more often than people read.
Its history goes while somebody looks at the run, from a thread that reads what was kept of it. So
no driver is held up by a page, and nothing goes where nobody looks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Protocol

from daskflow.timing import monotonic

Told = Mapping[str, Any]
Call = Callable[..., "Future[Any] | None"]  # of the tracker, by name; None: it cannot be reached

_SUMMARY_SECONDS = 0.5  # between summaries of a run
_SHARE = 50  # times as long as a summary takes the driver does something else
_READ_SECONDS = 0.5  # between looks for more of a history
_ASK_SECONDS = 3.0  # between questions whether anybody still looks, where there is no more of it
_ANSWER_SECONDS = 30.0
_SETTLE_SECONDS = 2.0  # that the end of a run that somebody looks at may be held up
_MOST = 1_000  # so many runs can be looked at, the last ones
_log = logging.getLogger("daskflow")


class Shown(Protocol):
    """A run that people may look at."""

    @property
    def run_id(self) -> str:
        """Its id."""

    def history(self, behind: int) -> Iterator[Told]:
        """Return its history behind a version, in pieces, at least one. Called in any thread."""

    def lines(self, task: str, behind: int) -> Iterator[Told]:
        """Return what a task run has logged behind a version, in pieces, at least one.

        Each tells whether it is the last for ever.
        """


class Teller(Protocol):
    """What a driver tells people of its run by; used in its thread."""

    link: str  # address of the run's page; empty: it has none

    def tell(self, summary: Callable[[], Told], *, at_once: bool = False) -> None:
        """Tell of the run, where it is time.

        Parameters
        ----------
        summary
            What is known of it; not called where it is not time.
        at_once
            Whether it is time in any case.
        """

    def settle(self) -> None:
        """Return when who looks at the run has been told all of it, or does not listen."""


class Silent:
    """Tells nobody: there is no page."""

    link = ""

    def tell(self, summary: Callable[[], Told], *, at_once: bool = False) -> None:
        """Do nothing."""

    def settle(self) -> None:
        """Do nothing."""


class Showing:
    """What the runs of one client tell the pages.

    Parameters
    ----------
    call
        Calls the tracker.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._shown: dict[str, Shown] = {}
        self._watched: dict[str, int] = {}  # the version that is known there, by run
        self._asked: dict[str, float] = {}  # when something was told last, by run
        self._tapes: dict[str, dict[str, int]] = {}  # whose lines are wanted behind what, by run
        self._changed = threading.Condition()
        self._is_reading = False  # there is a thread that reads

    def show(self, shown: Shown, link: str) -> Teller:
        """Let people look at a run; return what tells of it."""
        with self._changed:
            self._shown[shown.run_id] = shown
            while len(self._shown) > _MOST:
                del self._shown[next(iter(self._shown))]
        return _Teller(self, shown.run_id, link)

    def look(self, run_id: str, version: int) -> None:
        """Note that somebody looks at a run whose history is known there up to a version."""
        with self._changed:
            if run_id in self._shown:
                self._watched[run_id] = version
                self._asked.pop(run_id, None)
                self._changed.notify_all()
                if not self._is_reading:
                    self._is_reading = True
                    threading.Thread(target=self._read, name="daskflow-show", daemon=True).start()

    def send(self, told: Told) -> None:
        """Tell of a run."""
        self._call("summary", told=told)

    def settle(self, run_id: str) -> None:
        """Return when all that is kept of a run is told to who looks at it."""
        due = monotonic() + _SETTLE_SECONDS
        with self._changed:
            self._changed.notify_all()
            while run_id in self._watched and monotonic() < due:
                self._changed.wait(due - monotonic())

    def _read(self) -> None:
        """Tell histories until nobody looks."""
        while True:
            with self._changed:
                if not self._watched:
                    self._is_reading = False
                    return
                watched = dict(self._watched)
            for run_id, behind in watched.items():
                version = self._told_up_to(run_id, behind)
                with self._changed:
                    self._watched[run_id] = version
                    if version < 0:
                        del self._watched[run_id]
                    self._changed.notify_all()
            with self._changed:
                if self._watched:
                    self._changed.wait(_READ_SECONDS)

    def _told_up_to(self, run_id: str, behind: int) -> int:
        """Tell what is new of a run; return the version that is known there; -1: nobody looks."""
        try:
            return self._tell(run_id, behind)
        except Exception as error:  # noqa: BLE001 - who still looks asks anew
            _log.debug("the history of run %s is not shown: %s", run_id, error)
            return -1

    def _tell(self, run_id: str, behind: int) -> int:
        for told in self._shown[run_id].history(behind):
            is_news = told["entries"] or told["graph"] or told["is_last"]
            if not is_news and monotonic() < self._asked.get(run_id, 0.0) + _ASK_SECONDS:
                break
            self._asked[run_id] = monotonic()
            answer = self._call("history", run_id=run_id, told=told)
            enough: tuple[int, dict[str, int]] = (-1, {})
            behind, self._tapes[run_id] = answer.result(_ANSWER_SECONDS) if answer else enough
            if behind < 0:
                break
        self._tell_lines(run_id)
        if behind < 0:
            self._tapes.pop(run_id, None)
        return behind

    def _tell_lines(self, run_id: str) -> None:
        """Tell what those task runs have logged that somebody looks at."""
        tapes = self._tapes.get(run_id, {})
        for task in tapes:
            for told in self._shown[run_id].lines(task, tapes[task]):
                if told["versions"] or told["is_last"]:
                    self._call("lines", run_id=run_id, told={**told, "task": task})
                    tapes[task] = max([tapes[task], *told["versions"]])


class _Teller:
    def __init__(self, showing: Showing, run_id: str, link: str) -> None:
        self.link = link
        self._showing = showing
        self._run_id = run_id
        self._due = 0.0
        self._last: Told | None = None

    def tell(self, summary: Callable[[], Told], *, at_once: bool = False) -> None:
        began = monotonic()
        if began < self._due and not at_once:
            return
        told = summary()
        if told != self._last:
            self._last = told
            self._showing.send(told)
        ended = monotonic()
        self._due = ended + max(_SUMMARY_SECONDS, _SHARE * (ended - began))

    def settle(self) -> None:
        self._showing.settle(self._run_id)


def link_to(dashboard: str, page: str) -> str:
    """Return the address of a page, which is told by its place behind the dashboard's.

    Parameters
    ----------
    dashboard
        Address of the dashboard's first page, as Dask tells it: without the prefix of its scheduler
        if that has one, and as its users reach it, maybe through a proxy.

    Examples
    --------
    >>> link_to("http://127.0.0.1:8787/status", "/flows?run=a1")
    'http://127.0.0.1:8787/flows?run=a1'
    >>> link_to("http://127.0.0.1:8787/status", "/team/flows?run=a1")
    'http://127.0.0.1:8787/team/flows?run=a1'
    >>> link_to("https://hub/user/me/proxy/8787/status", "/flows?run=a1")
    'https://hub/user/me/proxy/8787/flows?run=a1'
    """
    if not dashboard:
        return ""
    base = dashboard.removesuffix("status").rstrip("/")
    prefix = page[: page.rindex("/")]
    return base.removesuffix(prefix) + page if prefix else base + page

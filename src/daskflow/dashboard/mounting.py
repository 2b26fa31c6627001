"""The Flows pages in the dashboard of a Dask scheduler; what is needed of Dask's inside is here.

Dask makes its dashboard once, as a Bokeh application among others that answer for the scheduler's
address. Another one may be added at any time, and the entries of the navigation are a list that all
of Dask's pages read. A test pins both.

A scheduler has the pages once. Clients of several versions may tell of their runs, each by a
protocol of its own with a tracker of its own, and all runs are on the same pages.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from bokeh.application.handlers import Handler
from bokeh.server.tornado import BokehTornado
from distributed.dashboard.core import BokehApplication
from distributed.dashboard.scheduler import template_variables
from tornado.ioloop import IOLoop, PeriodicCallback

from daskflow.dashboard.live import LiveRuns
from daskflow.errors import TamperedError

if TYPE_CHECKING:
    from bokeh.application.application import SessionContext
    from bokeh.document import Document
    from distributed import Scheduler

URLS = ("/flows", "/flow-run", "/flow-task")  # of all documents; a test holds it
_ENTRY = "flows"  # in the navigation, and in the address
_PLACE = 1  # behind Status
_TEND_MILLISECONDS = 1_000  # between looks whether the trackers are there, and what is old
_NONSENSE = (TamperedError, LookupError, TypeError, ValueError)
_log = logging.getLogger("daskflow")

Look = Callable[[str, str, int], None]
_mounted: WeakKeyDictionary[Scheduler, MountedPages] = WeakKeyDictionary()


def open_pages(scheduler: Scheduler, protocol: str, look: Look) -> ToldPages | None:
    """Put the pages into a scheduler's dashboard, unless they are there; None: it has none.

    Parameters
    ----------
    protocol
        By which a tracker's clients tell of their runs.
    look
        Called, in any thread, when somebody looks at a run, which may be of another tracker's.
    """
    if scheduler not in _mounted:
        application: Any = scheduler.http_application
        main = next((a for a in application.applications if isinstance(a, BokehTornado)), None)
        if main is None:
            return None
        _mounted[scheduler] = MountedPages(scheduler, main.prefix)
    return ToldPages(_mounted[scheduler], protocol, look)


class MountedPages:
    """The pages in one scheduler's dashboard, as long as there is a tracker that brings news."""

    def __init__(self, scheduler: Scheduler, prefix: str) -> None:
        self._scheduler = scheduler
        self.looks: dict[str, Look] = {}  # of trackers, by their protocols
        self.runs = LiveRuns(self._look)
        self.link = f"{prefix}/flow-run?id={{run_id}}"
        self._variables: dict[str, Any] = template_variables(scheduler)
        made = {url: partial(self._make, url) for url in URLS}
        self._application: Any = BokehApplication(
            made, scheduler, prefix=prefix, template_variables=self._variables
        )
        for one in self._application.applications.values():
            one.application.add(_Loading())
        scheduler.http_application.add_application(self._application)
        self._application.initialize(IOLoop.current())
        self._application.start()
        self._variables["pages"].insert(_PLACE, _ENTRY)
        self._tending = PeriodicCallback(self._tend, _TEND_MILLISECONDS)
        self._tending.start()

    def _make(self, url: str, scheduler: Any, variables: Any, document: Document) -> None:
        from daskflow.dashboard.documents import documents

        documents(self.runs)[url](scheduler, variables, document)

    def _look(self, client: str, run_id: str, version: int) -> None:
        for look in list(self.looks.values()):
            look(client, run_id, version)

    def _tend(self) -> None:
        """Forget what is old, and trackers that were removed: Dask tells them nothing."""
        self.runs.sweep()
        for protocol in self.looks.keys() - self._scheduler.plugins.keys():
            self.leave(protocol)

    def leave(self, protocol: str) -> None:
        """Note that a tracker is gone; with the last one go the pages."""
        if self.looks.pop(protocol, None) is None or self.looks:
            return
        del _mounted[self._scheduler]
        self._tending.stop()
        self._variables["pages"].remove(_ENTRY)
        application: Any = self._scheduler.http_application
        application.applications.remove(self._application)
        self._application.stop()


class _Loading(Handler):  # type: ignore[misc] # Bokeh's is typed as anything
    """Loads what the pages are made of when the first one is opened, off the scheduler's loop."""

    async def on_session_created(self, session_context: SessionContext) -> None:
        """Come back when it is loaded; the document is made behind that."""
        loop, room = asyncio.get_running_loop(), "daskflow.dashboard.documents"
        await loop.run_in_executor(None, importlib.import_module, room)

    def modify_document(self, doc: Document) -> None:
        """Leave the document to its maker."""


class ToldPages:
    """The pages as one tracker has them."""

    def __init__(self, mounted: MountedPages, protocol: str, look: Look) -> None:
        self._mounted = mounted
        self._protocol = protocol
        self.runs = mounted.runs
        self.link = mounted.link
        mounted.looks[protocol] = look

    def summary(self, client: str, told: Mapping[str, Any]) -> None:
        """Take in what is known of a run now."""
        with _understood():
            self.runs.summary(client, told)

    def history(
        self, client: str, run_id: str, told: Mapping[str, Any]
    ) -> tuple[int, dict[str, int]]:
        """Take in a piece of a run's history; return what more of it is wanted."""
        with _understood():
            return self.runs.history(client, run_id, told)
        return -1, {}

    def lines(self, client: str, run_id: str, told: Mapping[str, Any]) -> None:
        """Take in what a task run has logged."""
        with _understood():
            self.runs.lines(client, run_id, told)

    def left(self, client: str) -> None:
        """Note that a client is gone."""
        self.runs.left(client)

    def close(self) -> None:
        """Take the pages away, unless another tracker has them too."""
        self._mounted.leave(self._protocol)


@contextmanager
def _understood() -> Iterator[None]:
    """Leave out what makes no sense: it is a later daskflow's."""
    try:
        yield
    except _NONSENSE as error:
        _log.debug("a client tells what is not understood: %r", error)

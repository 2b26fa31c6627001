"""The Flows pages in the dashboard of a Dask scheduler; what is needed of Dask's inside is here.

Dask makes its dashboard once, as a Bokeh application among others that answer for the scheduler's
address. Another one may be added at any time, and the entries of the navigation are a list that all
of Dask's pages read. A test pins both.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from bokeh.server.tornado import BokehTornado
from distributed.dashboard.core import BokehApplication
from distributed.dashboard.scheduler import template_variables
from tornado.ioloop import IOLoop, PeriodicCallback

from daskflow.dashboard.live import LiveRuns
from daskflow.errors import TamperedError

if TYPE_CHECKING:
    from bokeh.document import Document
    from distributed import Scheduler

_NAV_PLACE = 1  # behind Status
_TEND_MILLISECONDS = 1_000  # between looks whether the tracker is there, and what is old
_NONSENSE = (TamperedError, LookupError, TypeError, ValueError)
_log = logging.getLogger("daskflow")

Look = Callable[[str, str, int], None]
_mounted: WeakKeyDictionary[Scheduler, dict[str, MountedPages]] = WeakKeyDictionary()


def open_pages(scheduler: Scheduler, protocol: str, look: Look) -> MountedPages | None:
    """Put the pages into a scheduler's dashboard; None: it has none.

    Parameters
    ----------
    protocol
        By which clients tell of their runs. Pages of another one are left alone, and those of the
        same one, which a tracker that was removed left behind, are replaced.
    look
        Called, in any thread, when somebody looks at a run.
    """
    application: Any = scheduler.http_application
    main = next((app for app in application.applications if isinstance(app, BokehTornado)), None)
    if main is None:
        return None
    mounted = _mounted.setdefault(scheduler, {})
    if protocol in mounted:
        mounted[protocol].close()
    mounted[protocol] = MountedPages(scheduler, protocol, look, main.prefix)
    return mounted[protocol]


class MountedPages:
    """The pages in one scheduler's dashboard, and what its clients tell of their runs."""

    def __init__(self, scheduler: Scheduler, protocol: str, look: Look, prefix: str) -> None:
        self._scheduler = scheduler
        self._protocol = protocol
        self.runs = LiveRuns(look)
        self._variables: dict[str, Any] = template_variables(scheduler)
        self.entry = self._free_entry()
        self.link = f"{prefix}/{self.entry}?run={{run_id}}"
        pages = {f"/{self.entry}": partial(_runs_page, self.runs)}
        self._application: Any = BokehApplication(
            pages, scheduler, prefix=prefix, template_variables=self._variables
        )
        scheduler.http_application.add_application(self._application)
        self._application.initialize(IOLoop.current())
        self._application.start()
        self._variables["pages"].insert(_NAV_PLACE, self.entry)
        self._tending = PeriodicCallback(self._tend, _TEND_MILLISECONDS)
        self._tending.start()

    def summary(self, client: str, told: Mapping[str, Any]) -> None:
        """Take in what is known of a run now; what makes no sense is another daskflow's."""
        try:
            self.runs.summary(client, told)
        except _NONSENSE as error:
            _log.debug("a client tells what is not understood: %r", error)

    def history(self, client: str, run_id: str, told: Mapping[str, Any]) -> int:
        """Take in a piece of a run's history; return up to where it is known; -1: enough."""
        try:
            return self.runs.history(client, run_id, told)
        except _NONSENSE as error:
            _log.debug("a client tells what is not understood: %r", error)
            return -1

    def left(self, client: str) -> None:
        """Note that a client is gone."""
        self.runs.left(client)

    def _free_entry(self) -> str:
        """Return what stands in the navigation, and in addresses: the first come is ``flows``."""
        number = self._protocol.rpartition("-")[2]
        return "flows" if "flows" not in self._variables["pages"] else f"flows-{number}"

    def _tend(self) -> None:
        """Forget what is old; go with the tracker: Dask tells no plugin that it is removed."""
        if self._protocol in self._scheduler.plugins:
            self.runs.sweep()
        else:
            self.close()

    def close(self) -> None:
        """Take the pages away; calling it twice is no error."""
        application: Any = self._scheduler.http_application
        if self._application not in application.applications:
            return
        self._tending.stop()
        application.applications.remove(self._application)
        self._variables["pages"].remove(self.entry)
        self._application.stop()
        del _mounted[self._scheduler][self._protocol]


def _runs_page(
    runs: LiveRuns, scheduler: Scheduler, variables: Mapping[str, Any], document: Document
) -> None:
    from bokeh.models import ColumnDataSource
    from bokeh.models.widgets.tables import DataTable, TableColumn
    from distributed.dashboard.components.scheduler import BOKEH_THEME, env

    columns = ["flow", "name", "state", "owner", "counts"]
    source = ColumnDataSource({name: [] for name in columns})

    def update() -> None:
        rows = runs.runs()
        source.data = {
            "flow": [row.flow_name for row in rows],
            "name": [row.name for row in rows],
            "state": [str(row.state) for row in rows],
            "owner": [f"{row.user}@{row.host}" for row in rows],
            "counts": [str(dict(runs.progress(row.id)[0])) for row in rows],
        }

    update()
    document.add_periodic_callback(update, 500)
    shown = [TableColumn(field=name, title=name) for name in columns]
    document.add_root(DataTable(source=source, columns=shown, sizing_mode="stretch_both"))
    document.title = "Dask: Flows"
    document.template = env.get_template("simple.html")
    document.template_variables.update(variables)
    document.theme = BOKEH_THEME

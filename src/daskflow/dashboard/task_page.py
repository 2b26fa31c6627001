"""The page of a task run, at ``/flow-task?run=...&task=...``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bokeh.document import Document

from daskflow.dashboard.details import detail_of
from daskflow.dashboard.frames import Page, argument, markup, show
from daskflow.dashboard.markup import Html
from daskflow.dashboard.sources import Source
from daskflow.dashboard.task_rows import detail_markup
from daskflow.history.reading import find_task
from daskflow.history.watching import WatchedRun
from daskflow.timing import now


class TaskPanel:
    """One task run: why it is as it is, its states, its error, its inputs and its result."""

    def __init__(self, source: Source, doc: Document) -> None:
        self._source = source
        self._run_id, self._task = argument(doc, "run"), argument(doc, "task")
        self._run: WatchedRun | None = None
        self._key: tuple[Any, ...] = ()  # of what was seen last
        self._told = markup()
        self._page = Page(doc, self._read, self._paint, self._hear)
        doc.add_root(self._told)

    def _read(self) -> Html | None:
        if self._run is None:
            self._run = WatchedRun(self._source, self._run_id)
        run = self._run
        run.look()
        key = (run.version, run.state)
        if key == self._key:
            return None
        found = detail_of(run.read(), *find_task(run.record, self._task))
        self._key = key
        return detail_markup(run.row, run.state, found, now())

    def _paint(self, found: Html | None) -> None:
        if found is not None:
            show(self._told, found)

    def _hear(self, told: Mapping[str, Any]) -> None:
        """Nothing on this page asks for anything: what is to be seen elsewhere is a link."""

"""The page of a task run, at ``/flow-task?run=...&task=...``."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from bokeh.document import Document

from daskflow.context import run_label
from daskflow.dashboard.details import detail_of
from daskflow.dashboard.frames import Page, argument, markup, show
from daskflow.dashboard.markup import Html, join
from daskflow.dashboard.sources import Source
from daskflow.dashboard.task_rows import detail_markup, logs_markup
from daskflow.history.following import Follower
from daskflow.history.reading import find_task
from daskflow.history.watching import WatchedRun
from daskflow.lines import LogLine
from daskflow.timing import now

_LINES = 1000  # the last ones are shown


class TaskPanel:
    """One task run: why it is as it is, its states, its error, its inputs and its result."""

    def __init__(self, source: Source, doc: Document) -> None:
        self._source = source
        self._run_id, self._task = argument(doc, "run"), argument(doc, "task")
        self._run: WatchedRun | None = None
        self._logs: Follower | None = None
        self._lines: deque[LogLine] = deque(maxlen=_LINES)
        self._logged = 0  # lines that have come
        self._key: tuple[Any, ...] = ()  # of what was seen last
        self._told = markup()
        self._page = Page(doc, self._read, self._paint, self._hear)
        doc.add_root(self._told)

    def _read(self) -> Html | None:
        """Look at the run, and at its logs; nothing is made anew that is as it was."""
        if self._run is None:
            self._run = WatchedRun(self._source, self._run_id)
        run = self._run
        run.look()
        place = find_task(run.record, self._task)
        self._logs = self._logs or Follower(self._source, run.row.id, run_label(*place))
        lines = self._logs.look()
        self._lines += lines
        self._logged += len(lines)
        key = (run.version, run.state, self._logged)
        if key == self._key:
            return None
        self._key = key
        logs = logs_markup(self._lines, self._logged - len(self._lines), self._task)
        return join(detail_markup(run.row, run.state, detail_of(run.read(), *place), now()), logs)

    def _paint(self, found: Html | None) -> None:
        if found is not None:
            show(self._told, found)

    def _hear(self, told: Mapping[str, Any]) -> None:
        """Nothing on this page asks for anything: what is to be seen elsewhere is a link."""

"""The page of runs, at ``/flows``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bokeh.document import Document
from bokeh.layouts import column, row

from daskflow.dashboard.frames import Page, choice, markup, show
from daskflow.dashboard.listing import AskedRuns, Listing, RunsPage
from daskflow.dashboard.markup import Html
from daskflow.dashboard.runs_rows import runs_markup
from daskflow.dashboard.sources import Source
from daskflow.timing import now

_ALL = "all"
_STATES = ("Running", "Success", "Failed", "Crashed", "Cancelled", "Paused")


class RunsPanel:
    """The runs of a source, and filters."""

    def __init__(self, source: Source, doc: Document) -> None:
        self._asked = AskedRuns()
        self._listing = Listing(source)
        self._where = source.url
        self._table = markup()
        self._filters = {
            "flow": choice("flow", [_ALL]),
            "state": choice("state", [_ALL, *_STATES]),
            "tag": choice("tag", [_ALL]),
        }
        for name, select in self._filters.items():
            select.on_change("value", lambda _a, _o, new, name=name: self._filter(name, new))
        self._page = Page(doc, self._read, self._paint, self._hear)
        self._controls = row(*self._filters.values(), visible=False)
        doc.add_root(column(self._controls, self._table, sizing_mode="stretch_width"))

    def _read(self) -> tuple[RunsPage, Html]:
        asked, instant = self._asked, now()
        found = self._listing.look(asked, instant)
        return found, runs_markup(found, asked, self._where, instant)

    def _paint(self, found: tuple[RunsPage, Html]) -> None:
        page, text = found
        show(self._table, text)
        self._controls.visible = not page.is_empty
        offered = {"flow": page.flows, "tag": page.tags}
        for name, names in offered.items():
            options = [_ALL, *names]
            if self._filters[name].options != options:
                self._filters[name].options = options

    def _filter(self, name: str, value: str) -> None:
        wanted = "" if value == _ALL else value
        self._asked = replace(self._asked, page=0, **{name: wanted})
        self._page.look_now()

    def _hear(self, told: Mapping[str, Any]) -> None:
        if isinstance(told.get("page"), int):
            self._asked = replace(self._asked, page=max(0, told["page"]))

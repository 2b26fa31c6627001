"""Which document stands at which URL: the table that servers are made from.

The functions have the signature of those in the Dask dashboard, and so can be handed to its
`BokehApplication` as they are, beside its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from bokeh.document import Document

from daskflow.dashboard.frames import asset
from daskflow.dashboard.run_page import RunPanel
from daskflow.dashboard.runs_page import RunsPanel
from daskflow.dashboard.sources import Source
from daskflow.dashboard.task_page import TaskPanel

Make = Callable[[Any, Mapping[str, Any], Document], None]  # server, template variables, document
Panel = Callable[[Source, Document], Any]

PAGES: Mapping[str, tuple[str, Panel]] = {  # by URL: its title, and what it shows
    "/flows": ("Flows", RunsPanel),
    "/flow-run": ("Flow run", RunPanel),
    "/flow-task": ("Task run", TaskPanel),
}


@dataclass(frozen=True)
class _Page:
    """How one document is made."""

    source: Source
    template: jinja2.Template
    title: str
    panel: Panel

    def make(self, _server: Any, extra: Mapping[str, Any], doc: Document) -> None:
        doc.title = self.title
        doc.template = self.template
        doc.template_variables.update(extra)
        doc.template_variables["page_css"] = asset("page.css")
        doc.template_variables["where"] = self.source.url
        self.panel(self.source, doc)


def documents(source: Source, template: jinja2.Template | None = None) -> dict[str, Make]:
    """Return what makes the documents, by URL.

    Parameters
    ----------
    template
        Of the page around them; None: that of the Dask dashboard.
    """
    around = template or _dask_template()
    return {url: _Page(source, around, *told).make for url, told in PAGES.items()}


@cache
def _dask_template() -> jinja2.Template:
    import distributed.http

    theirs = Path(distributed.http.__file__).parent / "templates"
    ours = {"flows.html": asset("dask.html")}
    loaders = [jinja2.DictLoader(ours), jinja2.FileSystemLoader(theirs)]
    made = jinja2.Environment(loader=jinja2.ChoiceLoader(loaders))  # noqa: S701 - as theirs is
    return made.get_template("flows.html")

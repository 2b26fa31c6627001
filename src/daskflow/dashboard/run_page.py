"""The page of a run, at ``/flow-run?id=...``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bokeh.document import Document
from bokeh.layouts import column, row
from bokeh.models import InlineStyleSheet, TextInput

from daskflow.dashboard.columns import columns_of
from daskflow.dashboard.frames import Page, argument, asset, choice, markup, show
from daskflow.dashboard.graph_panel import GraphPanel
from daskflow.dashboard.grounds import COLOURS
from daskflow.dashboard.listing import expected_end, progress_in, took_earlier
from daskflow.dashboard.markup import Html, join
from daskflow.dashboard.run_rows import head_markup, parameters_markup, story_markup, table_markup
from daskflow.dashboard.signs import LOOKS, Ground
from daskflow.dashboard.sketches import Shown, Sketch, shown_boxes, sketch_of
from daskflow.dashboard.sources import Source
from daskflow.dashboard.stories import story_of
from daskflow.dashboard.tables import SORTS, Asked, page_of
from daskflow.dashboard.timeline_panel import TimelinePanel, TimelineSeen
from daskflow.errors import UnknownRunError
from daskflow.history.watching import WatchedRun
from daskflow.runtime.views import progress_of
from daskflow.settings import Settings
from daskflow.stores.history import Wanted
from daskflow.timing import now

_ALL = "all"
_EARLIER = 50  # runs of the flow among which those that succeeded are looked for


@dataclass(frozen=True)
class _Seen:
    """What one look at the run has found."""

    head: Html
    story: Html
    table: Html
    nodes: list[str]
    boxes: list[Shown]
    timeline: TimelineSeen


class RunPanel:
    """One run: how it stands, its graph, its timeline, its task runs."""

    def __init__(self, source: Source, doc: Document) -> None:
        self._source = source
        self._run_id = argument(doc, "id")
        self._shows_parameters = Settings().dashboard.show_parameters
        self._run: WatchedRun | None = None
        self._seen: _Seen | None = None
        self._key: tuple[Any, ...] = ()  # of what was seen last
        self._earlier: list[float] | None = None
        self._asked = Asked(node=argument(doc, "node"), look=argument(doc, "state"))
        self._page = Page(doc, self._read, self._paint, self._hear)
        self._ground: Ground = "light"
        self._sketch: Sketch | None = None
        self._graph: GraphPanel | None = None
        self._timeline = TimelinePanel(self._page.look_now)
        self._head, self._story, self._table = markup(), markup(), markup(css_classes=["task-runs"])
        self._node = choice("task", [_ALL], width=220)
        self._look = choice("state", [_ALL, *(look.name for look in LOOKS)])
        sides = InlineStyleSheet(css=asset("sides.css"))
        field = InlineStyleSheet(css=asset("field.css"))
        self._text = TextInput(
            title="name, worker or message",
            placeholder="a part of it, then Enter",
            width=260,
            stylesheets=[field],
        )
        for name, one in (("node", self._node), ("look", self._look), ("text", self._text)):
            one.on_change("value", lambda _a, _o, new, name=name: self._filter(name, new))
        self._controls = row(self._node, self._look, self._text)
        left = column(self._story, self._timeline.root, sizing_mode="stretch_width")
        self._beside = row(left, sizing_mode="stretch_width", stylesheets=[sides])
        parts = (self._head, self._beside, self._controls, self._table)
        self._parts = column(*parts, sizing_mode="stretch_width", visible=False)
        doc.add_root(self._parts)

    def _read(self) -> _Seen | None:
        """Look at the run; nothing is made anew that is as it was."""
        run, instant = self._opened(), now()
        run.look()
        asked = self._asked
        key = (run.version, run.state, asked, self._timeline.asked)
        is_new = self._seen is None or key != self._key
        if run.state.is_finished() and not is_new:
            return None
        progress = progress_in(run.record)
        expected = expected_end(run.row, progress, self._took_earlier(run), instant)
        head = head_markup(run.row, run.state, progress, expected, instant)
        if self._shows_parameters:
            head = join(head, parameters_markup(run.row))
        if self._seen is None or is_new:
            self._seen, self._key = self._anew(run, asked, instant), key
        self._seen = replace(self._seen, head=head)
        return self._seen

    def _opened(self) -> WatchedRun:
        if not self._run_id:
            msg = "no run is asked for: choose one on the page of flows"
            raise UnknownRunError(msg)
        if self._run is None:
            self._run = WatchedRun(self._source, self._run_id)
            references = self._run.row.graph.get("references", ())
            self._sketch = sketch_of(self._run.record.graph, self._run.flow_name, references)
        return self._run

    def _took_earlier(self, run: WatchedRun) -> list[float]:
        """Return how long the last runs of the flow took, where that tells when this one ends."""
        if run.state.is_finished():
            return []
        if self._earlier is None:
            rows = self._source.runs(Wanted(flow=run.flow_name, limit=_EARLIER))
            self._earlier = took_earlier(rows, run.flow_name)
        return self._earlier

    def _anew(self, run: WatchedRun, asked: Asked, instant: float) -> _Seen:
        columns = columns_of(run.record)
        found = page_of(run.record, columns, asked)
        boxes = shown_boxes(self._sketch, progress_of(run.record)) if self._sketch else []
        return _Seen(
            Html(""),
            story_markup(run.row.id, story_of(run.record, columns)),
            table_markup(run.row.id, found, asked, instant),
            list(run.record.nodes),
            boxes,
            self._timeline.read(run.record, columns, run.row.id),
        )

    def _paint(self, seen: _Seen | None) -> None:
        if seen is None:
            return
        show(self._head, seen.head)
        show(self._story, seen.story)
        show(self._table, seen.table)
        self._parts.visible = True
        colours = COLOURS[self._ground]
        self._timeline.paint(seen.timeline, colours)
        if self._graph is None and self._sketch is not None:
            self._graph = GraphPanel(self._sketch, self._go)
            self._graph.paint(seen.boxes, colours)
            self._beside.children = [*self._beside.children, self._graph.root]
        elif self._graph is not None:
            self._graph.paint(seen.boxes, colours)
        options = [_ALL, *seen.nodes]
        if self._node.options != options:
            self._node.options = options
            self._node.value = self._asked.node or _ALL

    def _filter(self, name: str, value: str) -> None:
        wanted = "" if value == _ALL and name != "text" else value
        self._asked = replace(self._asked, page=0, **{name: wanted})  # type: ignore[arg-type]
        self._page.look_now()

    def _go(self, node: str) -> None:
        self._node.value = node

    def _hear(self, told: Mapping[str, Any]) -> None:
        if told.get("ground") in COLOURS:
            self._ground = told["ground"]
            self._paint(self._seen)
        if isinstance(told.get("page"), int):
            self._asked = replace(self._asked, page=max(0, told["page"]))
        if told.get("sort") in SORTS:
            is_down = told.get("down") is True
            self._asked = replace(self._asked, sort=told["sort"], is_descending=is_down, page=0)

"""When task runs ran, as a figure: by worker or by task, to be zoomed, moved and hovered.

What looks alike is drawn by one renderer, whose colour and pattern are one value. As columns they
would cost a browser several seconds for each look at a thousand rectangles: it makes a pattern anew
for each of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from bokeh.layouts import column, row
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    CustomJSTickFormatter,
    FixedTicker,
    HoverTool,
    PanTool,
    PlainText,
    Range1d,
    ResetTool,
    TapTool,
    WheelZoomTool,
    ZoomInTool,
    ZoomOutTool,
)
from bokeh.plotting import figure
from numpy.typing import NDArray

from daskflow.dashboard.columns import TaskRunColumns
from daskflow.dashboard.frames import arrays, choice, markup, show
from daskflow.dashboard.grounds import Colours
from daskflow.dashboard.markup import Html, address, element
from daskflow.dashboard.signs import LOOKS
from daskflow.dashboard.timelines import By, Sight, Timeline, timeline_of, whole_sight
from daskflow.drawing.lettering import shortened
from daskflow.runtime.record import RunRecord
from daskflow.states import KINDS
from daskflow.wording import many, moment_text, span_text

_LANE, _AROUND, _LEAST = 24, 76, 130  # heights: of a lane, of what is around all, of the figure
_LABEL = 26  # letters beside a lane
_WAYS: Mapping[str, By] = {"by worker": "worker", "by task": "task"}
_COLUMNS = ("left", "right", "bottom", "top", "name", "told", "href")
_NOTHING = arrays({name: [] for name in _COLUMNS})
_TIPS = "<div style='max-width: 320px; overflow-wrap: anywhere'><b>@name</b><br>@told</div>"
_TICKS = """
const far = Math.abs(tick), rest = Math.round(far % 60 * 1000) / 1000
if (far < 60) return `${rest} s`
const two = (number) => String(Math.floor(number)).padStart(2, "0")
const hours = far >= 3600 ? `${Math.floor(far / 3600)}:` : ""
const minutes = Math.floor(far / 60) % 60
return `${hours}${hours ? two(minutes) : minutes}:${rest < 10 ? "0" : ""}${rest}`
"""
_GO = """
const [at] = source.selected.indices
source.selected.indices = []
if (at !== undefined && source.data.href[at]) location.href = source.data.href[at]
"""


@dataclass(frozen=True)
class TimelineSeen:
    """What a look at the timeline has found."""

    timeline: Timeline
    start: float  # the instant that stands at 0
    whole: Sight
    is_whole: bool  # all of it is in sight
    # Of the rectangles, by the name of their look.
    columns: dict[str, dict[str, NDArray[Any]]] = field(compare=False)


class TimelinePanel:
    """The timeline of one run.

    Parameters
    ----------
    look_now
        Called when something else is in sight.
    """

    def __init__(self, look_now: Callable[[], None]) -> None:
        self._look_now = look_now
        self._by: By = "worker"
        self._sight: Sight | None = None  # seconds since the run began; None: all of it
        self._whole: Sight = (0.0, 1.0)
        self._shown: tuple[TimelineSeen, Colours] | None = None
        self._lanes: Sequence[str] = ()
        self._ticker = FixedTicker(ticks=[])
        self._sources = {look.name: ColumnDataSource(_NOTHING) for look in LOOKS}
        self._areas: dict[str, Any] = {}  # what draws those of each look
        self._way = choice("timeline", list(_WAYS), width=140)
        self._way.on_change("value", self._turn)
        self._note = markup()
        self._plot = self._figure()
        self.root = column(row(self._way), self._plot, self._note, sizing_mode="stretch_width")

    @property
    def asked(self) -> tuple[By, Sight | None]:
        """What is in sight."""
        return self._by, self._sight

    def read(self, record: RunRecord, columns: TaskRunColumns, run_id: str) -> TimelineSeen:
        """Return what is in sight; called in another thread."""
        start, end = whole_sight(columns)
        by, sight = self.asked
        seen = (start + sight[0], start + sight[1]) if sight is not None else None
        found = timeline_of(columns, by, seen)
        told = _told(found, record, columns, run_id, start)
        return TimelineSeen(found, start, (0.0, end - start), sight is None, told)

    def paint(self, seen: TimelineSeen, colours: Colours) -> None:
        """Show what is in sight."""
        if (seen, colours) == self._shown:
            return
        self._shown = (seen, colours)
        for look, source in self._sources.items():
            found = seen.columns.get(look, _NOTHING)
            if len(found["left"]) or len(source.data["left"]):
                source.data = found
        self._label(seen.timeline.lanes)
        self._colour(colours)
        if seen.is_whole and seen.whole != self._whole:
            self._whole = seen.whole
            self._plot.x_range.update(
                start=seen.whole[0],
                end=seen.whole[1],
                reset_start=seen.whole[0],
                reset_end=seen.whole[1],
            )
        show(self._note, _note_of(seen.timeline))

    def _figure(self) -> Any:
        plot = figure(
            name="flow-timeline",
            height=_LEAST,
            min_width=460,
            sizing_mode="stretch_width",
            x_range=Range1d(*self._whole),
            y_range=Range1d(-0.5, 0.5),
            tools=[
                PanTool(dimensions="width"),
                WheelZoomTool(dimensions="width"),
                ZoomInTool(dimensions="width"),
                ZoomOutTool(dimensions="width"),
                ResetTool(),
            ],
            active_scroll=None,
            toolbar_location="above",
            outline_line_color=None,
            background_fill_color=None,
            border_fill_color=None,
        )
        plot.toolbar.logo = None
        plot.xaxis.formatter = CustomJSTickFormatter(code=_TICKS)
        plot.yaxis.ticker = self._ticker
        plot.ygrid.visible = False
        plot.axis.axis_line_color = plot.axis.minor_tick_line_color = None
        self._draw(plot)
        for name in ("start", "end"):
            plot.x_range.on_change(name, self._moved)
        return plot

    def _draw(self, plot: Any) -> None:
        """Let the figure draw the rectangles of each look, and go to one that is clicked."""
        sides = {name: name for name in ("left", "right", "top", "bottom")}
        drawn = []
        for look in LOOKS:
            source = self._sources[look.name]
            areas = plot.quad(
                **sides,
                source=source,
                line_color=None,
                hatch_pattern=look.pattern,
                hatch_color="white",
                hatch_alpha=0.7,
                hatch_scale=6,
            )
            areas.nonselection_glyph = areas.muted_glyph = None
            go = CustomJS(args={"source": source}, code=_GO)
            source.selected.js_on_change("indices", go)
            self._areas[look.name] = areas.glyph
            drawn.append(areas)
        plot.add_tools(HoverTool(renderers=drawn, tooltips=_TIPS), TapTool(renderers=drawn))

    def _label(self, lanes: Sequence[str]) -> None:
        height = max(_LEAST, _AROUND + _LANE * len(lanes))
        if self._plot.height != height:
            self._plot.height = height
        if lanes == self._lanes:
            return
        self._lanes = lanes
        self._ticker.ticks = [-number for number in range(len(lanes))]
        self._plot.y_range.update(start=0.5 - max(1, len(lanes)), end=0.5)
        self._plot.yaxis[0].major_label_overrides = {
            -at: _label(name) for at, name in enumerate(lanes)
        }

    def _colour(self, colours: Colours) -> None:
        for look, areas in self._areas.items():
            areas.fill_color = colours.looks[look]
        for axis in self._plot.axis:
            axis.major_label_text_color = colours.pale
            axis.major_tick_line_color = colours.line
        self._plot.xgrid.grid_line_color = colours.line
        self._plot.xgrid.grid_line_alpha = 0.3

    def _turn(self, _attribute: str, _old: str, new: str) -> None:
        self._by = _WAYS.get(new, "worker")
        self._look_now()

    def _moved(self, _attribute: str, _old: float, _new: float) -> None:
        at = self._plot.x_range
        sight = (float(at.start), float(at.end))
        self._sight = None if sight == self._whole or sight[0] >= sight[1] else sight
        self._look_now()


def _label(name: str) -> Any:
    """Return the label of a lane; as plain text where Bokeh could take it for a formula."""
    text = shortened(name, _LABEL)
    return PlainText(text=text) if "$" in text or "\\" in text else text


def _told(
    found: Timeline, record: RunRecord, columns: TaskRunColumns, run_id: str, start: float
) -> dict[str, dict[str, NDArray[Any]]]:
    """Return the columns that are drawn, and what is told under the mouse, by look."""
    of_looks = {}
    for number in np.unique(found.bars.look).tolist():
        bars = found.bars[found.bars.look == number]
        if found.is_each:
            names = [columns.label(record, row) for row in bars.row.tolist()]
            told = [_told_of_one(columns, row, start) for row in bars.row.tolist()]
            links = [str(address("flow-task", run=run_id, task=name)) for name in names]
        else:
            lanes = np.round(-(bars.bottom + bars.top) / 2).astype(int)
            names = [found.lanes[lane] for lane in lanes.tolist()]
            shares = zip(bars.row.tolist(), bars.share.tolist(), strict=True)
            told = [_told_of_share(number, began, busy) for began, busy in shares]
            links = [""] * len(names)
        sides = {"left": bars.left - start, "right": bars.right - start}
        sides |= {"bottom": bars.bottom, "top": bars.top}
        of_looks[LOOKS[number].name] = arrays(sides | {"name": names, "told": told, "href": links})
    return of_looks


def _told_of_one(columns: TaskRunColumns, row: int, beside: float) -> str:
    kind, took = KINDS[int(columns.code[row])].__name__, float(columns.took[row])
    if math.isnan(took):
        return f"{kind} since {moment_text(float(columns.started[row]), beside)}"
    return f"{kind}, {span_text(took)}"


def _told_of_share(look: int, began: int, busy: float) -> str:
    return f"{LOOKS[look].name}: {many(began, 'task run')} began here, {busy:.0%} busy"


def _note_of(found: Timeline) -> Html:
    told = []
    if not len(found.bars):
        told.append("Nothing has ended here yet.")
    elif not found.is_each:
        told.append("Many ran here: how busy each lane was. Zoom in to see each one.")
    if found.hidden:
        told.append(f"{many(found.hidden, 'lane')} more there is no room for.")
    return element("p", " ".join(told), class_="pale") if told else Html("")

"""The graph of a run as a figure: to be zoomed, moved, hovered and clicked.

The patterns of boxes are drawn by a renderer for each look, for where patterns are a column a
browser makes one anew for each box.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    GlyphRenderer,
    HoverTool,
    PanTool,
    Range1d,
    ResetTool,
    TapTool,
    WheelZoomTool,
    ZoomInTool,
    ZoomOutTool,
)
from bokeh.plotting import figure

from daskflow.dashboard.frames import arrays, asset
from daskflow.dashboard.grounds import COLOURS, Colours
from daskflow.dashboard.signs import LOOKS
from daskflow.dashboard.sketches import (
    DASHES,
    NAME,
    SMALL,
    Shown,
    Sketch,
    curve_of,
    head_of,
    labels_of,
)

_LARGEST = 1.1  # how many times larger than it is drawn a graph may become
_TALLEST, _LEAST = 860.0, 120.0  # heights of the figure
_MARGIN = 14.0
_BAR = 5.0  # the height of a box's bar
_FONT = "DejaVu Sans Mono, Menlo, Consolas, monospace"
_LOOKS = {look.name: look for look in LOOKS}
_PALE = 0.16  # how much of its colour a box is filled with
_TIPS = "<div style='max-width: 320px; overflow-wrap: anywhere'><b>@name</b> @more<br>@told</div>"


class GraphPanel:
    """The graph of one run.

    Parameters
    ----------
    go
        Is told the node that was clicked.
    """

    def __init__(self, sketch: Sketch, go: Callable[[str], None]) -> None:
        self._sketch, self._go = sketch, go
        self._boxes = ColumnDataSource(_columns_of((), COLOURS["light"]))
        self._bars = ColumnDataSource(_bars_of((), COLOURS["light"]))
        patterns = {
            look.name: ColumnDataSource(_sides_of(())) for look in LOOKS if look.has_pattern
        }
        self._patterns = patterns
        self._patterned: dict[str, Any] = {}  # what draws them
        self._texts: list[tuple[GlyphRenderer[Any], float, str]] = []
        self._lines: list[GlyphRenderer[Any]] = []
        self._shown: Sequence[Shown] = ()
        self._colours = COLOURS["light"]
        self.root = self._figure()
        self._draw_frames()
        self._draw_lines()
        self._draw_boxes()
        self._fit()
        self.paint((), self._colours)

    def paint(self, boxes: Sequence[Shown], colours: Colours) -> None:
        """Show boxes as they look now."""
        if boxes == self._shown and colours is self._colours and boxes:
            return
        self._shown, self._colours = boxes, colours
        self._boxes.data = arrays(_columns_of(boxes, colours))
        self._bars.data = arrays(_bars_of(boxes, colours))
        for look, source in self._patterns.items():
            alike = [box for box in boxes if box.look == look]
            if alike or len(source.data["left"]):
                source.data = arrays(_sides_of(alike))
            self._patterned[look].hatch_color = colours.looks[look]
        for renderer, _, colour in self._texts:
            renderer.glyph.text_color = getattr(colours, colour)
        for renderer in self._lines:
            renderer.glyph.line_color = colours.line
        self._heads.glyph.fill_color = self._heads.glyph.line_color = colours.line
        self._frames.glyph.fill_color, self._frames.glyph.line_color = colours.frame, colours.line

    def _figure(self) -> Any:
        layout = self._sketch.layout
        height = round(min(_TALLEST, max(_LEAST, layout.height * 0.86 + 60)))
        plot = figure(
            name="flow-graph",
            css_classes=["flow-graph"],
            height=height,
            min_width=460,
            sizing_mode="stretch_width",
            x_range=Range1d(-_MARGIN, layout.width + _MARGIN),
            y_range=Range1d(layout.height + _MARGIN, -_MARGIN),
            tools=[PanTool(), WheelZoomTool(), ZoomInTool(), ZoomOutTool(), ResetTool()],
            active_scroll=None,  # a wheel turns the page, until somebody chooses this tool
            toolbar_location="above",
            outline_line_color=None,
            min_border=0,
            background_fill_color=None,
            border_fill_color=None,
        )
        plot.toolbar.logo = None
        plot.axis.visible = False
        plot.grid.visible = False
        return plot

    def _draw_frames(self) -> None:
        layout, groups = self._sketch.layout, self._sketch.picture.groups
        rects = [layout.frames[group.key] for group in groups]
        self._frames = self.root.quad(
            left=[rect.x for rect in rects],
            right=[rect.x + rect.width for rect in rects],
            top=[rect.y for rect in rects],
            bottom=[rect.y + rect.height for rect in rects],
        )
        titles = list(labels_of(self._sketch))
        source = ColumnDataSource(
            {
                "x": [p[0] for p, _ in titles],
                "y": [p[1] for p, _ in titles],
                "text": [t for _, t in titles],
            }
        )
        self._write(("x", "y", "text"), source, SMALL, colour="pale", text_align="left")

    def _draw_lines(self) -> None:
        routes = self._sketch.layout.routes
        for kind, dash in DASHES.items():
            curves = [curve_of(route) for route in routes if route.kind is kind]
            if not curves:
                continue
            xs, ys = [x for x, _ in curves], [y for _, y in curves]
            self._lines.append(self.root.multi_line(xs, ys, line_dash=dash, line_width=1.3))
        heads = [head_of(route) for route in routes if route.arrow is not None]
        self._heads = self.root.patches([x for x, _ in heads], [y for _, y in heads])

    def _draw_boxes(self) -> None:
        sides = {"left": "left", "right": "right", "top": "top", "bottom": "bottom"}
        drawn = self.root.quad(
            **sides,
            source=self._boxes,
            fill_color="fill",
            fill_alpha="alpha",
            line_color="edge",
            line_width="border",
        )
        drawn.nonselection_glyph = None  # a box that is clicked looks as before
        for look, source in self._patterns.items():
            pattern = {"hatch_pattern": _LOOKS[look].pattern, "hatch_alpha": 0.18}
            areas = self.root.quad(
                **sides, source=source, fill_color=None, line_color=None, **pattern
            )
            self._patterned[look] = areas.glyph
        self.root.quad(**sides, source=self._bars, color="colour", line_color=None)
        bold = {"text_font_style": "bold"}
        self._write(("middle", "name_y", "name"), self._boxes, NAME, colour="ink", **bold)
        self._write(("middle", "more_y", "more"), self._boxes, SMALL, colour="pale")
        self._write(("middle", "states_y", "states"), self._boxes, SMALL, colour="ink")
        self.root.add_tools(
            HoverTool(renderers=[drawn], tooltips=_TIPS), TapTool(renderers=[drawn])
        )
        self._boxes.selected.on_change("indices", self._clicked)

    def _write(
        self, names: tuple[str, str, str], source: ColumnDataSource, size: float, **look: str
    ) -> None:
        """Write texts: the columns of their places and of themselves; a colour by its name."""
        colour = look.pop("colour")
        look = {"text_align": "center", "text_baseline": "middle"} | look
        drawn = self.root.text(
            *names,
            source=source,
            text_font={"value": _FONT},
            text_font_size=f"{size}px",
            **look,
        )
        self._texts.append((drawn, size, colour))

    def _fit(self) -> None:
        layout = self._sketch.layout
        texts = [(renderer.glyph, size) for renderer, size, _ in self._texts]
        arguments = {
            "plot": self.root,
            "texts": texts,
            "width": layout.width + 2 * _MARGIN,
            "height": layout.height + 2 * _MARGIN,
            "margin": _MARGIN,
            "largest": _LARGEST,
        }
        fit = CustomJS(args=arguments, code=asset("fit.js"))
        for one, properties in (
            (self.root, ("inner_width", "inner_height")),
            (self.root.x_range, ("start", "end")),
        ):
            for name in properties:
                one.js_on_change(name, fit)

    def _clicked(self, _attribute: str, _old: list[int], new: list[int]) -> None:
        if new:
            self._boxes.selected.indices = []
            node = self._shown[new[0]].node if new[0] < len(self._shown) else ""
            if node:
                self._go(node)


def _sides_of(boxes: Sequence[Shown]) -> dict[str, list[Any]]:
    rects = [box.rect for box in boxes]
    return {
        "left": [rect.x for rect in rects],
        "right": [rect.x + rect.width for rect in rects],
        "top": [rect.y for rect in rects],
        "bottom": [rect.y + rect.height for rect in rects],
    }


def _columns_of(boxes: Sequence[Shown], colours: Colours) -> dict[str, list[Any]]:
    rects = [box.rect for box in boxes]
    looks = [_LOOKS[box.look] for box in boxes]
    return _sides_of(boxes) | {
        "middle": [rect.x + rect.width / 2 for rect in rects],
        "name_y": [rect.y + 13 for rect in rects],
        "more_y": [rect.y + 26 for rect in rects],
        "states_y": [rect.y + rect.height - 17 for rect in rects],
        "name": [box.name for box in boxes],
        "more": [box.more for box in boxes],
        "states": [box.states for box in boxes],
        "told": [box.told for box in boxes],
        "fill": [colours.looks[look.name] for look in looks],
        "edge": [colours.looks[look.name] for look in looks],
        "alpha": [_PALE if look.name != "waiting" else _PALE / 2 for look in looks],
        "border": [2.4 if box.is_reference else 1.2 for box in boxes],
    }


def _bars_of(boxes: Sequence[Shown], colours: Colours) -> dict[str, list[Any]]:
    """Return the pieces of the bars at the feet of boxes."""
    found: dict[str, list[Any]] = {
        name: [] for name in ("left", "right", "top", "bottom", "colour")
    }
    for box in boxes:
        left, width = box.rect.x + 6, box.rect.width - 12
        bottom = box.rect.y + box.rect.height - 4
        for look, share in box.shares:
            found["left"].append(left)
            left += share * width
            found["right"].append(left)
            found["top"].append(bottom - _BAR)
            found["bottom"].append(bottom)
            found["colour"].append(colours.looks[look])
    return found

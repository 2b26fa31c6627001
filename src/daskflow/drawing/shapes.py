"""SVG elements: boxes, lines, letters. Only attributes: styles and ids would leave the drawing."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import pairwise

from daskflow.drawing.forms import plain
from daskflow.drawing.geometry import Point, Rect
from daskflow.drawing.lettering import shortened
from daskflow.drawing.picture import ArrowKind, Box, BoxKind

FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
GROUND, INK, PALE = "#ffffff", "#1f2d3d", "#56657a"
FRAME = "#f3f5f7"
NAME, SMALL = 12.0, 10.0  # sizes of letters
STACK = 3.0  # from sheet to sheet of what has many task runs
_LINE, _FRAME_LINE = "#4a5b6c", "#9aa5b1"
_FILLS = {BoxKind.TASK: "#e8f1fb", BoxKind.PARAMETER: "#fff4d6", BoxKind.GROUP: "#e6e9ed"}
_STROKES = {BoxKind.TASK: "#3a6ea5", BoxKind.PARAMETER: "#b58a1b", BoxKind.GROUP: "#68727d"}
_REFERENCE = "#1d6b3a"
LETTERS = 44  # the most in a line of a box
_HEAD = 8.0  # the length of an arrow's head
_LEADING = 14.0  # from line to line


def number(value: float) -> str:
    """Return a coordinate, with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")


def element(tag: str, content: str = "", /, **attributes: str | float) -> str:
    """Return an element; in the names of attributes ``_`` stands for ``-``.

    Examples
    --------
    >>> element("text", "a &lt; b", x=1.0, font_size=10)
    '<text x="1" font-size="10">a &lt; b</text>'
    """
    told = "".join(
        f' {name.replace("_", "-")}="{number(value) if isinstance(value, int | float) else value}"'
        for name, value in attributes.items()
    )
    return f"<{tag}{told}>{content}</{tag}>" if content else f"<{tag}{told}/>"


def escaped(text: str) -> str:
    """Return a text so that it can stand anywhere in an XML file."""
    return escape(plain(text))


def titled(title: str, *content: str) -> str:
    """Return elements that tell something when the mouse is over them."""
    lines = "\n".join(escaped(line) for line in title.splitlines())
    return f"<g><title>{lines}</title>{''.join(content)}</g>"


def letters(text: str, x: float, y: float, *, anchor: str = "middle", **more: str | float) -> str:
    """Return one line of text; `y` is its middle."""
    size = more.setdefault("font_size", SMALL)
    baseline = y + float(size) * 0.35
    return element("text", escaped(text), x=x, y=baseline, text_anchor=anchor, **more)


def haloed(text: str, x: float, y: float, *, ground: str, anchor: str = "middle") -> str:
    """Return one line of text that lines behind it do not cross out."""
    halo: dict[str, str | float] = {"stroke": ground, "stroke_width": 4, "paint_order": "stroke"}
    return letters(text, x, y, anchor=anchor, fill=PALE, stroke_linejoin="round", **halo)


def box_shape(box: Box, rect: Rect) -> str:
    """Return a box with what is written in it; of many task runs as a stack of sheets."""
    return empty_box(box, rect) + "".join(_lines_in(box, _front(box, rect)))


def _front(box: Box, rect: Rect) -> Rect:
    """Return the sheet in front, which leaves the others to be seen above and at the right."""
    depth = 2 * STACK if box.depth else 0.0
    return Rect(rect.x, rect.y + depth, rect.width - depth, rect.height - depth)


def empty_box(box: Box, rect: Rect) -> str:
    """Return a box in which nothing is written."""
    front = _front(box, rect)
    look: dict[str, str | float] = {
        "rx": front.height / 2 if box.kind is BoxKind.PARAMETER else 5,
        "fill": _FILLS[box.kind],
        "stroke": _REFERENCE if box.is_reference else _STROKES[box.kind],
        "stroke_width": 2.4 if box.is_reference else 1.2,
    }
    shapes = []
    for sheet in range(2 if box.depth else 0, -1, -1):
        x, y = front.x + sheet * STACK, front.y - sheet * STACK
        size = {"width": front.width, "height": front.height}
        shapes.append(element("rect", x=x, y=y, **size, **look))
    return "".join(shapes)


def lines_of(box: Box) -> list[str]:
    """Return what is written in a box, no line longer than a box may be wide."""
    return [shortened(line, LETTERS) for line in box.lines]


def _lines_in(box: Box, front: Rect) -> Iterable[str]:
    middle = front.x + front.width / 2
    lines = lines_of(box)
    y = front.y + (front.height - _LEADING * (len(lines) - 1)) / 2
    for line, text in enumerate(lines):
        is_name = line == 0
        look = {"font_size": NAME, "font_weight": "600"} if is_name else {"font_size": SMALL}
        colour = INK if is_name else PALE
        yield letters(text, middle, y + line * _LEADING, fill=colour, **look)


def frame_shape(rect: Rect, *, is_mapped: bool) -> str:
    """Return the frame of a group; of a mapped one as a stack of sheets."""
    look: dict[str, str | float] = {"rx": 8, "fill": FRAME, "stroke": _FRAME_LINE}
    size = {"width": rect.width, "height": rect.height}
    sheets = range(2 if is_mapped else 0, -1, -1)
    moved = [(rect.x + sheet * STACK, rect.y - sheet * STACK) for sheet in sheets]
    return "".join(element("rect", x=x, y=y, **size, **look) for x, y in moved)


def line_shape(points: tuple[Point, ...], kind: ArrowKind, *, has_head: bool) -> str:
    """Return a line from point to point, straight where it is upright and else curved."""
    x, y = points[-1]
    path = _path([*points[:-1], (x, y - _HEAD / 2)] if has_head else points)
    look: dict[str, str | float] = {"fill": "none", "stroke": _LINE, "stroke_width": 1.3}
    if kind is ArrowKind.WAIT:
        look["stroke_dasharray"] = "5 4"
    if kind is ArrowKind.GATE:
        look["stroke_dasharray"] = "1.5 3"
    if kind is ArrowKind.EACH:
        look["stroke_width"] = 4
    shapes = [element("path", d=path, **look)]
    if kind is ArrowKind.EACH:
        shapes.append(element("path", d=path, fill="none", stroke=GROUND, stroke_width=1.6))
    if has_head:
        corners = [(x, y), (x - _HEAD / 2, y - _HEAD), (x + _HEAD / 2, y - _HEAD)]
        told = " ".join(f"{number(left)},{number(top)}" for left, top in corners)
        shapes.append(element("polygon", points=told, fill=_LINE))
    return "".join(shapes)


def _path(points: Iterable[Point]) -> str:
    told = ""
    for (x, y), (right, below) in pairwise(points):
        told = told or f"M{number(x)} {number(y)}"
        if x == right:
            told += f"V{number(below)}"
        else:
            middle = number((y + below) / 2)
            told += (
                f"C{number(x)} {middle} {number(right)} {middle} {number(right)} {number(below)}"
            )
    return told

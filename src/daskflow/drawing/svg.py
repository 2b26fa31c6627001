"""A picture as SVG that needs nothing else: no style sheet, no script, no font of its own.

It has a light ground, so it reads on a dark page as well, and no ids or classes, so that many of
them may stand in one page. What is under the mouse is told in full.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from daskflow.drawing.collapse import collapsed
from daskflow.drawing.geometry import Layout, Point, Rect, Route, Size
from daskflow.drawing.grouping import TOP
from daskflow.drawing.layout import lay_out
from daskflow.drawing.legend import legend_of
from daskflow.drawing.lettering import Room, shortened, text_width
from daskflow.drawing.picture import Arrow, ArrowKind, Box, BoxKind, Group, Picture
from daskflow.drawing.shapes import (
    FONT,
    FRAME,
    GROUND,
    INK,
    NAME,
    PALE,
    SMALL,
    STACK,
    box_shape,
    element,
    escaped,
    frame_shape,
    haloed,
    letters,
    line_shape,
    lines_of,
    titled,
)

MOST_BOXES = 500  # a larger picture is collapsed
_MARGIN = 20.0  # around everything
_HEADING = 34.0  # the height of the flow's name
_NARROWEST = 420.0  # so that the legend has room
_LABEL_LETTERS, _TITLE_LETTERS = 24, 64  # the most beside an arrow, and in a group's title


def to_svg(picture: Picture, most_boxes: int = MOST_BOXES) -> str:
    """Return a picture as a standalone SVG document.

    Mapped nodes are drawn as stacks, what goes along element by element as a double line. With
    more boxes than `most_boxes` sub-flows are drawn as one box each, and the drawing says so.

    Examples
    --------
    >>> from daskflow import flow, task
    >>> from daskflow.drawing.picture import picture_of
    >>> @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> @flow
    ... def doubled(xs: list[int]):
    ...     return double.map(xs)
    >>> to_svg(picture_of(doubled.definition()))
    '<svg xmlns="http://www.w3.org/2000/svg" ...</svg>'
    """
    picture = collapsed(picture, most_boxes)
    layout = lay_out(picture, _size_of, _title_width)
    legend, legend_width, legend_height = legend_of(picture, max(layout.width, _NARROWEST))
    note_width = text_width(picture.note, SMALL)
    name_width = text_width(picture.name, NAME + 2)
    inner = max(layout.width, legend_width, note_width, name_width)
    top = _MARGIN + _HEADING + (16.0 if picture.note else 0.0)
    width = inner + 2 * _MARGIN
    height = top + layout.height + _MARGIN + legend_height + _MARGIN / 2
    parts = [
        element("rect", width=width, height=height, rx=8, fill=GROUND),
        letters(picture.name, _MARGIN, _MARGIN + 8, anchor="start", **_HEADING_LOOK),
        letters(picture.note, _MARGIN, _MARGIN + 28, anchor="start", fill=PALE)
        if picture.note
        else "",
        _moved("".join(_drawn(picture, layout)), _MARGIN + (inner - layout.width) / 2, top),
        _moved(legend, _MARGIN, top + layout.height + _MARGIN),
    ]
    return element(
        "svg",
        f"<title>flow {escaped(picture.name)}</title>\n" + "\n".join(filter(None, parts)) + "\n",
        xmlns="http://www.w3.org/2000/svg",
        width=width,
        height=height,
        viewBox=f"0 0 {width:.1f} {height:.1f}",
        role="img",
        font_family=FONT,
    )


_HEADING_LOOK: dict[str, str | float] = {"font_size": NAME + 2, "font_weight": "600", "fill": INK}


def _moved(content: str, x: float, y: float) -> str:
    return element("g", content, transform=f"translate({x:.1f} {y:.1f})")


def _size_of(box: Box) -> Size:
    name, *others = lines_of(box)
    widths = [text_width(name, NAME), *(text_width(line, SMALL) for line in others)]
    stack = 2 * STACK if box.depth else 0.0
    return max(56.0, max(widths) + 22.0) + stack, 28.0 + 14.0 * len(others) + stack


def _title_width(group: Group) -> float:
    return text_width(shortened(group.title, _TITLE_LETTERS), SMALL)


def _drawn(picture: Picture, layout: Layout) -> Iterator[str]:
    """Draw from behind to the front: frames, lines, boxes, and the words beside them."""
    room = Room()
    boxes = {box.key: box for box in picture.boxes}
    titles = []
    for group in picture.groups:
        rect = layout.frames[group.key]
        title = shortened(group.title, _TITLE_LETTERS)
        room.take(Rect(rect.x + 8, rect.y + 4, text_width(title, SMALL), SMALL + 4))
        yield titled(group.title, frame_shape(rect, is_mapped=bool(group.over)))
        titles.append(haloed(title, rect.x + 12, rect.y + 12, ground=FRAME, anchor="start"))
    for route in layout.routes:
        line = line_shape(route.points, route.kind, has_head=route.arrow is not None)
        start = boxes[route.start].label
        yield titled(_told(route.arrow, boxes) if route.arrow else f"from {start}", line)
    for box in picture.boxes:
        yield titled(_full(box), box_shape(box, layout.boxes[box.key]))
    for route in layout.routes:
        is_framed = route.arrow is not None and boxes[route.arrow.end].group != TOP
        yield _label(route, room, FRAME if is_framed else GROUND)
    yield from titles


def _full(box: Box) -> str:
    if box.kind is BoxKind.GROUP:
        over = [f"for each {text}" for _, text in box.gets]
        return "\n".join([box.label, *box.lines[1:], *over])
    return f"{box.label} = {box.call}" if box.task else box.label


_ALONG = {
    ArrowKind.VALUE: "",
    ArrowKind.EACH: ", element by element",
    ArrowKind.ALL: ", the list of all results",
    ArrowKind.WAIT: "only waited for",
    ArrowKind.GATE: "the case that it is in",
}


def _told(arrow: Arrow, boxes: Mapping[str, Box]) -> str:
    names = ", ".join(arrow.arguments)
    flat = " of all values" if arrow.is_flat else ""
    ends = f"{boxes[arrow.start].label} → {boxes[arrow.end].label}"
    return f"{ends}\n{names}{_ALONG[arrow.kind]}{flat}"


def _label(route: Route, room: Room, ground: str) -> str:
    """Return the label of an arrow, beside the curve on which it ends; empty where it has none."""
    text = shortened(route.arrow.label, _LABEL_LETTERS) if route.arrow else ""
    rect = room.beside(*_last_gap(route), text_width(text, SMALL), SMALL) if text else None
    if rect is None:  # no text, or no room: it is told under the mouse
        return ""
    return haloed(text, rect.x + rect.width / 2, rect.y + rect.height / 2, ground=ground)


def _last_gap(route: Route) -> tuple[Point, Point]:
    """Return the ends of the piece between the last two layers; below it may be an upright one."""
    pieces = list(pairwise(route.points))[-2:]
    return max(pieces, key=lambda piece: (piece[0][0] != piece[1][0], piece[1][1] - piece[0][1]))

"""What the shapes of a drawing mean: those that occur in it, in lines below it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from daskflow.drawing.geometry import Rect
from daskflow.drawing.lettering import text_width
from daskflow.drawing.picture import ArrowKind, Box, BoxKind, Picture
from daskflow.drawing.shapes import PALE, SMALL, element, empty_box, letters, line_shape

_LINE = 20.0  # the height of a line
_SAMPLE = Rect(0.0, 2.0, 26.0, 14.0)
_BETWEEN = 22.0  # from one entry to the next

_ARROWS = {
    ArrowKind.VALUE: "a value",
    ArrowKind.EACH: "element by element",
    ArrowKind.ALL: "",  # its label says it
    ArrowKind.WAIT: "only waited for",
    ArrowKind.GATE: "in this case only",
}


def legend_of(picture: Picture, width: float) -> tuple[str, float, float]:
    """Return the legend as SVG with its upper left corner at (0, 0), its width and its height.

    Parameters
    ----------
    width
        After which a line is broken.
    """
    x = y = widest = 0.0
    shown = []
    for draw, text in _entries(picture):
        taken = _SAMPLE.width + 6 + text_width(text, SMALL)
        if x and x + taken > width:
            x, y = 0.0, y + _LINE
        middle = y + _SAMPLE.y + _SAMPLE.height / 2
        words = letters(text, x + _SAMPLE.width + 6, middle, anchor="start", fill=PALE)
        shown += [draw(_SAMPLE.moved(x, y)), words]
        widest = max(widest, x + taken)
        x += taken + _BETWEEN
    return "".join(shown), widest, y + _LINE if shown else 0.0


def _entries(picture: Picture) -> Iterator[tuple[Callable[[Rect], str], str]]:
    tasks = [box for box in picture.boxes if box.kind is not BoxKind.PARAMETER]
    if len(tasks) < len(picture.boxes):
        yield _box_like(Box("", "", BoxKind.PARAMETER)), "a parameter"
    if any(box.depth for box in tasks):
        yield _box_like(Box("", "", depth=1)), "a task run for each element"
    if any(box.is_reference for box in tasks):
        yield _box_like(Box("", "", is_reference=True)), "decides how the flow ends"
    kinds = {arrow.kind for arrow in picture.arrows}
    for kind, text in _ARROWS.items():
        if kind in kinds and text:
            yield _line_like(kind), text


def _box_like(box: Box) -> Callable[[Rect], str]:
    return partial(empty_box, box)


def _line_like(kind: ArrowKind) -> Callable[[Rect], str]:
    def draw(rect: Rect) -> str:
        line = line_shape(((0.0, 0.0), (0.0, rect.width)), kind, has_head=True)
        place = f"translate({rect.x:.1f} {rect.y + rect.height / 2:.1f}) rotate(-90)"
        return element("g", line, transform=place)  # lines go down, here they lie

    return draw

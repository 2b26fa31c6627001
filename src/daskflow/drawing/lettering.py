"""Texts in a drawing: how wide they are, and where those beside lines find room."""

from __future__ import annotations

from collections.abc import Iterator
from unicodedata import combining, east_asian_width

from daskflow.drawing.forms import plain
from daskflow.drawing.geometry import Point, Rect

_LETTER = 0.605  # the width of a letter in a font of equal widths, by its size
_ALONG = (0.6, 0.45, 0.75, 0.3)  # where along a line a label may stand, the best first
_CELL = 6.0  # the side of the squares in which taken room is counted


def text_width(text: str, size: float) -> float:
    """Return how wide a text is in a font whose letters are equally wide.

    Examples
    --------
    >>> round(text_width("clean", 10)), round(text_width("清洁", 10))
    (30, 24)
    """
    letters = sum(1 + (east_asian_width(c) in "WF") for c in text if not combining(c))
    return letters * size * _LETTER


def shortened(text: str, most: int) -> str:
    """Return a text in printable characters, cut where it has too many.

    Examples
    --------
    >>> shortened("a_rather_long_name", 8)
    'a_rathe…'
    """
    text = plain(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


class Room:
    """Room for labels: what is taken is given to no other.

    Examples
    --------
    >>> room = Room()
    >>> room.take(Rect(0, 0, 10, 10)), room.take(Rect(5, 5, 10, 10)), room.take(Rect(30, 0, 9, 9))
    (True, False, True)
    """

    def __init__(self) -> None:
        self._taken: set[tuple[int, int]] = set()

    def take(self, rect: Rect) -> bool:
        """Take a rectangle; return whether it was free."""
        cells = set(_cells(rect))
        if self._taken & cells:
            return False
        self._taken |= cells
        return True

    def beside(self, start: Point, end: Point, width: float, height: float) -> Rect | None:
        """Take room for a label on a curve, and return it; None where there is none."""
        for along in _ALONG:
            x, y = on_curve(start, end, along)
            rect = Rect(x - width / 2, y - height / 2, width, height)
            if self.take(rect):
                return rect
        return None


def _cells(rect: Rect) -> Iterator[tuple[int, int]]:
    for column in range(int(rect.x // _CELL), int((rect.x + rect.width) // _CELL) + 1):
        for row in range(int(rect.y // _CELL), int((rect.y + rect.height) // _CELL) + 1):
            yield column, row


def on_curve(start: Point, end: Point, along: float) -> Point:
    """Return a point on the curve between two points that is upright at both, from 0.0 to 1.0."""
    rest = 1 - along
    near, far = rest * rest * (1 + 2 * along), along * along * (3 - 2 * along)
    middle = (start[1] + end[1]) / 2
    y = rest**3 * start[1] + 3 * along * rest * middle + along**3 * end[1]
    return near * start[0] + far * end[0], y

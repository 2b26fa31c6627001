"""What layouts are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from daskflow.drawing.picture import Arrow, ArrowKind

Size = tuple[float, float]  # width and height
Point = tuple[float, float]


class Rect(NamedTuple):
    """A rectangle."""

    x: float  # its left edge
    y: float  # its upper edge
    width: float
    height: float

    def moved(self, x: float, y: float) -> Rect:
        """Return it somewhere else."""
        return Rect(self.x + x, self.y + y, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Route:
    """A line: upright pieces between points of one x, and curves between the others."""

    start: str  # key of the box that it comes from
    kind: ArrowKind
    points: tuple[Point, ...]
    arrow: Arrow | None = None  # that ends here, at a box; None: a trunk others branch off from

    def moved(self, x: float, y: float) -> Route:
        """Return it somewhere else."""
        return replace(self, points=tuple((left + x, top + y) for left, top in self.points))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything in a picture stands."""

    width: float
    height: float
    boxes: Mapping[str, Rect]  # by key
    frames: Mapping[str, Rect]  # of groups, by key, each behind the one around it
    routes: tuple[Route, ...]

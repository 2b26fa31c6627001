"""A sheet on its way to be laid out: layers, places and edges.

Places are numbered: first the units of the sheet, then where lines pass through layers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from daskflow.drawing.geometry import Rect, Route, Size
from daskflow.drawing.layers import Layers, Link, layer_numbers
from daskflow.drawing.picture import Arrow
from daskflow.drawing.sheets import Bundle, Port, Sheet

_BESIDE_BOX, _BESIDE_LINE = 30.0, 16.0  # what stays free at the sides
_GAP, _WIDEST_GAP = 40.0, 120.0  # between layers; wider where lines go far to the side
_SLOPE = 0.1  # of the gap's growth
_END, _WIDEST_BOX = 9.0, 400.0  # for the end of a line, as long as a box is not too wide
MARGIN = 12.0  # at both corners of a box, where no line ends
# how much a line wants to be straight: from box to box, beside a box, between boxes, and where it
# branches off from a trunk, which must not be bent by that
_PLAIN, _BESIDE, _BETWEEN, _BRANCH = 1.0, 3.0, 8.0, 0.1
_PLACES, _FREE_PLACES = 10, 3000  # for lines: so many for each unit and net, and these in any case


@dataclass(frozen=True, slots=True)
class Frame:
    """What is around a tile."""

    padding: float = 0.0  # free space inside, left, right and below
    title: float = 0.0  # the height of the title
    least_width: float = 0.0


@dataclass(frozen=True, slots=True)
class Tile:
    """A sheet laid out, its upper left corner at (0, 0)."""

    width: float
    height: float
    rects: Mapping[str, Rect]  # of boxes and groups
    routes: tuple[Route, ...]
    ports: Mapping[Port, float]  # x of the lines that pass the frame


@dataclass(slots=True)
class Line:
    """A net, by the numbers of its units."""

    bundle: Bundle
    source: int
    targets: dict[int, Arrow | None]
    taps: list[int]  # the source and a place in each layer that it passes: there it can branch off


class Draft:
    """A tile in the making."""

    def __init__(self, sheet: Sheet, sizes: Mapping[str, Size], tiles: Mapping[str, Tile]) -> None:
        self.sheet, self._tiles = sheet, tiles
        self.units = sheet.all_units()
        number = {unit: n for n, unit in enumerate(self.units)}
        found = [(0.0, 0.0) if isinstance(u, Port) else sizes[u] for u in self.units]
        self.widths = [size[0] for size in found]
        self.heights = [size[1] for size in found]
        self.lines: list[Line] = []
        for bundle, net in sheet.nets.items():
            targets = {number[unit]: arrow for unit, arrow in net.targets.items()}
            source = number[net.source]
            self.lines.append(Line(bundle, source, targets, [source]))
        self._widen()
        self.layer = self._layers_of_units()
        self._add_taps()

    def _widen(self) -> None:
        """Make boxes at which many lines end so wide that the lines can be told apart."""
        ends = [target for line in self.lines for target in line.targets]
        for unit, count in Counter(ends).items():
            if self.widths[unit] and not self.is_group(unit):
                wanted = min(_WIDEST_BOX, MARGIN * 2 + count * _END)
                self.widths[unit] = max(self.widths[unit], wanted)

    def _layers_of_units(self) -> list[int]:
        count = len(self.units)
        following: list[set[int]] = [set() for _ in range(count)]
        for line in self.lines:
            following[line.source].update(line.targets)
        last = range(count - len(self.sheet.exits), count)
        return layer_numbers(following, range(len(self.sheet.entries)), last)

    def _add_taps(self) -> None:
        """Give lines a place in each layer that they pass, short lines first."""
        left = _PLACES * (len(self.units) + len(self.lines)) + _FREE_PLACES
        spans = []
        for number, line in enumerate(self.lines):
            above = self.layer[line.source] + 1
            below = max(self.layer[target] for target in line.targets)
            spans.append((below - above, number, range(above, below)))
        for span, number, passed in sorted(spans):
            left -= span
            for layer in passed if left >= 0 else ():
                self.lines[number].taps.append(len(self.layer))
                self.layer.append(layer)
                self.widths.append(0.0)

    def set_places(self) -> None:
        """Put the places of each layer in order and find their x."""
        layers: list[list[int]] = [[] for _ in range(max(self.layer, default=-1) + 1)]
        rank = [(number, 0) for number in range(len(self.layer))]
        for line in self.lines:
            for tap in line.taps[1:]:
                rank[tap] = (line.source, 1)
        for place in sorted(range(len(rank)), key=rank.__getitem__):
            layers[self.layer[place]].append(place)
        gaps = [_BESIDE_BOX if width else _BESIDE_LINE for width in self.widths]
        placed = Layers(layers, list(self._links()), self.widths, gaps)
        placed.sort()
        placed.settle()
        self.xs, self._order = placed.xs, placed.layers

    def _links(self) -> Iterator[Link]:
        for line in self.lines:
            for upper, lower in pairwise(line.taps):
                leaves = self.port(upper, line.bundle, is_entry=False)
                yield Link(upper, lower, _BESIDE if upper == line.source else _BETWEEN, leaves)
            for target in line.targets:
                tap = self.tap(line, target)
                if tap is not None:
                    leaves = self.port(tap, line.bundle, is_entry=False)
                    enters = self.port(target, line.bundle, is_entry=True)
                    yield Link(tap, target, self._weight(line, tap), leaves, enters)

    def _weight(self, line: Line, tap: int) -> float:
        if tap == line.source:
            return _PLAIN
        return _BESIDE if tap == line.taps[-1] else _BRANCH

    def tap(self, line: Line, target: int) -> int | None:
        """Return the place above a target from which a line goes there; None: there is none."""
        passed = self.layer[target] - self.layer[line.source] - 1
        return line.taps[passed] if passed < len(line.taps) else None

    def port(self, place: int, bundle: Bundle, *, is_entry: bool) -> float:
        """Return where a bundle passes the frame of a group, from its middle; 0 elsewhere."""
        unit = self.units[place] if place < len(self.units) else None
        tile = self._tiles.get(unit) if isinstance(unit, str) else None
        return tile.ports[Port(bundle, is_entry)] - tile.width / 2 if tile is not None else 0.0

    def is_group(self, place: int) -> bool:
        """Return whether a place is that of a group, where lines have their ports."""
        return place < len(self.units) and self.units[place] in self._tiles

    def set_edges(self, frame: Frame) -> None:
        """Find the upper and the lower edge of each layer."""
        farthest = [0.0] * len(self._order)
        for link in self._links():
            moved = self.xs[link.upper] + link.leaves - self.xs[link.lower] - link.enters
            layer = self.layer[link.upper]
            farthest[layer] = max(farthest[layer], abs(moved))
        self.edges: list[tuple[float, float]] = []
        self.height = 0.0 if self.sheet.entries else frame.title
        top = self.height
        for number, places in enumerate(self._order):
            heights = [self.heights[place] for place in places if place < len(self.units)]
            self.height = top + max(heights, default=0.0)
            self.edges.append((top, self.height))
            top = self.height + min(_WIDEST_GAP, _GAP + _SLOPE * farthest[number])
            if number == 0 and self.sheet.entries:
                top += frame.title - _GAP / 2  # lines that enter pass the title
            if number == len(self._order) - 2 and self.sheet.exits:
                top -= _GAP / 2
        self.height += 0.0 if self.sheet.exits else frame.padding

    def extent(self, frame: Frame) -> tuple[float, float]:
        """Return the width, and the x of the left edge."""
        sides = [
            (x - width / 2, x + width / 2) for x, width in zip(self.xs, self.widths, strict=True)
        ]
        left = min((side[0] for side in sides), default=0.0)
        right = max((side[1] for side in sides), default=0.0)
        width = max(right - left + 2 * frame.padding, frame.least_width)
        return width, (left + right - width) / 2

    def rect(self, unit: int) -> Rect:
        """Return where a unit stands: in the middle of its layer's height."""
        upper, lower = self.edges[self.layer[unit]]
        width, height = self.widths[unit], self.heights[unit]
        return Rect(self.xs[unit] - width / 2, (upper + lower - height) / 2, width, height)

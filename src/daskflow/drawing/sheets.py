"""What has to be laid out together: for each group of a picture a sheet, with lines between units.

A *unit* is a box, or a group that lies in this one, or a *port* where lines pass its frame. Lines
of one kind from one box are a *bundle*; on each sheet that it touches, a bundle is one *net*: it
begins at one unit and ends at one or more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from daskflow.drawing.grouping import TOP
from daskflow.drawing.picture import Arrow, ArrowKind, Picture


class Bundle(NamedTuple):
    """Lines that share a trunk."""

    start: str  # key of the box it comes from
    kind: ArrowKind
    is_flat: bool


class Port(NamedTuple):
    """Where a bundle passes the frame of a group."""

    bundle: Bundle
    is_entry: bool


Unit = str | Port  # a string is the key of a box or a group


@dataclass(slots=True)
class Net:
    """A bundle as far as it lies on one sheet."""

    source: Unit
    targets: dict[Unit, Arrow | None] = field(default_factory=dict)  # the arrow that ends there


@dataclass(slots=True)
class Sheet:
    """The units of one group, each behind those that nets lead from, and its nets."""

    units: dict[str, None] = field(default_factory=dict)
    entries: dict[Port, None] = field(default_factory=dict)
    exits: dict[Port, None] = field(default_factory=dict)
    nets: dict[Bundle, Net] = field(default_factory=dict)

    def lead(self, bundle: Bundle, source: Unit, target: Unit, arrow: Arrow | None) -> None:
        """Let a bundle lead from a unit to another."""
        for unit in (source, target):
            if isinstance(unit, Port):
                (self.entries if unit.is_entry else self.exits)[unit] = None
        self.nets.setdefault(bundle, Net(source)).targets[target] = arrow

    def all_units(self) -> list[Unit]:
        """Return its units with its ports."""
        return [*self.entries, *self.units, *self.exits]


def sheets_of(picture: Picture) -> dict[str, Sheet]:
    """Return the sheets of a picture by the key of their group.

    Examples
    --------
    >>> from daskflow.drawing.picture import Box, Group
    >>> boxes = (Box("load", "load"), Box("etl.clean", "etl.clean", group="etl/"))
    >>> arrows = (Arrow("load", "etl.clean"),)
    >>> sheets = sheets_of(Picture("case", boxes, arrows, (Group("etl/"),)))
    >>> {key: (len(sheet.units), len(sheet.entries)) for key, sheet in sheets.items()}
    {'': (2, 0), 'etl/': (1, 1)}
    """
    nest = picture.nest()
    sheets = {TOP: Sheet()} | {group.key: Sheet() for group in picture.groups}
    for box in picture.boxes:
        around = TOP
        for unit in nest.chain(box.key):
            sheets[around].units[unit] = None
            around = unit
    for arrow in picture.arrows:
        _lead(sheets, arrow, nest.chain(arrow.start), nest.chain(arrow.end))
    return sheets


def _lead(sheets: Mapping[str, Sheet], arrow: Arrow, mine: list[str], other: list[str]) -> None:
    """Lead an arrow out of the groups around its start, and into those around its end."""
    bundle = Bundle(arrow.start, arrow.kind, arrow.is_flat)
    shared = 0
    while mine[shared] == other[shared]:
        shared += 1
    for level in range(len(mine) - 1, shared, -1):
        sheets[mine[level - 1]].lead(bundle, mine[level], Port(bundle, is_entry=False), None)
    last = len(other) - 1
    around = mine[shared - 1] if shared else TOP
    ending = arrow if shared == last else None
    sheets[around].lead(bundle, mine[shared], other[shared], ending)
    for level in range(shared + 1, len(other)):
        ending = arrow if level == last else None
        sheets[other[level - 1]].lead(bundle, Port(bundle, is_entry=True), other[level], ending)

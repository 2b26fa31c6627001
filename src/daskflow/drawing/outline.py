"""A picture read from top to bottom: where groups begin, what is in them, where they end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from daskflow.drawing.picture import Box, Group, Picture


class Opening(NamedTuple):
    """Here a group begins."""

    group: Group
    number: int  # among the picture's groups


class Closing(NamedTuple):
    """Here a group ends."""

    group: Group


def outline(picture: Picture) -> Iterator[tuple[int, Opening | Closing | Box]]:
    """Iterate over boxes and the ends of groups, each with the number of groups around it.

    Examples
    --------
    >>> boxes = (Box("load", "load"), Box("etl.clean", "etl.clean", group="etl/"))
    >>> for depth, entry in outline(Picture("case", boxes, (), (Group("etl/"),))):
    ...     print(depth, type(entry).__name__)
    0 Box
    0 Opening
    1 Box
    0 Closing
    """
    openings = {group.key: Opening(group, n) for n, group in enumerate(picture.groups)}
    nest = picture.nest()
    around: list[str] = []
    for box in picture.boxes:
        *mine, _ = nest.chain(box.key)
        while around != mine[: len(around)]:
            closed = around.pop()
            yield len(around), Closing(openings[closed].group)
        for key in mine[len(around) :]:
            yield len(around), openings[key]
            around.append(key)
        yield len(around), box
    while around:
        closed = around.pop()
        yield len(around), Closing(openings[closed].group)

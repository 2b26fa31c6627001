"""Where everything in a picture stands, for any renderer: boxes, frames of groups, lines.

From top to bottom in layers. Each group is laid out by itself, as a *tile*, and then stands as one
box in the group around it, so frames cut no boxes. Lines of one kind from one box share a trunk,
which passes the layers between in places of its own and branches off where it is used. The time it
takes grows with boxes, arrows and such places; of the latter there is a number for each box at
most: the longest lines of a very large picture go straight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from daskflow.drawing.drafts import Draft, Frame, Tile
from daskflow.drawing.geometry import Layout, Rect, Route, Size
from daskflow.drawing.grouping import TOP
from daskflow.drawing.picture import Box, Group, Picture
from daskflow.drawing.routing import routes_of
from daskflow.drawing.sheets import Port, Sheet, sheets_of

_PADDING = 16.0  # inside of a frame
_TITLE = 24.0  # the height of a frame's title


def lay_out(
    picture: Picture, size_of: Callable[[Box], Size], title_width: Callable[[Group], float]
) -> Layout:
    """Return where everything in a picture stands.

    Parameters
    ----------
    size_of
        How large a box has to be.
    title_width
        How much room the title of a group needs.

    Examples
    --------
    >>> from daskflow.drawing.picture import Arrow
    >>> boxes = (Box("load", "load"), Box("clean", "clean"))
    >>> picture = Picture("case", boxes, (Arrow("load", "clean"),))
    >>> layout = lay_out(picture, lambda box: (80, 30), lambda group: 0)
    >>> layout.boxes["clean"], layout.routes[0].points
    (Rect(x=0.0, y=70.0, width=80, height=30), ((40.0, 30.0), (40.0, 70.0)))
    """
    sheets = sheets_of(picture)
    sizes = {box.key: size_of(box) for box in picture.boxes}
    tiles: dict[str, Tile] = {}
    for group in reversed(picture.groups):  # the inner ones first
        frame = Frame(_PADDING, _TITLE, title_width(group) + 2 * _PADDING)
        tile = tiles[group.key] = _tile_of(sheets[group.key], sizes, tiles, frame)
        sizes[group.key] = (tile.width, tile.height)
    whole = _tile_of(sheets[TOP], sizes, tiles, Frame())
    return _unfold(picture, whole, tiles)


def _tile_of(
    sheet: Sheet, sizes: Mapping[str, Size], tiles: Mapping[str, Tile], frame: Frame
) -> Tile:
    draft = Draft(sheet, sizes, tiles)
    draft.set_places()
    draft.set_edges(frame)
    width, left = draft.extent(frame)
    rects: dict[str, Rect] = {}
    ports: dict[Port, float] = {}
    for number, unit in enumerate(draft.units):
        if isinstance(unit, Port):
            ports[unit] = draft.xs[number] - left
        else:
            rects[unit] = draft.rect(number).moved(-left, 0.0)
    routes = tuple(route.moved(-left, 0.0) for route in routes_of(draft))
    return Tile(width, draft.height, rects, routes, ports)


def _unfold(picture: Picture, whole: Tile, tiles: Mapping[str, Tile]) -> Layout:
    """Put the tiles of groups into their places."""
    rects = dict(whole.rects)
    routes: list[Route] = list(whole.routes)
    for group in picture.groups:
        x, y = rects[group.key][:2]
        tile = tiles[group.key]
        rects |= {unit: rect.moved(x, y) for unit, rect in tile.rects.items()}
        routes += [route.moved(x, y) for route in tile.routes]
    boxes = {box.key: rects[box.key] for box in picture.boxes}
    frames = {group.key: rects[group.key] for group in picture.groups}
    return Layout(whole.width, whole.height, boxes, frames, tuple(routes))

"""A smaller picture of a flow that is too large to be looked at: groups become boxes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from daskflow.drawing.grouping import TOP
from daskflow.drawing.layers import layer_numbers
from daskflow.drawing.picture import Arrow, Box, BoxKind, Picture


def collapsed(picture: Picture, limit: int) -> Picture:
    """Return a picture with no more boxes than the limit, as far as that is possible.

    The innermost groups are drawn as one box each, then those around them, until it is small
    enough; after that calls of one task that lie beside each other become one box. The picture's
    note says so.

    Examples
    --------
    >>> from daskflow.drawing.picture import Group
    >>> boxes = tuple(Box(f"etl.{name}", f"etl.{name}", group="etl/") for name in "abc")
    >>> small = collapsed(Picture("case", boxes, (), (Group("etl/"),)), limit=2)
    >>> [box.lines for box in small.boxes], small.note
    ([('etl', '3 tasks')], '3 boxes are too many: sub-flows are drawn as one box each')
    """
    told: list[str] = []
    small = picture
    while len(small.boxes) > limit and small.groups:
        small = _without_innermost(small)
        told = ["sub-flows are drawn as one box each"]
    if len(small.boxes) > limit:
        joined = _with_calls_joined(small)
        if len(joined.boxes) < len(small.boxes):
            small = joined
            told.append("calls of one task that lie beside each other are drawn as one box")
    if not told:
        return picture
    return replace(small, note=f"{len(picture.boxes):,} boxes are too many: {', '.join(told)}")


def _without_innermost(picture: Picture) -> Picture:
    """Draw the groups in which no other lies as one box each."""
    around = {group.parent for group in picture.groups}
    inner = {group.key: group for group in picture.groups if group.key not in around}
    members: dict[str, list[Box]] = {}
    for box in picture.boxes:
        members.setdefault(box.group if box.group in inner else box.key, []).append(box)
    boxes = []
    for key, found in members.items():
        group = inner.get(key)
        if group is None:
            boxes += found
        else:
            whole = _box_of(key, group.name, found)
            over = (("over", group.over),) if group.over else ()
            boxes.append(replace(whole, group=group.parent, depth=group.depth, gets=over))
    groups = tuple(group for group in picture.groups if group.key not in inner)
    small = replace(picture, boxes=tuple(boxes), groups=groups)
    return _with_arrows_joined(small, {b.key: key for key, found in members.items() for b in found})


def _with_calls_joined(picture: Picture) -> Picture:
    """Draw calls of one task in one layer as one box: none of them depends on another."""
    place = {box.key: number for number, box in enumerate(picture.boxes)}
    following: list[set[int]] = [set() for _ in place]
    for arrow in picture.arrows:
        following[place[arrow.start]].add(place[arrow.end])
    layers = layer_numbers(following, (), ())
    members: dict[tuple[int, str, str, int], list[Box]] = {}
    for box, layer in sorted(zip(picture.boxes, layers, strict=True), key=lambda pair: pair[1]):
        is_call = box.kind is BoxKind.TASK
        kind = ("", box.task) if is_call else (box.key, "")
        members.setdefault((layer, *kind, box.depth), []).append(box)
    boxes = [
        replace(_box_of(found[0].key, key[2], found), depth=key[3]) if len(found) > 1 else found[0]
        for key, found in members.items()
    ]
    homes = {box.key: found[0].key for found in members.values() for box in found}
    return _with_arrows_joined(replace(picture, boxes=tuple(boxes)), homes)


def _box_of(key: str, name: str, boxes: Iterable[Box]) -> Box:
    """Return one box for many."""
    found = list(boxes)
    is_reference = any(box.is_reference for box in found)
    members = tuple(node for box in found for node in box.members or (box.key,))
    return Box(key, name, BoxKind.GROUP, group=TOP, is_reference=is_reference, members=members)


def _with_arrows_joined(picture: Picture, homes: Mapping[str, str]) -> Picture:
    """Let arrows end at the boxes that stand for theirs; those between the same two become one."""
    found: dict[Arrow, dict[str, None]] = {}
    for arrow in picture.arrows:
        start, end = homes[arrow.start], homes[arrow.end]
        if start != end:
            bare = Arrow(start, end, arrow.kind, is_flat=arrow.is_flat)
            found.setdefault(bare, {}).update(dict.fromkeys(arrow.arguments))
    arrows = (replace(bare, arguments=tuple(names)) for bare, names in found.items())
    return replace(picture, arrows=tuple(arrows))

"""The graph of a run as shapes: boxes with the states of their task runs, frames, lines. Pure.

What is drawn and where it stands comes from `drawing`, as in `Flow.visualize`; it is found once for
a run. How the boxes look is found anew when the run has moved. A box shows the state of its node,
or of a mapped one how many task runs are in which, and how far they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from daskflow.dashboard.signs import LOOKS, WAITING, look_of, shares_of, symbol_of
from daskflow.definition.nodes import FlowGraph
from daskflow.drawing.collapse import collapsed
from daskflow.drawing.geometry import Layout, Point, Rect, Route, Size
from daskflow.drawing.layout import lay_out
from daskflow.drawing.lettering import on_curve, shortened, text_width
from daskflow.drawing.picture import ArrowKind, Box, BoxKind, Group, Picture, picture_of
from daskflow.runtime.views import NodeProgress

_LEAST = 0.04  # of a bar, for what there is any of
MOST_BOXES = 150  # a larger graph is drawn with its sub-flows as one box each
NAME, SMALL = 12.0, 10.0  # sizes of letters
_LETTERS = 30  # the most in a line
_COUNTS = 18  # letters that there is room for below a name
_HEAD = 8.0  # the length of an arrow's head
_STEPS = 10  # pieces of a curve
_LOOK_OF = {look.name: look for look in LOOKS}


@dataclass(frozen=True)
class Outlined:
    """A graph without the code of its tasks, as far as pictures need it."""

    name: str
    graph: FlowGraph
    reference_tasks: tuple[str, ...]
    literals: Mapping[str, Any] = field(default_factory=dict)
    returned: Any = None


@dataclass(frozen=True)
class Sketch:
    """What is drawn of a graph, and where it stands."""

    picture: Picture
    layout: Layout
    members: Mapping[str, tuple[str, ...]]  # the nodes of each box

    @property
    def note(self) -> str:
        """What was left out."""
        return self.picture.note


def sketch_of(graph: FlowGraph, name: str, references: Sequence[str] = ()) -> Sketch:
    """Return the sketch of a run's graph.

    Parameters
    ----------
    references
        The nodes that decide how it ends.
    """
    known = tuple(node for node in references if node in graph.nodes)
    picture = collapsed(picture_of(Outlined(name, graph, known)), MOST_BOXES)
    members = {box.key: box.members or (box.key,) for box in picture.boxes}
    return Sketch(picture, lay_out(picture, _size_of, _title_width), members)


def _size_of(box: Box) -> Size:
    name, *others = _words(box)
    widths = [text_width(name, NAME), *(text_width(line, SMALL) for line in others)]
    room = text_width("0" * _COUNTS, SMALL)
    return max(room, *widths) + 22.0, 44.0 + 13.0 * len(others)


def _words(box: Box) -> list[str]:
    """Return what is written in a box beside its states."""
    return [shortened(line, _LETTERS) for line in box.lines[: 1 + (box.kind is BoxKind.GROUP)]]


def _title_width(group: Group) -> float:
    return text_width(shortened(group.title, _LETTERS), SMALL)


class Shown(NamedTuple):
    """A box with its states."""

    key: str
    rect: Rect
    name: str
    more: str  # a second line of words; mostly empty
    states: str  # symbols with numbers, or with a kind
    look: str  # name of what looks best for all of it
    shares: tuple[tuple[str, float], ...]  # of its bar, by look, adding up to 1.0
    told: str  # all of it, for who asks
    is_reference: bool
    node: str  # the one it stands for; empty: there are many


def shown_boxes(sketch: Sketch, progress: Sequence[NodeProgress]) -> list[Shown]:
    """Return the boxes as they look now."""
    of = {node.node: node for node in progress}
    return [_shown(sketch, box, of) for box in sketch.picture.boxes]


def _shown(sketch: Sketch, box: Box, of: Mapping[str, NodeProgress]) -> Shown:
    nodes = sketch.members[box.key]
    counts: Counter[str] = Counter()
    for node in nodes:
        counts.update(of[node].counts)
    totals = [of[node].total for node in nodes]
    total = None if None in totals else sum(number or 0 for number in totals)
    shares = shares_of(counts)
    name, *more = _words(box)
    whole = max(sum(counts.values()), total or 0)
    parts = _parts(shares, whole)
    is_one = len(nodes) == 1 and not box.depth
    told = ", ".join(f"{number:,} {kind}" for kind, number in counts.items() if number)
    return Shown(
        box.key,
        sketch.layout.boxes[box.key],
        name,
        " ".join(more),
        _of_one(counts) if is_one else _of_many(shares, total),
        _whole_look(shares, whole),
        parts,
        told or "not known yet how many",
        box.is_reference,
        nodes[0] if len(nodes) == 1 else "",
    )


def _parts(shares: Mapping[str, int], whole: int) -> tuple[tuple[str, float], ...]:
    """Return the parts of a bar; what there is little of can still be seen."""
    sizes = {look: max(number / whole, _LEAST) for look, number in shares.items() if number}
    most = max(1.0, sum(sizes.values()))
    return tuple((look, size / most) for look, size in sizes.items())


def _of_one(counts: Mapping[str, int]) -> str:
    kind = next((kind for kind, number in counts.items() if number), "Pending")
    return f"{symbol_of(kind)} {kind}"


def _of_many(shares: Mapping[str, int], total: int | None) -> str:
    """Return how many there are of what, as far as there is room: the rest is told on asking."""
    done = [f"{_LOOK_OF[name].symbol}{number}" for name, number in shares.items()]
    text = " ".join(part for part in done if part[0] != WAITING.symbol)
    if total is None:
        return f"{text} of ?".strip()
    finished = sum(n for name, n in shares.items() if name not in _OPEN)
    told = f"{text} of {total}" if finished < total else text
    return told.strip() if len(told) <= _COUNTS else f"{finished} of {total}"


_OPEN = frozenset({"waiting", "running", "retrying", "paused"})
_FIRST = ("failed", "crashed", "paused", "retrying", "running", "cancelled")  # what is seen first


def _whole_look(shares: Mapping[str, int], whole: int) -> str:
    """Return how a box looks: like what asks for attention, else like most of what is done."""
    for name in _FIRST:
        if shares.get(name):
            return name
    done = {name: number for name, number in shares.items() if name != WAITING.name}
    if not whole or not done:
        return WAITING.name
    if shares.get(WAITING.name):
        return look_of("Running").name
    return max(done, key=done.__getitem__)


def curve_of(route: Route) -> tuple[list[float], list[float]]:
    """Return the points of a line, with its curves in short pieces."""
    points = list(route.points)
    if route.arrow is not None:
        x, y = points[-1]
        points[-1] = (x, y - _HEAD / 2)
    drawn = [points[0]]
    for start, end in pairwise(points):
        steps = 1 if start[0] == end[0] else _STEPS
        drawn += [on_curve(start, end, step / steps) for step in range(1, steps + 1)]
    return [x for x, _ in drawn], [y for _, y in drawn]


def head_of(route: Route) -> tuple[list[float], list[float]]:
    """Return the corners of a line's head."""
    x, y = route.points[-1]
    return [x, x - _HEAD / 2, x + _HEAD / 2], [y, y - _HEAD, y - _HEAD]


DASHES: Mapping[ArrowKind, str | tuple[float, ...]] = {
    ArrowKind.VALUE: "solid",
    ArrowKind.EACH: "solid",
    ArrowKind.ALL: "solid",
    ArrowKind.WAIT: (5, 4),
    ArrowKind.GATE: (2, 3),
}


def labels_of(sketch: Sketch) -> Iterator[tuple[Point, str]]:
    """Return where the titles of frames stand, and what they are."""
    for group in sketch.picture.groups:
        rect = sketch.layout.frames[group.key]
        yield (rect.x + 12, rect.y + 12), shortened(group.title, _LETTERS * 2)

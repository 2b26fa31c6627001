"""The lines of a tile whose boxes have their places."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from daskflow.drawing.drafts import MARGIN, Draft, Line
from daskflow.drawing.geometry import Point, Route

_APART = 18.0  # the farthest between two lines at one side of a box


def routes_of(draft: Draft) -> Iterator[Route]:
    """Iterate over the lines: one for each target, and a trunk where there are several."""
    leaves, enters = _leaving_xs(draft), _entering_xs(draft)
    for number, line in enumerate(draft.lines):
        start, kind = line.bundle.start, line.bundle.kind
        out = _out(draft, line, leaves[number])
        passed = _passed(draft, line)
        is_shared = len(line.targets) > 1
        if is_shared and passed:
            yield Route(start, kind, _joined([*out, *passed]))
        for target, arrow in line.targets.items():
            tap = draft.tap(line, target)
            begin = [*out, *passed] if not is_shared else out
            if is_shared and tap is not None and tap != line.source:
                begin = [(draft.xs[tap], draft.edges[draft.layer[tap]][1])]
            x = enters[number, target]
            end = [(x, draft.edges[draft.layer[target]][0]), (x, draft.rect(target).y)]
            yield Route(start, kind, _joined([*begin, *end]), arrow)


def _out(draft: Draft, line: Line, x: float) -> list[Point]:
    """Return the points from the box that a line leaves down to the end of its layer."""
    rect = draft.rect(line.source)
    return [(x, rect.y + rect.height), (x, draft.edges[draft.layer[line.source]][1])]


def _passed(draft: Draft, line: Line) -> list[Point]:
    """Return the points at which a line passes layers."""
    taps = line.taps[1:]
    return [(draft.xs[tap], edge) for tap in taps for edge in draft.edges[draft.layer[tap]]]


def _joined(points: list[Point]) -> tuple[Point, ...]:
    """Return the points, those that are one only once."""
    return tuple(point for point, _ in groupby(points))


def _leaving_xs(draft: Draft) -> dict[int, float]:
    """Return for each line, by number, where it leaves its source."""
    wanted: dict[int, list[tuple[float, int]]] = {}
    xs: dict[int, float] = {}
    for number, line in enumerate(draft.lines):
        if draft.is_group(line.source):
            port = draft.port(line.source, line.bundle, is_entry=False)
            xs[number] = draft.xs[line.source] + port
        else:
            nexts = [draft.xs[tap] for tap in line.taps[1:2]]
            nexts += [draft.xs[t] for t in line.targets if draft.tap(line, t) == line.source]
            goal = sum(nexts) / len(nexts) if nexts else draft.xs[line.source]
            wanted.setdefault(line.source, []).append((goal, number))
    for unit, goals in wanted.items():
        xs |= _beside(draft, unit, [number for _, number in sorted(goals)])
    return xs


def _entering_xs(draft: Draft) -> dict[tuple[int, int], float]:
    """Return for each line and target, by number, where the line enters it."""
    wanted: dict[int, list[tuple[float, int]]] = {}
    xs: dict[tuple[int, int], float] = {}
    for number, line in enumerate(draft.lines):
        for target in line.targets:
            if draft.is_group(target):
                port = draft.port(target, line.bundle, is_entry=True)
                xs[number, target] = draft.xs[target] + port
            else:
                tap = draft.tap(line, target)
                origin = draft.xs[line.source if tap is None else tap]
                wanted.setdefault(target, []).append((origin, number))
    for unit, origins in wanted.items():
        spread = _beside(draft, unit, [number for _, number in sorted(origins)])
        xs |= {(number, unit): x for number, x in spread}
    return xs


def _beside(draft: Draft, unit: int, lines: list[int]) -> Iterator[tuple[int, float]]:
    """Spread lines over a side of a box, in the order given."""
    room = max(0.0, draft.widths[unit] - 2 * MARGIN)
    apart = min(_APART, room / max(1, len(lines) - 1))
    for place, number in enumerate(lines):
        yield number, draft.xs[unit] + (place - (len(lines) - 1) / 2) * apart

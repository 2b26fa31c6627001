"""Groups that can be drawn as boxes around boxes, and an order in which they stand together.

Knows keys only. A group's key is its name and a slash, which is in no name of a node, for a node
and a group may have the same name. A group can be drawn so if nothing leads out of it and back into
it; a flow that was traced has no other groups, one made by hand may have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

TOP = ""  # stands for the group around all others
_DEEPEST = 20  # groups in groups; what lies deeper is drawn in the last of them


def groups_of(names: Iterable[str]) -> dict[str, str]:
    """Return the groups of nodes, by their dotted beginnings, each with the one around it.

    Examples
    --------
    >>> groups_of(["load", "etl.clean", "etl.sub.check"])
    {'etl/': '', 'etl.sub/': 'etl/'}
    """
    parents: dict[str, str] = {}
    for name in names:
        parent = TOP
        for group in _around(name):
            parents.setdefault(group, parent)
            parent = group
    return parents


def home_of(name: str) -> str:
    """Return the innermost group around a node."""
    return next(reversed(_around(name)), TOP)


def _around(name: str) -> list[str]:
    parts = name.split(".", _DEEPEST)[:-1] if "." in name else []
    return [f"{'.'.join(parts[: count + 1])}/" for count in range(len(parts))]


@dataclass(frozen=True, slots=True)
class Nest:
    """Which box lies in which group, and which group in which.

    Examples
    --------
    >>> nest = Nest({"load": "", "etl.clean": "etl/", "etl.sub.check": "etl.sub/"},
    ...             {"etl/": "", "etl.sub/": "etl/"})
    >>> nest.chain("etl.sub.check"), nest.meeting("load", "etl.sub.check")
    (['etl/', 'etl.sub/', 'etl.sub.check'], ('', 'load', 'etl/'))
    """

    homes: Mapping[str, str]  # box -> the innermost group around it
    parents: Mapping[str, str]  # group -> the group around it

    def chain(self, box: str) -> list[str]:
        """Return the groups around a box, from the outermost, and itself."""
        chain = [box]
        group = self.homes[box]
        while group != TOP:
            chain.append(group)
            group = self.parents[group]
        return chain[::-1]

    def meeting(self, start: str, end: str) -> tuple[str, str, str]:
        """Return the innermost group around two boxes, and what in it they are or lie in."""
        mine, other = self.chain(start), self.chain(end)
        shared = 0
        while mine[shared] == other[shared]:
            shared += 1
        return mine[shared - 1] if shared else TOP, mine[shared], other[shared]

    def without(self, gone: Collection[str]) -> Nest:
        """Return it without some groups; what lay in these lies in those around them."""

        def stays(group: str) -> str:
            while group in gone:
                group = self.parents[group]
            return group

        return Nest(
            {box: stays(group) for box, group in self.homes.items()},
            {g: stays(parent) for g, parent in self.parents.items() if g not in gone},
        )


def arrange(nest: Nest, links: Collection[tuple[str, str]]) -> tuple[list[str], Nest]:
    """Return the boxes in an order, and the groups that can be drawn.

    Each box stands behind those that lead to it, each group in one piece; where that leaves a
    choice, what came first in the nest comes first.

    Parameters
    ----------
    links
        From box to box; there is no circle in them.
    """
    while True:
        orders, stuck = _sort_levels(nest, links)
        if not stuck:
            return _unfold(orders), nest
        nest = nest.without(stuck)


def _sort_levels(
    nest: Nest, links: Collection[tuple[str, str]]
) -> tuple[dict[str, list[str]], set[str]]:
    """Return what lies in each group, in order, and the groups that cannot be put in order."""
    members: dict[str, dict[str, None]] = {TOP: {}}
    for box in nest.homes:
        around = TOP
        for one in nest.chain(box):
            members.setdefault(around, {})[one] = None
            around = one
    following: dict[str, dict[str, dict[str, None]]] = {group: {} for group in members}
    for start, end in links:
        group, mine, other = nest.meeting(start, end)
        following[group].setdefault(mine, {})[other] = None
    orders: dict[str, list[str]] = {}
    stuck: set[str] = set()
    for group, found in members.items():
        orders[group] = _sort(list(found), following[group])
        left = found.keys() - set(orders[group])
        stuck |= {one for one in _circles(left, following[group]) if one in nest.parents}
    return orders, stuck


def _sort(names: list[str], following: Mapping[str, Iterable[str]]) -> list[str]:
    """Return names so that each stands behind those it follows; those in circles are left out."""
    place = {name: number for number, name in enumerate(names)}
    waiting = dict.fromkeys(names, 0)
    for name in names:
        for other in following.get(name, ()):
            waiting[other] += 1
    ready = [place[name] for name, count in waiting.items() if not count]
    heapify(ready)
    done: list[str] = []
    while ready:
        name = names[heappop(ready)]
        done.append(name)
        for other in following.get(name, ()):
            waiting[other] -= 1
            if not waiting[other]:
                heappush(ready, place[other])
    return done


def _circles(left: Collection[str], following: Mapping[str, Iterable[str]]) -> set[str]:
    """Return those of the names that are on circles, or between two: no others lead to them."""
    before: dict[str, list[str]] = {name: [] for name in left}
    for name in left:
        for other in following.get(name, ()):
            before[other].append(name)
    ends = set(_sort(list(left), before))  # from behind: what no circle follows
    return {name for name in left if name not in ends}


def _unfold(orders: Mapping[str, list[str]]) -> list[str]:
    """Return the boxes, those of a group in its place."""
    boxes: list[str] = []
    stack = [iter(orders[TOP])]
    while stack:
        name = next(stack[-1], None)
        if name is None:
            stack.pop()
        elif name in orders:
            stack.append(iter(orders[name]))
        else:
            boxes.append(name)
    return boxes

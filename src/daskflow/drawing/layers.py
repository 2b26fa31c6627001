"""Layers of a drawing: which place lies in which, in what order, and how far to the right.

Knows numbers only. A *place* is where a box stands or where a line passes through a layer; a *link*
joins two places of neighbouring layers, so that a line from layer 1 to layer 4 has a place in each
of 2 and 3. All of it takes a fixed number of sweeps over places and links.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Collection, Sequence
from heapq import nlargest
from itertools import accumulate, pairwise
from typing import NamedTuple

_ORDER_SWEEPS = 8
_PLACE_SWEEPS = 24  # the last third of them looks both ways
_STRAY = 0.05  # the weight of a place that nothing pulls


class Link(NamedTuple):
    """A piece of a line, from one layer to the next."""

    upper: int  # places
    lower: int
    weight: float = 1.0  # how much it wants to be straight
    leaves: float = 0.0  # where at the upper place, from its middle
    enters: float = 0.0  # where at the lower place


def layer_numbers(
    following: Sequence[Collection[int]], first: Collection[int], last: Collection[int]
) -> list[int]:
    """Return the layer of each place: below all that lead to it, and else as near as can be.

    Parameters
    ----------
    following
        For each place those it leads to, which have higher numbers.
    first, last
        Places that stand alone in the first and in the last layer.

    Examples
    --------
    >>> layer_numbers([[1], [3], [3], []], (), ())
    [0, 1, 1, 2]
    """
    numbers = [1 if first else 0] * len(following)
    for place in first:
        numbers[place] = 0
    for place, others in enumerate(following):
        for other in others:
            numbers[other] = max(numbers[other], numbers[place] + 1)
    ends = set(last)
    deepest = max((n for place, n in enumerate(numbers) if place not in ends), default=-1)
    for place in ends:
        numbers[place] = deepest + 1
    _sink(numbers, following, len(first))
    return numbers


def _sink(numbers: list[int], following: Sequence[Collection[int]], first: int) -> None:
    """Move places down to where they are used, as far as lines become shorter in all.

    A line to several places is as long as the longest way, so what only branches off from a line
    that passes anyway moves at no cost; nor does it cost if all that leads there moves with it.
    """
    before: list[list[int]] = [[] for _ in following]
    is_free = [place >= first for place in range(len(following))]  # moves with all before it
    for place, others in enumerate(following):
        for other in others:
            before[other].append(place)
            is_free[other] = is_free[other] and is_free[place] and len(others) == 1
    farthest = [nlargest(2, ((numbers[o], o) for o in others)) for others in following]
    for place in reversed(range(first, len(following))):
        lowest = min((numbers[other] - 1 for other in following[place]), default=0)
        gain, cost = lowest - numbers[place], 0
        for other in before[place]:
            reach = [number for number, end in farthest[other] if end != place]
            cost += max(0, lowest - max(reach, default=numbers[other]))
        if gain > 0 and (is_free[place] or cost < gain):
            numbers[place] = lowest


class Layers:
    """Places in layers, and the links between them.

    Parameters
    ----------
    layers
        The places of each layer; `sort` puts them in order from left to right.
    gaps
        How much stays free beside each place; between two the smaller gap.

    Examples
    --------
    >>> layers = Layers([[0, 1], [2, 3]], [Link(0, 3), Link(1, 2)], [40] * 4, [10] * 4)
    >>> layers.crossings(), layers.sort(), layers.crossings(), layers.layers
    (1, None, 0, [[0, 1], [3, 2]])
    >>> layers.settle(); layers.xs
    [-25.0, 25.0, 25.0, -25.0]
    """

    def __init__(
        self,
        layers: list[list[int]],
        links: Sequence[Link],
        widths: Sequence[float],
        gaps: Sequence[float],
    ) -> None:
        self.layers = layers
        self.xs = [0.0] * len(widths)  # the middles of places
        self._widths, self._gaps = widths, gaps
        self._above: list[list[Link]] = [[] for _ in widths]  # links that enter a place
        self._below: list[list[Link]] = [[] for _ in widths]
        for link in links:
            self._above[link.lower].append(link)
            self._below[link.upper].append(link)
        self._at = [0.0] * len(widths)  # the number of a place in its layer
        self._take(layers)

    def _take(self, layers: list[list[int]]) -> None:
        self.layers = layers
        for layer in layers:
            self._number(layer)

    def _number(self, layer: Sequence[int]) -> None:
        for number, place in enumerate(layer):
            self._at[place] = float(number)

    def sort(self) -> None:
        """Put the places of each layer into an order in which few links cross.

        By the barycenter method: up and down, each place goes to the middle of its neighbours.
        """
        best, fewest = [list(layer) for layer in self.layers], self.crossings()
        for sweep in range(_ORDER_SWEEPS):
            if not fewest:
                break
            is_down = sweep % 2 == 0
            for layer in self.layers[1:] if is_down else self.layers[-2::-1]:
                layer.sort(key=self._middle_above if is_down else self._middle_below)
                self._number(layer)
            count = self.crossings()
            if count < fewest:
                best, fewest = [list(layer) for layer in self.layers], count
        self._take(best)

    def _middle_above(self, place: int) -> float:
        links = self._above[place]
        return sum(map(self._start, links)) / len(links) if links else self._at[place]

    def _middle_below(self, place: int) -> float:
        links = self._below[place]
        return sum(map(self._end, links)) / len(links) if links else self._at[place]

    def _start(self, link: Link) -> float:
        """Return where a link leaves its layer, counted in places."""
        return self._at[link.upper] + link.leaves / (self._widths[link.upper] or 1)

    def _end(self, link: Link) -> float:
        return self._at[link.lower] + link.enters / (self._widths[link.lower] or 1)

    def crossings(self) -> int:
        """Return how many pairs of links cross."""
        count = 0
        for layer in self.layers:
            links = [link for place in layer for link in self._below[place]]
            ends: list[float] = []
            for _, end in sorted((self._start(link), self._end(link)) for link in links):
                count += len(ends) - bisect_right(ends, end)
                insort(ends, end)
        return count

    def settle(self) -> None:
        """Give each place its x: near to its neighbours, without overlaps, in the order there is.

        Each step is the best one for its layer: the least sum of weighted squares of distances.
        """
        distances = [self._distances(layer) for layer in self.layers]
        for layer, apart in zip(self.layers, distances, strict=True):
            self._move(layer, [0.0] * len(layer), [1.0] * len(layer), apart)
        for sweep in range(_PLACE_SWEEPS):
            is_down, is_late = sweep % 2 == 0, sweep * 3 >= _PLACE_SWEEPS * 2
            numbers = range(len(self.layers))
            for number in numbers if is_down else reversed(numbers):
                layer = self.layers[number]
                pulls = [
                    self._pull(place, above=is_down or is_late, below=not is_down or is_late)
                    for place in layer
                ]
                wanted, weights = zip(*pulls, strict=True) if pulls else ((), ())
                self._move(layer, wanted, weights, distances[number])

    def _distances(self, layer: Sequence[int]) -> list[float]:
        """Return for each place of a layer its least distance from the one before."""
        apart = [0.0]
        for left, right in pairwise(layer):
            gap = min(self._gaps[left], self._gaps[right])
            apart.append((self._widths[left] + self._widths[right]) / 2 + gap)
        return apart

    def _pull(self, place: int, *, above: bool, below: bool) -> tuple[float, float]:
        """Return where a place would best be, and how much that matters."""
        total = weight = 0.0
        if above:
            for link in self._above[place]:
                total += link.weight * (self.xs[link.upper] + link.leaves - link.enters)
                weight += link.weight
        if below:
            for link in self._below[place]:
                total += link.weight * (self.xs[link.lower] + link.enters - link.leaves)
                weight += link.weight
        return (total / weight, weight) if weight else (self.xs[place], _STRAY)

    def _move(
        self,
        layer: Sequence[int],
        wanted: Sequence[float],
        weights: Sequence[float],
        apart: Sequence[float],
    ) -> None:
        """Set the x of a layer's places as near as they may be to where they want to be."""
        lefts = list(accumulate(apart))
        shifted = [x - left for x, left in zip(wanted, lefts, strict=True)]
        for place, left, x in zip(layer, lefts, ascending(shifted, weights), strict=True):
            self.xs[place] = x + left


def ascending(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the never falling numbers that are nearest to the values, by weighted squares.

    By pooling: values that fall share their mean.

    Examples
    --------
    >>> ascending([1, 5, 3, 9], [1, 1, 1, 1])
    [1.0, 4.0, 4.0, 9.0]
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many values
    for value, weight in zip(values, weights, strict=True):
        pool = (float(value), float(weight), 1)
        while pools and pools[-1][0] > pool[0]:
            mean, heavy, count = pools.pop()
            total = heavy + pool[1]
            pool = ((mean * heavy + pool[0] * pool[1]) / total, total, count + pool[2])
        pools.append(pool)
    return [mean for mean, _, count in pools for _ in range(count)]

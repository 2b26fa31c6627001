"""Layers by numbers: which, in what order, where."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from daskflow.drawing.layers import Layers, Link, ascending, layer_numbers


def test_layers_go_down_along_all_ways():
    """A place lies below all that lead to it; what nothing leads to lies near to its use."""
    assert layer_numbers([[1], [2], [4], [4], []], (), ()) == [0, 1, 2, 2, 3]
    assert layer_numbers([[], []], (), ()) == [0, 0]
    assert layer_numbers([[1], [5], [3], [4], [5], []], (), ()) == [1, 2, 0, 1, 2, 3]
    # place 1 branches off from a line that passes anyway, place 2 does not
    assert layer_numbers([[1, 3, 4, 5], [6], [], [4], [5], [6], []], (), ())[1] == 3
    assert layer_numbers([[1, 2], [5], [3], [4], [5], []], (), ())[1] == 1
    assert layer_numbers([], (), ()) == []


def test_ports_have_layers_of_their_own():
    """What enters lies in the first, what leaves in the last, alone."""
    assert layer_numbers([[1], [3], [3], []], [0], [3]) == [0, 1, 1, 2]
    assert layer_numbers([[2], [2], []], [0], [2]) == [0, 1, 2]


def random_layers(seed):
    draw = random.Random(seed)
    layers, count = [], 0
    for _ in range(6):
        size = draw.randint(1, 9)
        layers.append(list(range(count, count + size)))
        count += size
    links = [
        Link(upper, draw.choice(below), draw.choice([0.1, 1, 8]), draw.choice([0, 5]))
        for layer, below in pairwise(layers)
        for upper in layer
        for _ in range(2)
    ]
    widths = [draw.choice([0.0, 40.0, 100.0]) for _ in range(count)]
    return Layers(layers, links, widths, [20.0 if width else 10.0 for width in widths]), widths


@pytest.mark.parametrize("seed", range(10))
def test_sorting_never_makes_more_crossings(seed):
    """And usually far fewer; the places of a layer stay those of that layer."""
    layers, _ = random_layers(seed)
    before, places = layers.crossings(), [sorted(layer) for layer in layers.layers]
    layers.sort()
    assert layers.crossings() <= before * 0.7
    assert [sorted(layer) for layer in layers.layers] == places


def test_crossings_are_counted():
    """Three lines that all cross make three crossings; lines to one place make none."""
    crossed = [Link(0, 5), Link(1, 4), Link(2, 3)]
    assert Layers([[0, 1, 2], [3, 4, 5]], crossed, [9] * 6, [1] * 6).crossings() == 3
    joined = [Link(0, 3), Link(1, 3), Link(2, 3)]
    assert Layers([[0, 1, 2], [3]], joined, [9] * 4, [1] * 4).crossings() == 0


@pytest.mark.parametrize("seed", range(10))
def test_places_keep_their_order_and_distance(seed):
    """Whatever pulls them."""
    layers, widths = random_layers(seed)
    layers.sort()
    layers.settle()
    for layer in layers.layers:
        for left, right in pairwise(layer):
            gap = layers.xs[right] - layers.xs[left] - (widths[left] + widths[right]) / 2
            assert gap >= 9.99


def test_a_chain_is_straight():
    """Each place stands below the one that leads to it, where the line leaves and enters."""
    layers = Layers([[0], [1], [2]], [Link(0, 1), Link(1, 2, 1.0, 15.0, -5.0)], [50] * 3, [9] * 3)
    layers.settle()
    x = layers.xs
    assert (x[0], x[2] - x[1]) == (pytest.approx(x[1], abs=0.5), pytest.approx(20, abs=0.5))


def test_ascending_numbers():
    """Values that fall share their weighted mean, and so do all that this touches."""
    assert ascending([3, 1], [3, 1]) == [2.5, 2.5]
    assert ascending([1, 9, 8, 7], [1, 1, 1, 1]) == [1, 8, 8, 8]
    assert ascending([], []) == []

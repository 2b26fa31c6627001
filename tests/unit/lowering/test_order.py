"""Stages, and which nodes may share a block."""

from __future__ import annotations

import pytest

from daskflow import unmapped
from daskflow.lowering.links import link_of
from daskflow.lowering.order import breadth, joins, regions, stages
from tests.unit.lowering.desk import Desk, a, b, c, d, total


def links_of(desk):
    """Return the links to each node, by name, in topological order."""
    return {
        name: [link_of(desk.graph, edge, desk.spaces) for edge in desk.graph.upstream(name)]
        for name in desk.graph.order()
    }


def grouped(desk, names):
    """Return the groups that these nodes make."""
    links = links_of(desk)
    return regions(desk.graph, links, stages(desk.graph, links, desk.graph.order()), names)


def chain(xs):
    return c.map(b.map(a.map(xs)))


def mapped_over_a_value(xs):
    return b.map(a(xs))


def reduced(xs):
    return total(a.map(xs))


def whole_beside_lane(xs):
    x = a.map(xs)
    return b.map(x, unmapped(total(x)))


def whole_of_itself(xs):
    x = a.map(xs)
    return b.map(x, unmapped(x))


def waited_lane(xs):
    x = a.map(xs)
    return b.map(xs, wait_for=[x])


def waited_whole(xs):
    x = a.map(xs)
    return b.map(xs, wait_for=[unmapped(x)])


def list_of_nodes(xs):
    return b.map([a(1), a(2)])


def diamond(xs):
    x = a.map(xs)
    return d.map(b.map(x), c.map(x))


def shortcut(xs):
    x = a.map(xs)
    y = b.map(x)
    return d.map(x, unmapped(total(y))), c.map(y)


@pytest.mark.parametrize(
    ("flow", "lanes"),
    [
        (chain, "a-b b-c"),
        (mapped_over_a_value, ""),
        (reduced, ""),
        (whole_beside_lane, "a-b"),
        (whole_of_itself, "a-b"),
        (waited_lane, "a-b"),
        (waited_whole, ""),
        (list_of_nodes, ""),
        (diamond, "a-b a-c b-d c-d"),
    ],
)
def test_which_edges_join_element_to_element(flow, lanes):
    """A lane is made by a mapped edge between two mapped tasks, by nothing else."""
    desk = Desk(flow, xs=[1, 2])
    found = [
        f"{link.edge.upstream}-{link.edge.downstream}"
        for links in links_of(desk).values()
        for link in links
        if joins(desk.graph, link)
    ]
    assert found == lanes.split()


@pytest.mark.parametrize(
    ("flow", "stage", "groups"),
    [
        (chain, {"a": 0, "b": 0, "c": 0}, ["abc"]),
        (mapped_over_a_value, {"a": 0, "b": 1}, ["a", "b"]),
        (reduced, {"a": 0, "total": 1}, ["a", "total"]),
        (whole_beside_lane, {"a": 0, "total": 1, "b": 2}, ["a", "total", "b"]),
        (whole_of_itself, {"a": 0, "b": 1}, ["a", "b"]),
        (waited_lane, {"a": 0, "b": 0}, ["ab"]),
        (waited_whole, {"a": 0, "b": 1}, ["a", "b"]),
        (diamond, {"a": 0, "b": 0, "c": 0, "d": 0}, ["abcd"]),
        (shortcut, {"a": 0, "b": 0, "c": 0, "total": 1, "d": 2}, ["abc", "total", "d"]),
    ],
)
def test_stages_and_the_nodes_that_share_an_index_space(flow, stage, groups):
    """A lane edge keeps the stage, any other raises it; what lanes join in one stage is a group."""
    desk = Desk(flow, xs=[1, 2])
    links, order = links_of(desk), desk.graph.order()
    found = stages(desk.graph, links, order)
    assert found == stage
    made = regions(desk.graph, links, found, order)
    assert sorted(made) == sorted([g] if g == "total" else list(g) for g in groups)


def test_two_lanes_that_meet_become_one():
    """A node over two separate lanes joins them into one group, in topological order."""

    def zipped(xs):
        return c.map(a.map(xs), b.map(xs))

    desk = Desk(zipped, xs=[1])
    assert grouped(desk, desk.graph.order()) == [["a", "b", "c"]]


def test_only_what_is_to_be_lowered_is_grouped():
    """A finished node between two others leaves them apart."""
    assert grouped(Desk(chain, xs=[1]), ["a", "c"]) == [["a"], ["c"]]


@pytest.mark.parametrize(
    ("flow", "most"),
    [
        (lambda: b(b(a(1))), 1),
        (lambda: (b(a(1)), b(a(1)), a(1)), 3),
        (lambda: [b(x) for x in [a(1)] for _ in range(4)], 4),
        (lambda: c(b(x := a(1)), d(x)), 2),
        (lambda: b(c(*[a(1), a(1)])), 2),
    ],
)
def test_how_many_nodes_run_at_a_time(flow, most):
    """Ways part where a graph begins and behind a node that feeds several."""
    desk = Desk(flow)
    assert breadth(desk.graph, desk.graph.order()) == most

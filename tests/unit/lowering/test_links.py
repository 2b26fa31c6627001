"""How a node's task runs find those before it, by what an edge says of levels."""

from __future__ import annotations

import pytest

from daskflow import flatten, flow, unmapped
from daskflow.lowering.links import link_of, space_in
from daskflow.states import Failed
from tests.unit.lowering.desk import Desk, a, b, c, e, total


def inner(x):
    """Two maps over each other in a lane, and a reduce of the second."""
    first = b.map(a(x))
    return total(c.map(first, unmapped(first)))


def lanes(xs):
    return flow(inner).map(xs)


def opened():
    """Return a desk with two lanes: of the first three children, of the second one."""
    desk = Desk(lanes, xs=[1, 2])
    desk.open("inner", 0, 2)
    for name in ("inner.b", "inner.c"):
        desk.open(name, 1, 1)
        desk.open(name, 0, 3)
    return desk


def links(desk, name):
    """Return the links to a node, by the parameter that they feed."""
    return {edge.key: link_of(desk.graph, edge, desk.spaces) for edge in desk.graph.upstream(name)}


def told(link):
    """Return what a link is, in short."""
    words = {"whole": link.is_whole, "single": link.is_single, "same": link.is_same}
    return " ".join(word for word, is_so in words.items() if is_so)


def below(desk, link, position):
    """Return the ranges of the upstream task runs of the one at a position."""
    up, down = link.edge.upstream, link.edge.downstream
    return link.below(position, desk.columns[down].space, desk.columns[up].space).ranges


def test_what_lies_in_one_lane_is_found_there():
    """Its own element, all of its lane, or the one of its lane: as the levels say."""
    desk = opened()
    to_c, to_b = links(desk, "inner.c"), links(desk, "inner.b")
    (to_total,) = links(desk, "inner.total").values()
    assert {key: told(link) for key, link in to_c.items()} == {
        "args[0]": "single same",
        "args[1]": "",
    }
    assert [told(link) for link in (*to_b.values(), to_total)] == ["single", ""]
    assert [below(desk, to_c["args[0]"], p) for p in (0, 3)] == [[(0, 1)], [(3, 4)]]
    assert [below(desk, to_c["args[1]"], p) for p in (0, 3)] == [[(0, 1)], [(1, 4)]]
    assert [below(desk, to_b["args[0]"], p) for p in (0, 3)] == [[(1, 2)], [(0, 1)]]
    assert [below(desk, to_total, p) for p in (0, 1)] == [[(1, 4)], [(0, 1)]]


def test_spaces_are_the_same_when_their_places_are():
    """Two maps of equal widths that were opened in another order are found by index."""
    desk = Desk(lanes, xs=[1, 2])
    desk.open("inner", 0, 2)
    desk.open("inner.b", 0, 1)
    desk.open("inner.b", 1, 1)
    desk.open("inner.c", 1, 1)
    desk.open("inner.c", 0, 1)
    link = links(desk, "inner.c")["args[0]"]
    assert told(link) == "single"
    assert [below(desk, link, position) for position in (0, 1)] == [[(1, 2)], [(0, 1)]]


@pytest.mark.parametrize(
    ("case", "is_what"),
    [
        (lambda xs: b(a(xs)), "whole"),
        (lambda xs: b.map(a.map(xs)), "single same"),
        (lambda xs: b.map(a(xs)), "whole"),
        (lambda xs: b(a.map(xs)), "whole"),
        (lambda xs: b.map(xs, wait_for=[a.map(xs)]), "single same"),
        (lambda xs: b.map(xs, unmapped(a.map(xs))), "whole"),
        (lambda xs: flow(lambda x: b(a(x)), name="s").map(xs), "single same"),
        (lambda xs: flow(lambda x: b.map([1], unmapped(a(x))), name="s").map(xs), "single"),
    ],
)
def test_what_a_link_is(case, is_what):
    """Whole: the same for all; single: one for each; same: at the same position."""
    desk = Desk(case, xs=[1, 2])
    ((link,),) = [found for name in desk.graph.nodes if (found := list(links(desk, name).values()))]
    assert told(link) == is_what


def test_a_map_over_lanes_leaves_the_root_at_another_level():
    """A sub-flow mapped in a lane over what is outside picks by its own level, not the first."""

    def outer(_, many):
        return flow(lambda x, y: e(x, y), name="deep").map(many, unmapped(many))

    def case(xs, ys):
        return flow(outer).map(xs, unmapped(a.map(ys)))

    desk = Desk(case, xs=[1, 2], ys=[1, 2, 3])
    desk.open("a", 0, 3)
    desk.open("outer", 0, 2)
    desk.open("outer.deep", 1, 3)
    desk.open("outer.deep", 0, 3)
    found = links(desk, "outer.deep.e")
    assert {key: (link.edge.levels, told(link)) for key, link in found.items()} == {
        "args[0]": ((1,), "single"),
        "args[1]": ((), "whole"),
    }
    picked = [below(desk, found["args[0]"], position) for position in range(6)]
    assert picked == [[(0, 1)], [(1, 2)], [(2, 3)]] * 2


def flat(desk):
    """Return the link to a flattened node, and what is below it for each position."""
    (link,) = links(desk, "flatten").values()
    size = desk.spaces["flatten"].size
    return link, [below(desk, link, position) for position in range(size)]


def test_the_elements_of_values_are_found_in_their_part():
    """Flattened over values each element leads to the one whose value has it."""
    desk = Desk(lambda xs: flatten(a.map(xs)), xs=[1, 2, 3])
    desk.open("a", 0, 3)
    desk.open("flatten", 0, 3, (2, 0, 1))
    link, found = flat(desk)
    assert (told(link), found) == ("single", [[(0, 1)], [(0, 1)], [(2, 3)]])


def test_the_elements_of_lanes_are_children():
    """Flattened over a map in lanes each element is a child, or all that lies below it."""
    desk = Desk(lambda xs: flatten(flow(lambda x: b.map(x), name="s").map(xs)), xs=[[1], [2, 3]])
    desk.open("s", 0, 2)
    desk.open("s.b", 1, 2)
    desk.open("s.b", 0, 1)
    desk.open("flatten", 0, 3, (1, 2))
    assert flat(desk)[1] == [[(2, 3)], [(0, 1)], [(1, 2)]]
    desk.spaces["s.b"].children.pop(0)
    desk.spaces["s.b"].decided[0] = state = Failed("no")
    (link,) = links(desk, "flatten").values()
    found = link.below(0, desk.spaces["flatten"], desk.spaces["s.b"])
    assert found == ([], {(0,): state}, True)


def test_the_space_of_a_node_with_a_block():
    """What came with it, else one that has all children: so is any that lies in the root."""
    desk = opened()
    part = desk.spaces["inner.b"]
    assert space_in({"inner.b": part}, desk.graph, "inner.b") is part
    rooted = space_in({}, desk.graph, "inner.a")
    assert (rooted.level, rooted.index_of(5), rooted.find((5,))) == (1, (5,), 5)
    assert space_in({}, Desk(lambda: a()).graph, "a").level == 0

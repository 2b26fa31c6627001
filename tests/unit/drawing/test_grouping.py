"""Groups that can be drawn, and the order of what lies in them."""

from __future__ import annotations

from daskflow.drawing.grouping import Nest, arrange, groups_of, home_of


def nest_of(*names):
    return Nest({name: home_of(name) for name in names}, groups_of(names))


def test_groups_are_dotted_beginnings():
    """A node and a group may have the same name, and depth has an end."""
    assert groups_of(["a", "a.b", "a.b.c"]) == {"a/": "", "a.b/": "a/"}
    assert home_of("a") == ""
    deep = ".".join("x" * 50)
    assert len(groups_of([deep])) == 20
    assert home_of(deep).count(".") == 19


def test_boxes_come_in_the_order_they_had():
    """Where arrows leave a choice."""
    order, _ = arrange(nest_of("c", "a", "b"), [("c", "b")])
    assert order == ["c", "a", "b"]


def test_groups_come_in_one_piece():
    """What stands between two boxes of a group moves before or behind it."""
    order, nest = arrange(nest_of("g.a", "x", "g.b", "y"), [("x", "g.b")])
    assert order == ["x", "g.a", "g.b", "y"]
    assert nest.parents == {"g/": ""}


def test_groups_in_a_circle_are_dissolved_and_no_others():
    """Those on a circle, not those before and behind it."""
    names = "first.a", "one.a", "two.a", "one.b", "last.a"
    links = [("first.a", "one.a"), ("one.a", "two.a"), ("two.a", "one.b"), ("one.b", "last.a")]
    order, nest = arrange(nest_of(*names), links)
    assert order == list(names)
    assert set(nest.parents) == {"first/", "last/"}
    assert nest.homes["one.a"] == ""


def test_an_inner_group_may_be_dissolved_alone():
    """What lay in it lies in the group around it."""
    links = [("g.i.a", "g.x"), ("g.x", "g.i.b")]
    order, nest = arrange(nest_of("g.i.a", "g.x", "g.i.b"), links)
    assert order == ["g.i.a", "g.x", "g.i.b"]
    assert nest.parents == {"g/": ""}
    assert set(nest.homes.values()) == {"g/"}

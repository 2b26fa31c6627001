"""How many task runs there are below each place: maps in mapped sub-flows, and flattened ones."""

from __future__ import annotations

import pytest

from daskflow import flatten, flow, some_successful, unmapped
from daskflow.events import Length
from daskflow.lowering.expand import expand
from daskflow.states import Failed, Pending, Skipped, Success, TriggerFailed
from tests.unit.lowering.desk import Desk, a, b, c, d, e, make, total


def expanded(desk):
    return expand(desk.graph, desk.known, desk.at_hand)


def ends(desk):
    """Return in which states mapped tasks end without children now, by name."""
    return {one.space: one.state for one in expanded(desk).ended}


def opened(desk):
    """Return what opens now, place by place: space, place around it, width."""
    return [(one.space, one.parent, one.width) for one in expanded(desk).openings]


def lanes(xs):
    """A map over a value of each lane, and one over that."""
    return flow(lambda x: c.map(b.map(a(x))), name="s").map(xs)


def test_each_lane_opens_on_its_own():
    """Below a lane whose value is there children are counted; others wait, in any order."""
    desk = Desk(lanes, xs=range(3))
    assert opened(desk) == [("s", 0, 3)]
    desk.play()
    desk.end(**{"s.a": [Pending, Success, Pending]})
    desk.lengths["s.a"] = {1: Length(2)}
    assert opened(desk) == [("s.b", 1, 2), ("s.c", 1, 2)]
    desk.take(desk.lower_unchecked())
    desk.end(**{"s.a": [Success] * 3})
    desk.measure("s.a", 4, 2, 0)
    found = expanded(desk)
    assert [tuple(one[:3]) for one in found.openings] == [
        ("s.b", 0, 4),
        ("s.b", 2, 0),
        ("s.c", 0, 4),
        ("s.c", 2, 0),
    ]
    assert (found.spaces["s.b"].size, desk.spaces["s.b"].size) == (6, 2)
    assert found.spaces["s.b"].index_of(0) == (1, 0)
    assert found.spaces["s.c"].parent is found.spaces["s"]


def test_a_lane_may_end_without_children():
    """What cannot be mapped over ends below its lane alone, and names it."""
    desk = Desk(lanes, xs=range(3))
    desk.play()
    desk.end(**{"s.a": [Failed, Skipped, Success]})
    desk.measure("s.a", 0, 0, "cannot map over an int: no")
    found = expanded(desk)
    assert [(one.space, one.parent, type(one.state)) for one in found.ended] == [
        ("s.b", 0, TriggerFailed),
        ("s.b", 1, Skipped),
        ("s.b", 2, Failed),
        ("s.c", 0, TriggerFailed),
        ("s.c", 1, Skipped),
        ("s.c", 2, TriggerFailed),
    ]
    assert found.ended[2].state.message == "s.b[2], argument 'args[0]': cannot map over an int: no"
    assert not desk.spaces["s.b"].decided  # what the driver knows stays as it is


def test_a_sub_flow_that_ends_without_lanes_ends_all_in_it():
    """Its inner spaces are complete, with nothing in them; what is behind is told by the outer."""
    desk = Desk(lambda xs: total(lanes(xs)), xs="text")
    found = expanded(desk)
    (ended,) = found.ended
    assert ended.state.message.startswith("s, argument 'x': cannot map over a str")
    assert found.spaces["s.c"].is_complete()
    assert found.spaces["s.c"].below(()) == ([], {(): ended.state}, True)
    desk.take(desk.lower())
    assert desk.columns["s.a"].is_finished()


def test_three_levels_open_from_the_outermost():
    """In one pass as far as the lengths are known."""

    def middle(x):
        return flow(lambda y: c.map(y), name="deep").map(x)

    def case(xs):
        return flow(middle, name="s").map(xs)

    desk = Desk(case, xs=[[[1], [2, 3]], [], [[]]])
    assert opened(desk) == [
        ("s", 0, 3),
        ("s.deep", 0, 2),
        ("s.deep", 1, 0),
        ("s.deep", 2, 1),
        ("s.deep.c", 0, 1),
        ("s.deep.c", 1, 2),
        ("s.deep.c", 2, 0),
    ]


@pytest.mark.parametrize(
    ("element", "told"),
    [(5, "cannot map over an int"), ("ab", "cannot map over a str"), (None, "returned None")],
)
def test_an_element_of_a_parameter_that_cannot_be_mapped_over(element, told):
    """Its lane ends, whatever the others hold."""
    desk = Desk(lambda xs: flow(lambda x: c.map(x), name="s").map(xs), xs=[[1], element])
    assert opened(desk) == [("s", 0, 2), ("s.c", 0, 1)]
    assert told in ends(desk)["s.c"].message


def test_a_constant_opens_in_every_lane():
    """So does a list of nodes, which has its own length; a node outside when it is finished."""

    def inner(x, out):
        return a.map([1, 2]), b.map([x, x, x]), c.map([d(x)]), e.map(out)

    def case(xs):
        return flow(inner, name="s").map(xs, unmapped(d()))

    desk = Desk(case, xs=[0, 0])
    assert {one[:3] for one in expanded(desk).openings} == {
        ("s", 0, 2),
        *(("s.a", lane, 2) for lane in (0, 1)),
        *(("s.b", lane, 3) for lane in (0, 1)),
        *(("s.c", lane, 1) for lane in (0, 1)),
    }
    desk.end(d=Success)
    desk.measure("d", 7)
    assert {one[:3] for one in expanded(desk).openings} >= {("s.e", 0, 7), ("s.e", 1, 7)}


def test_a_node_of_two_levels_counts_as_two():
    """An element that is one task run, and the whole of its map, are two inputs of a trigger."""
    two = make("two", trigger=some_successful(at_least=2))

    def case(xs):
        many = a.map(xs)
        return flow(lambda x, y: two.map(x, y), name="s").map(many, unmapped(many))

    desk = Desk(case, xs=[1, 2])
    desk.take(desk.lower_unchecked())
    desk.end(a=[Success, Success])
    desk.measure("a", 2, 2)
    assert opened(desk) == [("s.two", 0, 2), ("s.two", 1, 2)]


# ---------------------------------------------------------------------------------------- flatten


def flat(xs):
    return b.map(flatten(a.map(xs)))


def parts(desk):
    """Return what opens now, with the parts of what is flattened."""
    return {(one.space, one.parent): (one.width, one.parts) for one in expanded(desk).openings}


def test_flatten_counts_the_elements_of_all_values():
    """When each of them is known; what failed or was skipped is one, a text as well."""
    desk = Desk(flat, xs=range(5))
    desk.play(99, a=[Success, Success, Failed, Skipped])
    desk.end(a=[Success, Success, Failed, Skipped, Pending])
    desk.measure("a", 3, 0)
    assert parts(desk) == {}
    desk.end(a=[Success, Success, Failed, Skipped, Success])
    desk.lengths["a"][4] = Length(None, "cannot map over a str", is_text=True)
    assert parts(desk) == {("flatten", 0): (6, (3, 0, 1, 1, 1)), ("b", 0): (6, ())}


def test_flatten_of_nothing():
    """An empty map, or one of empty values, has no elements."""
    desk = Desk(flat, xs=[])
    assert parts(desk)["flatten", 0] == (0, ())
    desk = Desk(flat, xs=[1, 2])
    desk.play()
    desk.measure("a", 0, 0)
    assert parts(desk)["flatten", 0] == (0, (0, 0))


def test_flatten_of_what_cannot_be_taken_apart():
    """One value without a length ends all of it, with the cure; one that ended, likewise."""
    desk = Desk(flat, xs=[1, 2])
    desk.play()
    desk.measure("a", 1, "cannot map over an int: no")
    found = ends(desk)
    assert (
        found["flatten"].message
        == "flatten, argument 'x': the value of a[1]: cannot map over an int: no"
    )
    assert type(found["b"]) is TriggerFailed
    assert type(ends(Desk(flat, xs=None))["flatten"]) is TriggerFailed


def test_flatten_waits_for_what_it_takes_apart():
    """Whose children are not known yet has no elements."""
    assert parts(Desk(lambda: flatten(a.map(b())))) == {}


def test_flatten_of_lanes_counts_children():
    """A map in a sub-flow: the parts are its lanes, one that ended is one element."""
    desk = Desk(lambda xs: flatten(flow(lambda x: b.map(x), name="s").map(xs)), xs=[[1, 2], 5, []])
    assert parts(desk)["flatten", 0] == (3, (2, 1, 0))


def test_flatten_of_lanes_that_are_not_open_yet():
    """Each lane has to tell how wide it is."""
    desk = Desk(lambda xs: flatten(lanes(xs)), xs=[1, 2])
    desk.play()
    desk.measure("s.a", 3)
    desk.end(**{"s.a": [Success, Pending]})
    assert ("flatten", 0) not in parts(desk)
    desk.end(**{"s.a": [Success, Success]})
    desk.measure("s.a", 3, 1)
    assert parts(desk)["flatten", 0] == (4, (3, 1))


def test_flatten_in_a_lane_takes_apart_what_is_in_it():
    """Each lane has its own parts."""
    desk = Desk(lambda xs: flow(lambda x: flatten(b.map(x)), name="s").map(xs), xs=[[1, 2], [3]])
    desk.play()
    desk.measure("s.b", 2, 0, 1)
    assert parts(desk) == {("s.flatten", 0): (2, (2, 0)), ("s.flatten", 1): (1, (1,))}


def test_a_lane_of_what_ended_ends_too():
    """A map over one lane of a map that ended there is refused, before it has children."""
    desk = Desk(lambda xs: flow(lambda x: c.map(x), name="t").map(lanes(xs)), xs=[1, 2])
    desk.play()
    desk.end(**{"s.a": [Failed, Success]})
    desk.measure("s.a", 0, 2)
    found = expanded(desk)
    assert [(one.space, one.parent, type(one.state)) for one in found.ended] == [
        ("s.b", 0, TriggerFailed),
        ("s.c", 0, TriggerFailed),
        ("t.c", 0, TriggerFailed),
    ]
    assert ("t.c", 1, 2, ()) in found.openings

"""How many children a mapped task has, and when it ends without any."""

from __future__ import annotations

import pytest

from daskflow import DefinitionError, flatten, flow, some_successful, unmapped
from daskflow.events import Length
from daskflow.lowering.expand import expand
from daskflow.states import Cancelled, Failed, Mapped, Pending, Skipped, Success, TriggerFailed
from tests.unit.lowering.desk import (
    Desk,
    a,
    always,
    b,
    c,
    d,
    e,
    lucky,
    make,
    proud,
    rescue,
    total,
)


def expanded(desk):
    return expand(desk.graph, desk.known, desk.at_hand)


def widths(desk):
    """Return how many children mapped tasks come to have now, by name."""
    return {one.space: one.width for one in expanded(desk).openings}


def ends(desk):
    """Return in which states mapped tasks end without children now, by name."""
    return {one.space: one.state for one in expanded(desk).ended}


def over_parameter(xs):
    return b.map(xs)


def over_value():
    return b.map(a())


def over_two_values():
    return c.map(a(), b())


def over_list():
    return c.map([a(), b(), 3])


def over_lane(xs):
    return c.map(b.map(xs))


def zipped(xs, ys):
    return c.map(a.map(xs), b.map(ys))


def waiting(xs, ys):
    return c.map(xs, wait_for=[b.map(ys)])


@pytest.mark.parametrize(
    ("flow", "values", "wide"),
    [
        (over_parameter, {"xs": range(7)}, {"b": 7}),
        (over_parameter, {"xs": []}, {"b": 0}),
        (over_lane, {"xs": ["a", "b"]}, {"b": 2, "c": 2}),
        (zipped, {"xs": [1], "ys": (2,)}, {"a": 1, "b": 1, "c": 1}),
        (waiting, {"xs": [1, 2], "ys": [3, 4]}, {"b": 2, "c": 2}),
    ],
)
def test_the_width_of_what_is_known_at_the_start(flow, values, wide):
    """Parameters, constants and lanes over them give their widths in the first pass."""
    desk = Desk(flow, **values)
    assert (widths(desk), ends(desk)) == (wide, {})


def test_a_width_is_waited_for():
    """A map over a value is decided once the value is there, and then only once."""
    desk = Desk(over_value)
    assert widths(desk) == {}
    desk.end(a=Success)
    desk.measure("a", 4)
    assert widths(desk) == {"b": 4}
    desk.open("b", 0, 4)
    assert widths(desk) == {}


def test_a_lane_waits_for_the_width_of_the_lane_before_it():
    """A map over a map has children in the pass in which the first one has, not before."""

    def case():
        return c.map(b.map(a()))

    desk = Desk(case)
    assert widths(desk) == {}
    desk.end(a=Success)
    desk.measure("a", 2)
    assert widths(desk) == {"b": 2, "c": 2}


def test_a_list_of_nodes_has_its_own_length():
    """The length of a list of nodes is known before any of them is finished."""
    assert widths(Desk(over_list)) == {"c": 3}


def test_every_input_that_gives_the_width_is_waited_for():
    """One unfinished input of several is enough to wait."""
    desk = Desk(over_two_values).end(a=Success)
    desk.measure("a", 1)
    assert widths(desk) == {}
    desk.end(b=Success)
    desk.measure("b", 1)
    assert widths(desk) == {"c": 1}


def test_what_is_not_mapped_is_not_waited_for():
    """An unmapped argument and what is waited for whole are asked by the children."""

    def case(xs):
        return b.map(xs, unmapped(a()), wait_for=[c()])

    assert widths(Desk(case, xs=[1, 2])) == {"b": 2}


@pytest.mark.parametrize(
    ("flow", "values", "told"),
    [
        (
            zipped,
            {"xs": [1, 2], "ys": [1]},
            r"^c.map: its mapped arguments \(args\[0\], args\[1\]\) have lengths 2 and 1$",
        ),
        (waiting, {"xs": [1], "ys": [1, 2]}, r"c.map: .*, wait_for b\) have lengths 1 and 2"),
        (
            over_parameter,
            {"xs": "abc"},
            r"^b, argument 'args\[0\]': cannot map over a str: wrap it",
        ),
        (over_parameter, {"xs": None}, "the task before it returned None"),
        (over_parameter, {"xs": {1, 2}}, "cannot map over a set: a set has no order"),
    ],
)
def test_what_cannot_be_mapped_over_together(flow, values, told):
    """Unequal lengths and values without any end the parent as Failed, with the cure."""
    state = list(ends(Desk(flow, **values)).values())[-1]
    assert isinstance(state, Failed)
    assert str(state.exception) == state.message
    with pytest.raises(DefinitionError, match=told):
        raise state.exception


@pytest.mark.parametrize(
    ("lengths", "told"),
    [
        (["cannot map over a dict: map over list(d.items())"], "map over list"),
        ([], "the task before it gave no value"),
    ],
)
def test_a_value_that_cannot_be_mapped_over(lengths, told):
    """What the worker told of a value is the reason why its map failed."""
    desk = Desk(over_value).end(a=Success)
    desk.measure("a", *lengths)
    assert told in ends(desk)["b"].message


@pytest.mark.parametrize(
    ("kind", "trigger", "decided"),
    [
        (Success, b, int),
        (Failed, b, TriggerFailed),
        (Cancelled, b, TriggerFailed),
        (Skipped, b, Skipped),
        (Skipped, proud, Failed),  # it runs, but None has no length
        (Failed, rescue, Failed),  # likewise
        (Success, rescue, TriggerFailed),
    ],
)
def test_trigger_and_skip_are_asked_of_the_parent(kind, trigger, decided):
    """The parent ends without children where its trigger or the skip rule says so."""
    desk = Desk(lambda: trigger.map(a())).end(a=kind)
    if kind is Success:
        desk.measure("a", 3)
    found = widths(desk) | ends(desk)
    assert type(found[trigger.name]) is decided


def test_a_mapped_input_counts_as_one_success():
    """Whatever its children became, a mapped input is one successful state to the parent."""
    desk = Desk(lambda xs: rescue.map(b.map(xs)), xs=[1, 2])
    desk.open("b", 0, 2)
    desk.end(b=[Failed, Failed])
    assert isinstance(ends(desk)["rescue"], TriggerFailed)


def test_a_trigger_of_the_users_sees_the_parents_inputs():
    """A function is asked with a state for each edge that gives the width."""
    asked = []

    def mine(states):
        asked.extend((edge.upstream, edge.key, type(state)) for edge, state in states.items())
        return True

    both = make("both", trigger=mine)
    desk = Desk(lambda xs: both.map(a(), b.map(xs), unmapped(c())), xs=[1]).end(a=Success)
    desk.measure("a", 1)
    assert widths(desk) == {"b": 1, "both": 1}
    assert asked == [("a", "args[0]", Success), ("b", "args[1]", Mapped)]


def test_an_input_of_two_arguments_counts_once():
    """A task passed twice is one upstream task run to a trigger that counts."""
    two = make("two", trigger=some_successful(at_least=2))

    def case():
        x = a()
        return two.map(x, x)

    desk = Desk(case).end(a=Success)
    desk.measure("a", 1)
    assert isinstance(ends(desk)["two"], TriggerFailed)


def test_a_parent_that_ended_ends_the_lane_behind_it():
    """In the same pass: what is mapped over a Failed parent is TriggerFailed, and so on."""
    found = ends(Desk(lambda xs: c.map(b.map(xs)), xs="abc"))
    assert [type(found[name]) for name in "bc"] == [Failed, TriggerFailed]


def test_a_parent_decided_in_an_earlier_pass_is_seen():
    """The state of a parent that ended before reaches its lane later."""
    desk = Desk(lambda xs: lucky.map(b.map(xs), a()), xs="abc")
    desk.spaces["b"].decided[0] = Failed()
    assert ends(desk) == {}
    desk.end(a=Success)
    desk.measure("a", 1)
    state = ends(desk)["lucky"]
    assert "the task before it has no children" in state.message


@pytest.mark.parametrize("how", ["argument", "wait_for"])
def test_a_parent_without_children_gives_no_width(how):
    """Where the trigger lets it through, a map over a Failed parent fails for want of a length."""

    def case(xs):
        failed = b.map(xs)
        return always.map(failed) if how == "argument" else always.map([1], wait_for=[failed])

    state = ends(Desk(case, xs=None))["always"]
    assert isinstance(state, Failed)
    assert "the task before it has no children" in state.message
    assert ("wait_for b" in state.message) is (how == "wait_for")


# ------------------------------------------------------------------------------- spaces in spaces


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
    assert found["flatten"].message == (
        "flatten, argument 'x': the value of a[1]: cannot map over an int: no"
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

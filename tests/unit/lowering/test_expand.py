"""How many children a mapped task has, and when it ends without any."""

from __future__ import annotations

import pytest

from daskflow import DefinitionError, Fail, Loop, Pause, Skip, some_successful, unmapped
from daskflow.lowering.expand import expand
from daskflow.states import Cancelled, Failed, Mapped, Skipped, Success, TriggerFailed
from tests.unit.lowering.desk import Desk, a, always, b, c, lucky, make, proud, rescue


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


@pytest.mark.parametrize(
    ("signal", "kind", "told"),
    [
        (Skip("so"), Skipped, "so"),
        (Fail("so"), Failed, "so"),
        (
            Pause("so"),
            TriggerFailed,
            "its trigger raised Pause, which is for task runs with a body",
        ),
        (Loop(), TriggerFailed, "its trigger raised Loop, which is for task runs with a body"),
    ],
)
def test_a_trigger_of_the_users_that_raises_a_signal(signal, kind, told):
    """The parent ends so where it can; it has no body that could wait or be called again."""

    def raising(states):
        raise signal

    odd = make("odd", trigger=raising)
    state = ends(Desk(lambda: odd.map(a())).end(a=Success))["odd"]
    assert (type(state), state.message) == (kind, told)


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

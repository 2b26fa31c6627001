"""What a task run gets of the task runs before it: their states and their values."""

from __future__ import annotations

import pytest

from daskflow import all_finished, flow, task, unmapped
from daskflow.lowering.plan import Slice
from daskflow.lowering.spaces import Space
from daskflow.runtime.inputs import Inputs, Literal
from daskflow.runtime.wiring import Wire
from daskflow.states import Failed, Pending, Retrying, Skipped, Success
from tests.unit.runtime.book import Book, segment


@task
def a(x=0): ...


@task
def b(x=0, y=0): ...


def wire(function, *received, slices=(), spaces=None, node="b", **parameters):
    """Return the view of node b on what came in."""
    spec = Book(function, **parameters).spec
    return Wire(spec, node, Inputs(spec, received, slices, spaces))


def ended(name, start, *values, kind=Success):
    """Return the segment of task runs that ended with these values."""
    made = segment(name, start, *[kind] * len(values))
    made.values = dict(enumerate(values))
    return made


def codes(*kinds):
    return bytes(kind.code for kind in kinds)


def childless(state):
    """Return the index space of a mapped node that ended without children."""
    space = Space(Space())
    space.decided[0] = state
    return space


def lane(xs):
    return b.map(a.map(xs))


def whole(xs):
    return b(a.map(xs))


def test_a_lane_sees_its_own_element():
    """The child at a position gets the state and the value at that position."""
    there = wire(lane, [ended("a", 2, "two", "three")], xs=range(9))
    assert there.codes(3) == [codes(Success)]
    assert there.arguments(3) == (["three"], {})
    ((edge, state),) = there.states(3).items()
    assert (edge.upstream, edge.map_index, type(state)) == ("a", (3,), Success)


def test_what_is_unknown_is_pending():
    """A task run that nothing was told of is not finished."""
    there = wire(lane, [ended("a", 0, "zero")], xs=range(9))
    assert there.codes(5) == [codes(Pending)]
    assert list(there.states(5).values()) == [Pending()]
    assert there.inputs.value("a", 5) is None


@flow
def pairs(y, ys):
    return b.map(ys, unmapped(y))


def crossed(xs):
    made = a.map(xs)
    return pairs.map(made, unmapped(made))


def test_what_was_given_back_is_pending_on_each_of_several_ways():
    """The block of an upstream task run ended before it began that one, and told nothing of it."""
    around = Space(Space())
    around.open(0, 2)
    spaces = {"pairs": around, "pairs.b": Space(around)}
    spaces["pairs.b"].open(0, 2)
    spaces["pairs.b"].open(1, 2)
    there = wire(crossed, [ended("a", 0, 7)], spaces=spaces, node="pairs.b", xs=range(2))
    assert [sorted(b"".join(there.codes(position))) for position in range(4)] == [
        sorted(codes(*kinds))
        for kinds in ([Success], [Success, Pending], [Success, Pending], [Pending])
    ]


def test_a_whole_is_gathered_in_order():
    """Segments of several blocks become one list, wherever each of them stands."""
    there = wire(whole, [ended("a", 2, 20, 30)], [ended("a", 0, 0, 10)], xs=range(4))
    assert there.codes(0) == [codes(*[Success] * 4)]
    assert there.arguments(0) == ([[0, 10, 20, 30]], {})
    assert [edge.map_index for edge in there.states(0)] == [(0,), (1,), (2,), (3,)]


@pytest.mark.parametrize("order", [1, -1])
def test_what_is_finished_wins(order):
    """Of two tellings of one task run the finished one counts, whichever came first."""
    early = segment("a", 0, Retrying, Success)
    early.values = {1: "one"}
    received = [[early], [ended("a", 0, "zero")]][::order]
    there = wire(whole, *received, xs=range(2))
    assert there.codes(0) == [codes(Success, Success)]
    assert there.arguments(0) == ([["zero", "one"]], {})
    assert there.inputs.code("a", 0) == Success.code
    assert there.inputs.value("a", 0) == "zero"


def test_a_parent_without_children_is_one_state():
    """Its consumer is asked about the parent, and gets its exception or None."""
    error = ValueError("not mappable")
    there = wire(whole, spaces={"a": childless(Failed("no", exception=error))}, xs=None)
    assert there.codes(0) == [codes(Failed)]
    assert there.arguments(0) == ([error], {})
    ((edge, state),) = there.states(0).items()
    assert (edge.map_index, state.message, state.exception) == ((), "no", error)
    skipped = wire(whole, spaces={"a": childless(Skipped("so"))}, xs=None)
    assert skipped.arguments(0) == ([None], {})


def test_a_lane_beside_the_whole_of_it():
    """Each upstream task run is asked about once, and the child gets both values."""

    def case(xs):
        x = a.map(xs)
        return b.map(x, unmapped(x))

    there = wire(case, [ended("a", 0, 10, 11)], xs=range(2))
    assert sum(len(column) for column in there.codes(1)) == 2
    assert sorted(edge.map_index for edge in there.states(1)) == [(0,), (1,)]
    assert there.arguments(1) == ([11, [10, 11]], {})
    assert there.arguments(0) == ([10, [10, 11]], {})


def test_a_list_of_nodes_gives_each_child_its_own():
    """Mapped over a list of nodes a child waits for the nodes in its element alone."""

    def case():
        return b.map([a(1), [a(2), a(3)], 7])

    received = [ended("a", 0, "x")], [ended("a-2", 0, "y")], [ended("a-3", 0, "z", kind=Failed)]
    there = wire(case, *received)
    assert [len(there.codes(i)) for i in range(3)] == [1, 2, 0]
    assert [there.arguments(i)[0][0] for i in range(3)] == ["x", ["y", "z"], 7]
    assert [edge.upstream for edge in there.states(1)] == ["a-2", "a-3"]
    assert there.states(2) == {}


def test_a_node_in_a_list_and_beside_it_counts_once():
    """A node that every child waits for is not asked about again as an element."""

    def case():
        x = a(1)
        return b.map([x, 2], unmapped(x))

    there = wire(case, [ended("a", 0, "x")])
    assert there.codes(0) == there.codes(1) == [codes(Success)]
    assert there.arguments(0) == (["x", "x"], {})


def test_arguments_from_literals():
    """Parameters and constants come from the spec, elements by position, keywords by name."""

    def case(xs, limit):
        return b.map(xs, y=unmapped([limit, {"k": limit}]))

    there = wire(case, xs=[5, 6], limit=9)
    assert there.arguments(1) == ([6], {"y": [9, {"k": 9}]})
    assert there.codes(1) == []


def test_large_literals():
    """A large one comes whole as an input, or by the slice that holds the position."""

    def case(xs, big):
        return b.map(xs, unmapped(big))

    book = Book(case, xs=None, big=None)
    book.literals.clear()  # too large to travel with the spec
    slices = (Slice("other", 0, [0] * 9), Slice("xs", 0, ["a"]), Slice("xs", 4, ["e", "f"]))
    there = Wire(book.spec, "b", Inputs(book.spec, [Literal("big", "large")], slices))
    assert [there.arguments(i)[0] for i in (0, 5)] == [["a", "large"], ["f", "large"]]
    with pytest.raises(LookupError, match="no slice of xs holds position 2"):
        there.arguments(2)


def test_mapped_over_a_value():
    """The elements of an upstream value are taken by position, and its state is asked of each."""
    there = wire(lambda: b.map(a()), [ended("a", 0, (7, 8))])
    assert [there.arguments(i) for i in (0, 1)] == [([7], {}), ([8], {})]
    assert there.codes(1) == [codes(Success)]


def test_a_state_in_full():
    """A user's trigger sees attempts, messages, instants, and the exception of a failure."""
    failed = segment("a", 0, Failed, notes={0: {"message": "no"}})
    error = ValueError("no")
    failed.values = {0: error}
    always = task(b.fn, name="b", trigger=all_finished)
    (state,) = wire(lambda: always(a()), [failed]).states(0).values()
    assert (state.message, state.attempt, state.exception) == ("no", 1, error)
    assert state.timestamp.timestamp() == 101.0

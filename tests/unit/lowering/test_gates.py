"""What is in a case waits for it, and what is mapped there ends with it."""

from __future__ import annotations

import pytest

from daskflow import case, flow
from daskflow.definition.nodes import NodeRef
from daskflow.lowering.expand import expand
from daskflow.states import Cancelled, Failed, Mapped, Skipped, Success, TriggerFailed
from tests.unit.lowering.desk import Desk, a, always, b, c, d, told


def cased(xs):
    with case(a(), 1):
        b()
        c.map(xs)


def ends(desk):
    """Return in which states mapped tasks end without children now, by name."""
    found = expand(desk.graph, desk.known, desk.at_hand)
    return {one.space: type(one.state) for one in found.ended}


def test_gates_are_edges_and_belong_to_index_spaces():
    """One from the case to each node in it, or to the index space of what is mapped there."""
    graph = Desk(cased).graph
    assert [(e.upstream, e.key) for e in graph.upstream("b") if e.is_gate] == [("case", None)]
    assert graph.upstream("c") == []
    assert graph.spaces["c"].gates == (NodeRef("case"),)
    assert set(graph.after("case")) == {"b", "c"}
    assert set(graph.before("c")) == {"case"}


def test_a_block_waits_for_the_cases_of_its_task_runs():
    """It names their blocks as inputs; a map has no task runs before its case is decided."""
    desk = Desk(cased, xs=[1, 2])
    plan = desk.lower(block_size=1)
    assert told(plan) == ["1: a 0-1", "2: case 0-1 <- 1", "3: b 0-1 <- 2"]
    assert (plan.openings, plan.ended) == ((), ())
    desk.take(plan)
    desk.end(plan)
    plan = desk.lower(block_size=1)
    assert [(one.space, one.width) for one in plan.openings] == [("c", 2)]


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        (Success, None),
        (Skipped, Skipped),
        (Failed, TriggerFailed),
        (TriggerFailed, TriggerFailed),
        (Cancelled, TriggerFailed),
    ],
)
def test_how_a_map_ends_with_its_case(kind, end):
    """It opens, is skipped, or does not start; whatever its own trigger says."""

    def mapped(xs):
        with case(a(), 1):
            always.map(xs)

    desk = Desk(mapped, xs=[1]).end(a=Success, case=kind)
    assert ends(desk) == ({} if end is None else {"always": end})


def test_a_map_in_a_case_waits_for_what_gives_its_width():
    """It ends when all is finished that it would need, as other task runs do."""

    def mapped():
        with case(a(), 1):
            c.map(b())

    desk = Desk(mapped).end(case=Skipped)
    assert ends(desk) == {}
    assert ends(desk.end(b=Skipped)) == {"c": Skipped}


def test_a_case_that_is_mapped_itself():
    """A gate from many task runs is shut where all of them were skipped, or none came to be."""

    def mapped(xs):
        a.map(b.map(xs))
        c.map([1])

    def desk(xs):
        made = Desk(mapped, xs=xs)
        made.graph.add_gate("c", NodeRef("a"))
        return made

    made = desk([1, 2])
    assert ends(made) == {}
    made.open("b", 0, 2)
    made.open("a", 0, 2)
    assert ends(made.end(a=[Skipped])) == {}
    assert ends(made.end(a=[Skipped, Mapped])) == {}
    assert [one.space for one in made.lower().openings] == ["c"]
    assert ends(made.end(a=[Skipped, Skipped])) == {"c": Skipped}
    assert ends(desk("abc"))["c"] is TriggerFailed  # for `a` has no children


def test_cases_in_lanes():
    """Each lane is ended by its own case, and finds it at its own position."""

    @flow
    def part(x):
        with case(a(x), 1):
            b(x)
            c.map([x])
            with case(x, 2):
                d()

    desk = Desk(lambda xs: part.map(xs), xs=[1, 2])
    plan = desk.play(block_size=8)
    assert told(plan) == ["1: part.a,part.case,part.b,part.case-2,part.d 0-2"]
    desk.end(**{"part.case": [Skipped, Success]})
    found = expand(desk.graph, desk.known, desk.at_hand)
    assert [(one.parent, type(one.state)) for one in found.ended] == [(0, Skipped)]
    assert [(one.parent, one.width) for one in found.openings] == [(1, 1)]
    message = found.ended[0].state.message
    assert message == "because of part.case[0]"

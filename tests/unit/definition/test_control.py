"""Cases while a flow is traced: which gates are recorded, also in parts of flows and by hand."""

from __future__ import annotations

import pytest

from daskflow import CycleError, Edge, Flow, LocalExecutor, Parameter, case, flow, task, unmapped
from daskflow.definition.nodes import NodeRef
from tests.unit.definition.test_editing import shape


@task
def ident(x=None): ...


def gates(graph):
    """Return what is gated by what: nodes, and index spaces with a slash."""
    nodes = [(e.upstream, e.downstream, e.levels) for e in graph.edges() if e.is_gate]
    spaces = graph.spaces.values()
    lanes = [(one.name, f"{space.name}/", one.levels) for space in spaces for one in space.gates]
    return sorted(nodes + lanes)


def body(p, xs):
    """Use cases in and around all that there is."""
    with case(p, 1):
        a = ident.named("a")(0)
        ident.named("b").map(xs)
        lane = flow(lambda x: _in_lane(x), name="lane")
        lanes = lane.map(xs)
        with case(a, 2):
            c = ident.named("c")(3)
    return [c, lanes]


def _in_lane(x):
    with case(x, 3):
        ident.named("d")(4)
        return ident.named("e").map([x, 5])


def by_hand():
    """Return the same as a flow by hand."""
    with Flow("inner") as f:
        f.set_returned(body(Parameter("p"), Parameter("xs")))
    return f


WANTED = [
    ("case", "a", ()),
    ("case", "b/", ()),
    ("case", "case-2", ()),
    ("case", "lane/", ()),
    ("case-2", "c", ()),
    ("lane.case", "lane.d", (0,)),
    ("lane.case", "lane.e/", (0,)),
]


def test_what_is_gated():
    """All in a case by the innermost around it; what is in lanes by the lanes."""
    assert gates(flow(body).graph()) == gates(by_hand().graph()) == WANTED


@pytest.mark.parametrize("how", ["called", "in a case", "lanes", "lanes in a case"])
def test_a_graph_by_hand_brings_its_cases(how):
    """Called or mapped, in a case or not, it is as if its function had been traced there."""

    def outer(inner):
        def call():
            if "lanes" in how:
                inner.map(p=[1, 2], xs=unmapped([3]))
            else:
                inner(p=1, xs=[3])

        def function():
            if "case" in how:
                with case(6, 6):
                    return call()
            return call()

        return flow(function, name="outer").graph()

    graph = outer(by_hand())
    wanted = outer(flow(body, name="inner"))
    assert gates(graph) == gates(wanted)
    assert set(graph.edges()) == set(wanted.edges())
    assert len(gates(graph)) == len(WANTED) + ("case" in how)


def test_another_flow_taken_in_keeps_its_cases():
    """`update` and a copy of the flow have the same gates."""
    f = Flow("f")
    f.update(by_hand())
    assert gates(f.graph()) == WANTED
    copied = by_hand().with_options(name="other")
    assert gates(copied.graph()) == WANTED
    copied.graph().add_gate("b", NodeRef("case-2"))
    assert len(gates(copied.graph())) == len(WANTED) + 1


def test_another_task_in_the_place_of_one_stays_in_its_case():
    """So does a case's own: what is in it is gated by whatever is there."""
    f = by_hand()
    f.replace("a", task(abs, name="other"))
    f.replace("case", task(max, name="another"))
    assert gates(f.graph()) == WANTED


def test_a_node_that_is_mapped_from_now_on():
    """Its gates are those of its index space; adding an edge in a case puts nothing into it."""
    f = by_hand()
    f.add_task(task(ident.fn, name="free"))
    with f, case(1, 1):
        f.add_task(task(ident.fn, name="inside"))
        f.add_edge("free", "c")
        f.add_edge(Parameter("xs"), "free", key="x", mapped=True)
        f.add_edge(Parameter("xs"), "inside", key="x", mapped=True)
    assert sorted(gates(f.graph())) == sorted([*WANTED, ("case-3", "inside/", ())])


def test_circles_through_cases_are_refused():
    """Through a gate of a node and of an index space; the graph stays as it was."""

    def function(xs):
        a = ident.named("a")(1)
        m = ident.named("m").map(xs)
        with case([a, m], 1):
            ident.named("inside").map([1])
        return flow(lambda x: ident(x), name="lane").map(m)

    f = flow(function)
    graph = f.graph()
    before = shape(graph), gates(graph)
    for change, told in [
        (lambda: graph.add_edge(Edge("case", "a", is_gate=True)), "a -> case -> a"),
        (lambda: graph.add_gate("m", NodeRef("case")), "m -> case -> m"),
        (lambda: f.add_edge("inside", "a"), "a -> case -> inside -> a"),
        (lambda: graph.add_gate("m", NodeRef("lane.ident")), "m -> lane.ident -> m"),
    ]:
        with pytest.raises(CycleError, match=told):
            change()
        assert (shape(graph), gates(graph)) == before


def test_a_value_that_looks_like_another_is_shown_by_its_kind():
    """A class of the name of a builtin cannot be written as that one; the message comes anyway."""
    strange = type("list", (), {})()

    @flow(executor=LocalExecutor())
    def choose():
        with case(strange, 1):
            ident()

    assert (
        str(choose.run()["case"].state) == "Skipped('the value was a list, this branch is for 1')"
    )

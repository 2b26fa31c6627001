"""What calls of tasks and flows become: nodes, edges, index spaces."""

from __future__ import annotations

import pytest

from daskflow import DefinitionError, flatten, flow, successful, task, unmapped
from daskflow.definition.nodes import Argument, Element, Giver, LiteralRef, NodeRef
from daskflow.definition.placeholders import Node
from daskflow.graph import Edge


@task
def a(x=0, y=0): ...


@task
def b(x=0, y=0): ...


def traced(function):
    return flow(function, name="case").definition()


@pytest.mark.parametrize(
    ("call", "edges"),
    [
        (lambda: b(a(), y=a()), [Edge("a", "b", "x"), Edge("a-2", "b", "y")]),
        (lambda: b([a(), {"k": a()}]), [Edge("a", "b", "x"), Edge("a-2", "b", "x")]),
        (lambda: b(1, wait_for=[a()]), [Edge("a", "b")]),
        (lambda: b.map(a()), [Edge("a", "b", "x", mapped=True)]),
        (lambda: b.map([a(), 1]), [Edge("a", "b", "x")]),
        (lambda: b.map([1], unmapped(a())), [Edge("a", "b", "y")]),
        (lambda: b.map([1], wait_for=[a()]), [Edge("a", "b")]),
        (lambda: b.map([1], wait_for=[a.map([1])]), [Edge("a", "b", mapped=True, levels=(0,))]),
        (lambda: b.map(a.map([1])), [Edge("a", "b", "x", mapped=True, levels=(0,))]),
        (lambda: b(a.map([1])), [Edge("a", "b", "x")]),
        (lambda: b(successful(a.map([1]))), [Edge("a", "b", "x")]),
        (lambda: b.map([1], wait_for=[unmapped(a.map([1]))]), [Edge("a", "b")]),
        (lambda: b(1, wait_for=[[a(), a()]]), [Edge("a", "b"), Edge("a-2", "b")]),
    ],
)
def test_the_edges_of_a_call(call, edges):
    """Each node in an argument is an edge that names the parameter; mapped where it is."""
    assert list(traced(call).graph.edges()) == edges


def test_constants_and_parameters_are_literals():
    """A constant is kept under node and parameter, a parameter under its own name."""

    def case(limit):
        return a(limit, y=[1, 2])

    made = traced(case)
    assert made.literals == {"a.y": [1, 2]}
    x, y = made.graph.nodes["a"].arguments
    assert (x, y) == (
        Argument("x", LiteralRef("limit")),
        Argument("y", LiteralRef("a.y"), keyword="y"),
    )
    assert made.returned == NodeRef("a")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: a(unmapped(1)), r"a: unmapped\(\) belongs into \.map"),
        (lambda: a.map(unmapped([1])), r"a\.map\(\) has no mapped argument; call a\("),
        (lambda: a.map("text"), "a, argument 'x': cannot map over a str"),
        (lambda: a(wait_for=[1]), "a: wait_for takes what tasks returned, not 1"),
        (lambda: a(wait_for=b()), "a: wait_for takes a list"),
        (lambda: a(wait_for=3), "a: wait_for takes a list"),
        (lambda: (a.named("x")(), b.named("x")()), "two nodes named 'x'"),
        (lambda: a(Node("elsewhere")), "belongs to another flow"),
    ],
)
def test_calls_that_make_no_sense(call, told):
    """A wrong call is refused while the flow is traced, naming the task and the cure."""
    with pytest.raises(DefinitionError, match=told):
        traced(call)


def test_names_of_nodes():
    """A second call gets a number; a number that is taken by name is passed over."""

    def case():
        a()
        a.named("a-2")()
        a()
        a()

    assert list(traced(case).graph.nodes) == ["a", "a-2", "a-3", "a-4"]


def test_names_inside_an_inlined_flow():
    """A flow called in a flow puts its nodes under its name, a second call under a number."""
    inner = flow(lambda x: a(b(x)), name="inner")
    outer = flow(lambda: inner(inner(1)), name="outer")
    assert list(traced(lambda: (outer(), inner(2))).graph.nodes) == [
        "outer.inner.b",
        "outer.inner.a",
        "outer.inner-2.b",
        "outer.inner-2.a",
        "inner.b",
        "inner.a",
    ]


# ------------------------------------------------------------------------------- mapped sub-flows


def test_the_nodes_of_a_mapped_sub_flow_share_its_space():
    """Its calls lie in one space, a map in it in one behind that; a second call gets a number."""

    def inner(x, y):
        return b(a(x), b.map(y))

    def case(xs, ys):
        sub = flow(inner, name="inner")
        return sub.map(xs, ys), sub.map(xs, ys)

    graph = traced(case).graph
    assert {name: node.space for name, node in graph.nodes.items()} == {
        "inner.a": "inner",
        "inner.b": "inner.b",
        "inner.b-2": "inner",
        "inner-2.a": "inner-2",
        "inner-2.b": "inner-2.b",
        "inner-2.b-2": "inner-2",
    }
    assert {name: (space.parent, space.depth) for name, space in graph.spaces.items()} == {
        "": ("", 0),
        "inner": ("", 1),
        "inner.b": ("inner", 2),
        "inner-2": ("", 1),
        "inner-2.b": ("inner-2", 2),
    }
    assert graph.spaces["inner"].givers == (
        Giver("x", LiteralRef("xs")),
        Giver("y", LiteralRef("ys")),
    )


def test_edges_inside_a_lane_keep_to_it():
    """What is called in one lane needs what is in the same lane, and all of what is outside."""

    def case(xs):
        out = a(0)
        many = a.map(xs)
        sub = flow(lambda x, y: b(a(x), b.map(y, unmapped(out), wait_for=[out])), name="inner")
        return sub.map(many, unmapped(many))

    assert list(traced(case).graph.edges()) == [
        Edge("a-2", "inner.a", "x", levels=(0,)),
        Edge("a-2", "inner.b", "x", mapped=True, levels=(1,)),
        Edge("a", "inner.b", "y"),
        Edge("a", "inner.b"),
        Edge("inner.a", "inner.b-2", "x", levels=(0,)),
        Edge("inner.b", "inner.b-2", "y", levels=(0,)),
    ]


def test_the_element_of_a_value_that_only_workers_see_gets_a_node():
    """Mapped over in a lane it could not be told how long it is; a parameter's can."""
    graph = traced(lambda: flow(lambda x: b.map(x), name="inner").map(a())).graph
    assert list(graph.nodes) == ["a", "inner.element", "inner.b"]
    assert graph.nodes["inner.element"].arguments == (Argument("x", Element(NodeRef("a"), 0)),)
    graph = traced(lambda xs: flow(lambda x: b.map(x), name="inner").map(xs)).graph
    assert graph.spaces["inner.b"].givers == (Giver("x", Element(LiteralRef("xs"), 0)),)


def test_what_a_lane_returns_is_one_node():
    """A list of nodes becomes the value of a node of its own, nothing stays nothing."""
    inner = flow(lambda x: [a(x), b(x)], name="inner")
    made = traced(lambda: inner.map([1, 2]))
    assert made.returned == NodeRef("inner.returned")
    quiet = flow(lambda x: None, name="inner")
    assert "<returned>" in traced(lambda: quiet.map([1])).literals


def test_defaults_are_the_same_in_each_lane():
    """What is not given to a mapped sub-flow is not mapped over."""

    def inner(x, y=(1, 2)):
        return a(x, y)

    made = traced(lambda: flow(inner).map([1]))
    assert made.graph.nodes["inner.a"].arguments[1].form == LiteralRef("inner.a.y")
    assert made.literals["inner.a.y"] == (1, 2)


def test_nodes_of_other_spaces_are_taken_as_far_as_both_share_one():
    """From beside a lane all of it is meant; in a lane of the same sub-flow its own part."""
    left = []

    def outer(x):
        left.append(a(x))
        return flow(lambda y: left.append(b(y)), name="inner").map([1, 2])

    def case(xs):
        flow(outer).map(xs)
        return a(left), flow(lambda z: a(z, left), name="other").map(xs)

    graph = traced(case).graph
    assert graph.depth("outer.inner.b") == 2
    assert [(e.upstream, e.levels) for e in graph.edges() if e.downstream in {"a", "other.a"}] == [
        ("outer.a", ()),
        ("outer.inner.b", ()),
    ] * 2


# ------------------------------------------------------------------------ flatten and successful


def test_flatten_over_a_mapped_task():
    """It is a map over the elements of all values, whose last level numbers them."""
    graph = traced(lambda xs: b.map(flatten(a.map(xs)))).graph
    assert graph.spaces["flatten"].givers == (Giver("x", NodeRef("a", is_flat=True)),)
    assert list(graph.edges()) == [
        Edge("a", "flatten", "x", mapped=True, levels=(0,), is_flat=True),
        Edge("flatten", "b", "x", mapped=True, levels=(0,)),
    ]


def test_flatten_over_what_a_lane_has_of_a_mapped_task():
    """An argument of a mapped sub-flow that stands for many task runs is flattened as they are."""
    deep = flow(lambda x: a.map(x), name="deep")
    graph = traced(lambda xs: flow(lambda y: flatten(y), name="inner").map(deep.map(xs))).graph
    assert graph.nodes["inner.flatten"].space == "inner.flatten"
    assert list(graph.edges()) == [
        Edge("deep.a", "inner.flatten", "x", mapped=True, levels=(0, 1), is_flat=True)
    ]


@pytest.mark.parametrize(
    "flat",
    [lambda: flatten(a()), lambda: flatten([a(), [1]]), lambda: flatten(successful(a.map([1])))],
)
def test_flatten_over_a_value_is_a_task(flat):
    """A value that exists as one, or that is made of what succeeded, is flattened in a body."""
    graph = traced(flat).graph
    assert graph.depth("flatten") == 0
    assert not any(edge.is_flat for edge in graph.edges())


def test_successful_around_an_argument():
    """All children are waited for, and only some values are passed."""
    made = traced(lambda: b(a(), successful(a.map([1]))))
    assert made.graph.nodes["b"].arguments[1] == Argument("y", NodeRef("a-2", is_picky=True))
    assert traced(lambda: successful(a.map([1]))).returned == NodeRef("a", is_picky=True)
    deep = flow(lambda x: a.map(x), name="deep")
    inner = flow(lambda y: b(successful(y)), name="inner")
    made = traced(lambda xs: inner.map(deep.map(xs)))
    assert made.graph.nodes["inner.b"].arguments[0].form == NodeRef("deep.a", (0,), is_picky=True)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: successful(a()), r"successful\(\) belongs around the result of a mapped task"),
        (lambda: successful([1]), r"belongs around the result of a mapped task, not around \[1\]"),
        (
            lambda: b.map(successful(a.map([1]))),
            "b: map over 'a' itself; a child that failed ends its lane",
        ),
        (
            lambda: flow(lambda x: a(x), name="inner").map(unmapped([1])),
            r"inner\.map\(\) has no mapped argument; call inner\(\.\.\.\) instead",
        ),
    ],
)
def test_what_cannot_be_mapped_so(call, told):
    """The error names what belongs where."""
    with pytest.raises(DefinitionError, match=told):
        traced(call)

"""What a traced flow is made of, and what cannot be done with a value to come."""

from __future__ import annotations

import math
import operator
import os
import pickle

import cloudpickle
import pytest

from daskflow import DefinitionError, flow, task, unmapped
from daskflow.errors import TracingError
from daskflow.graph import Edge
from daskflow.nodes import (
    Argument,
    LiteralRef,
    Node,
    NodeRef,
    Packed,
    Parameter,
    check_name,
    fill,
    holds_placeholder,
    literals_in,
    references,
)


@task
def a(x=0, y=0): ...


@task
def b(x=0, y=0): ...


def traced(function):
    return flow(function, name="case").definition()


USES = {
    "str()": [str, "{}".format],
    "use as a number": [int, float, complex, round, operator.index, math.floor],
    "os.fspath()": [os.fspath],
    "the truth value": [bool, operator.not_],
    "`in`": [lambda node: 1 in node],
    "comparison": [
        lambda node: node < 1,
        lambda node: node >= 1,
        lambda node: node == 1,
        lambda node: node != 1,
        lambda node: node in [1, 2],
    ],
    "len()": [len],
    "iteration": [list, next, lambda node: [*node]],
    "[...]": [lambda node: node[0], lambda node: node["a"]],
    "arithmetic": [
        lambda node: node + 1,
        lambda node: 2**node,
        lambda node: node @ node,
        lambda node: -node,
        lambda node: 1 | node,
        lambda node: ~node,
    ],
    "call": [lambda node: node(1)],
    "`with`": [lambda node: node.__enter__()],
    ".columns": [lambda node: node.columns],
    ".result": [lambda node: node.result()],
    ".wait": [lambda node: node.wait()],
}


@pytest.mark.parametrize("made", [Node("clean"), Parameter("limit")], ids=["node", "parameter"])
@pytest.mark.parametrize(("use", "do"), [(use, do) for use, all_ in USES.items() for do in all_])
def test_a_value_to_come_cannot_be_used(made, use, do):
    """Each use of it raises, naming the use and the thing, and says what to do instead."""
    with pytest.raises(TracingError, match="its value does not exist yet; ") as caught:
        do(made)
    if do is not math.floor:  # which asks for a float by a way of its own
        assert str(caught.value).startswith(use)
    what = "the result of task 'clean'" if made._name == "clean" else "parameter 'limit'"
    assert f" of {what} while the flow is traced (test_nodes.py:" in str(caught.value)


def test_looking_at_one_is_harmless():
    """A debugger or a test may show a node, and ask it for what Python asks of any object."""
    assert repr(Node("clean")) == "<the result of task 'clean'>"
    assert repr(Parameter("limit")) == "<parameter 'limit'>"
    assert not hasattr(Node("clean"), "_ipython_display_")
    assert len({Node("clean"), Parameter("limit")}) == 2


def test_one_is_known_by_its_identity():
    """It can be the key of a dict or in a set, where the same one is found without a comparison."""
    node, parameter = Node("clean"), Parameter("clean")
    assert {node: 1, parameter: 2}[node] == 1
    assert node in {node, parameter}


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps], ids=["pickle", "cloudpickle"])
@pytest.mark.parametrize("made", [Node("clean"), Parameter("limit")], ids=["node", "parameter"])
def test_one_cannot_be_pickled(made, dumps):
    """One inside of a value that is not looked into is refused before it goes astray."""
    with pytest.raises(TracingError) as caught:
        dumps({"k": made})
    what = "the result of task 'clean'" if made._name == "clean" else "parameter 'limit'"
    assert str(caught.value) == (
        f"{what} is inside of a value that daskflow does not look into; pass it as an argument "
        "of its own, or in a list, tuple, set or dict"
    )


@pytest.mark.parametrize("name", ["_name_", "_repr_html_", "__len__x"])
def test_private_names_are_absent(name):
    """What a debugger or a notebook asks for is an `AttributeError`; `.name` is no way in."""
    with pytest.raises(AttributeError):
        getattr(Node("clean"), name)
    with pytest.raises(TracingError, match=r"^\.name of the result of task 'clean'"):
        _ = Node("clean").name


def test_the_cures_say_what_to_do():
    """A branch is left to a task, a loop to .map, all else to the inside of a task."""

    def told(do):
        with pytest.raises(TracingError) as caught:
            do(Node("clean"))
        return str(caught.value).partition("its value does not exist yet; ")[2]

    branch = "let a task decide, and raise Skip in it where there is nothing to do"
    assert told(bool) == told(lambda node: node == 1) == told(lambda node: 1 in node) == branch
    loop = "to call a task for each element use .map(...); to take parts of it write a task"
    assert told(list) == loop
    assert told(int) == "do this inside a task that gets the value as an argument"


NESTED = {"n": [NodeRef("a"), (LiteralRef("p"), {NodeRef("b")})], LiteralRef("q"): NodeRef("a")}


def test_what_a_form_refers_to():
    """References are found anywhere in plain containers, each once and in order."""
    assert list(references(Packed(NESTED))) == ["a", "b"]
    assert list(literals_in(Packed(NESTED))) == ["p", "q"]
    assert references(NodeRef("a")) == {"a": None}
    assert references(LiteralRef("p")) == literals_in(NodeRef("a")) == {}
    assert references(Packed([Packed(NodeRef("x")), "x", 1])) == {"x": None}


def test_a_form_is_filled():
    """Every reference is replaced by its value, keys included; all else stays what it was."""
    values = {"a": 1, "b": 2, "p": 3, "q": "key"}
    filled = fill(Packed(NESTED), lambda ref: values[ref.name])
    assert filled == {"n": [1, (3, {2})], "key": 1}
    assert fill(frozenset({NodeRef("a")}), lambda _: 7) == frozenset({7})
    assert fill("text", lambda _: 7) == "text"


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (Node("a"), True),
        ([1, (2, {"k": Node("a")})], True),
        ({Parameter("p"): 1}, True),
        ({1, 2}, False),
        ([[], {}, ()], False),
        ("a", False),
    ],
)
def test_whether_a_value_holds_one_to_come(value, holds):
    """Plain containers are looked into, at any depth."""
    assert holds_placeholder(value) is holds


@pytest.mark.parametrize(
    "thing", [LiteralRef("p"), NodeRef("a"), Argument("x", NodeRef("a"), "x", is_mapped=True)]
)
def test_forms_travel(thing):
    """What a node is made of is the same after pickling."""
    assert pickle.loads(pickle.dumps(thing)) == thing


def test_a_node_spec_travels():
    """A node arrives with its task, its arguments and whether it is mapped."""
    spec = traced(lambda: a.map([1])).graph.nodes["a"]
    there = pickle.loads(cloudpickle.dumps(spec))
    assert (there.name, there.task.name) == ("a", "a")
    assert (there.arguments, there.is_mapped) == (spec.arguments, True)


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
        (lambda: b.map([1], wait_for=[a.map([1])]), [Edge("a", "b", mapped=True)]),
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


@pytest.mark.parametrize("name", ["clean", "_x", "a.b-c_1"])
def test_names_that_may_be_given(name):
    """Letters, digits, dots, dashes and underscores, a letter first."""
    assert check_name(name, "a task") == name


@pytest.mark.parametrize("name", ["", "1st", "a b", "a/b", "a[0]", "a\n", "-a"])
def test_names_that_may_not_be_given(name):
    """Anything else is refused, so that names can stand in keys, paths and patterns."""
    with pytest.raises(DefinitionError, match="cannot name a task: letters, digits"):
        check_name(name, "a task")

"""What a traced flow is made of: forms, nodes, index spaces."""

from __future__ import annotations

import pickle

import cloudpickle
import pytest

from daskflow import DefinitionError, flow, task
from daskflow.definition.nodes import (
    Argument,
    Element,
    Giver,
    LiteralRef,
    NodeRef,
    Packed,
    SpaceSpec,
    check_name,
    fill,
    literals_in,
    node_refs,
    references,
)

NESTED = {"n": [NodeRef("a"), (LiteralRef("p"), {NodeRef("b")})], LiteralRef("q"): NodeRef("a")}


def test_what_a_form_refers_to():
    """References are found anywhere in plain containers, each once and in order."""
    assert list(references(Packed(NESTED))) == ["a", "b"]
    assert list(literals_in(Packed(NESTED))) == ["p", "q"]
    assert references(NodeRef("a")) == {"a": None}
    assert references(LiteralRef("p")) == literals_in(NodeRef("a")) == {}
    assert references(Packed([Packed(NodeRef("x")), "x", 1])) == {"x": None}
    assert list(references(Element(Packed([NodeRef("x"), NodeRef("y")]), 0))) == ["x", "y"]
    assert list(node_refs([NodeRef("x"), NodeRef("x", (0,))])) == [NodeRef("x"), NodeRef("x", (0,))]


def test_a_form_is_filled():
    """Every reference is replaced by its value, keys included; all else stays what it was."""
    values = {"a": 1, "b": 2, "p": 3, "q": "key"}
    filled = fill(Packed(NESTED), lambda ref: values[ref.name])
    assert filled == {"n": [1, (3, {2})], "key": 1}
    assert fill(frozenset({NodeRef("a")}), lambda _: 7) == frozenset({7})
    assert fill("text", lambda _: 7) == "text"
    assert fill([Element(NodeRef("a"), 0)], lambda form: form.level) == [0]


@pytest.mark.parametrize(
    "thing",
    [
        LiteralRef("p"),
        NodeRef("a", (0, 2), is_flat=True),
        NodeRef("a", is_picky=True),
        Argument("x", Element(Packed([NodeRef("a")]), 1), "x"),
        SpaceSpec("b", "", 1, (Giver("x", NodeRef("a")),)),
    ],
)
def test_forms_travel(thing):
    """What a node is made of is the same after pickling."""
    assert pickle.loads(pickle.dumps(thing)) == thing


def test_a_node_spec_travels():
    """A node arrives with its task, its arguments and whether it is mapped."""
    spec = flow(lambda: task(abs, name="a").map([1]), name="case").graph().nodes["a"]
    there = pickle.loads(cloudpickle.dumps(spec))
    assert (there.name, there.task.name) == ("a", "a")
    assert (there.arguments, there.is_mapped) == (spec.arguments, True)


def test_spaces_lie_in_each_other():
    """A graph tells of a node's space, how deep it is, and of those around it."""
    one = task(lambda x: x, name="one")
    inner = flow(lambda x: one.map(x), name="inner")
    graph = flow(lambda xs: (one(1), inner.map(xs)), name="case").graph()
    assert {name: graph.depth(name) for name in graph.nodes} == {"one": 0, "inner.one": 2}
    assert graph.space_of("inner.one").parent == "inner"
    assert graph.around("inner.one") == ["inner", "inner.one"]
    assert graph.around("") == []


@pytest.mark.parametrize("name", ["clean", "_x", "a.b-c_1"])
def test_names_that_may_be_given(name):
    """Letters, digits, dots, dashes and underscores, a letter first."""
    assert check_name(name, "a task") == name


@pytest.mark.parametrize("name", ["", "1st", "a b", "a/b", "a[0]", "a\n", "-a"])
def test_names_that_may_not_be_given(name):
    """Anything else is refused, so that names can stand in keys, paths and patterns."""
    with pytest.raises(DefinitionError, match="cannot name a task: letters, digits"):
        check_name(name, "a task")

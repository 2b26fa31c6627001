"""Flows by hand in other flows: the graph that the same calls give where they are traced."""

from __future__ import annotations

import pytest

from daskflow import (
    DefinitionError,
    Edge,
    Flow,
    Parameter,
    ParameterError,
    flatten,
    flow,
    successful,
    task,
    unmapped,
)
from daskflow.definition.nodes import Element, LiteralRef, NodeRef, fill
from tests.unit.definition.test_editing import shape


@task
def ident(x): ...


@task
def add(x, y=1): ...


def body(xs, n, *, waits=True):
    """Use most of what a graph can have."""
    first = ident.named("first")(0)
    a = ident.named("a").map(xs, wait_for=[first] if waits else [])
    b = add.named("b").map(a, unmapped(n))
    c = ident.named("c").map(b, wait_for=[a])
    lane = flow(lambda x, m: add(ident.named("deep").map([x, x]), m), name="lane")
    lanes = lane.map(c, unmapped(n))
    d = ident.named("d")({"k": [successful(b), flatten(lanes), (n, 1)], "v": 7})
    return [d, c, n, 8]


def by_hand():
    """Return the same as a flow by hand."""
    with Flow("inner") as f:
        f.set_returned(body(Parameter("xs"), Parameter("n", default=5)))
    return f


def edited():
    """Return the same as a flow whose function gives one edge less."""
    made = flow(lambda xs, n=5: body(xs, n, waits=False), name="inner")
    made.add_edge("first", "a")
    return made


def everything(definition):
    """Return all that matters of a definition, its constants by their values."""

    def plain(form):
        if isinstance(form, LiteralRef):
            return definition.literals[form.name]
        if isinstance(form, Element):
            return "element", plain(form.of), form.level
        return form if isinstance(form, NodeRef) else fill(form, plain)

    def told(form):
        return repr(plain(form))

    return shape(definition.graph, told), told(definition.returned)


USES = {
    "constants": lambda inner: inner(xs=[1, 2], n=3),
    "a default": lambda inner: inner(xs=[1, 2]),
    "nodes": lambda inner: inner(xs=ident(1), n=ident(2)),
    "lists of nodes": lambda inner: inner(xs=[ident(1), 2], n=[ident(3)]),
    "a mapped node": lambda inner: inner(xs=ident.map([1, 2]), n=3),
    "twice": lambda inner: inner(xs=[inner(xs=[1])[0], 2], n=inner(xs=[3], n=4)[2]),
    "lanes": lambda inner: inner.map(xs=[[1], [2, 3]]),
    "lanes of maps": lambda inner: inner.map(xs=ident.map([[1], [2]]), n=ident([1, 2])),
    "lanes of a value": lambda inner: inner.map(xs=ident([[1], [2]]), n=unmapped(ident(3))),
}


@pytest.mark.parametrize("made", [by_hand, edited])
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_graph_becomes_a_part_of_another(use, made):
    """Called or mapped in a flow, its nodes, edges and index spaces are those of a traced one."""
    inner = flow(lambda xs, n=5: body(xs, n), name="inner")
    wanted = flow(lambda: use(inner), name="outer").definition()
    got = flow(lambda: use(made()), name="outer").definition()
    assert everything(got) == everything(wanted)


def test_what_was_added_by_hand_comes_along():
    """A flow with a function whose graph was changed is called as it is now."""
    inner = flow(lambda x: ident(x), name="inner")
    outer = flow(lambda: inner(1), name="outer")
    assert outer.graph().order() == ["inner.ident"]
    inner.add_task(add, Parameter("x"), name="more")
    outer = flow(lambda: inner.map([1, 2]), name="outer")
    assert outer.graph().order() == ["inner.ident", "inner.more"]
    assert outer.graph().depth("inner.more") == 1


def test_what_a_part_gives_back():
    """A node, a selection, a parameter or a constant; nothing where nothing was said."""
    handles = []

    def outer():
        for made in (
            lambda: None,
            lambda: ident(1),
            lambda: successful(ident.map([1, 2])),
            lambda: {"k": (Parameter("x"), 3)},
        ):
            with Flow("inner") as inner:
                returned = made()
            if returned is not None:
                inner.set_returned(returned)
            needs = {"x": 7} if "x" in inner.signature.parameters else {}
            handles.append(repr(inner(**needs)))

    flow(outer).graph()
    assert handles == [
        "None",
        "<the result of task 'inner-2.ident'>",
        "<the successful results of task 'inner-3.ident'>",
        "{'k': (7, 3)}",
    ]


def test_a_part_checks_its_parameters():
    """Unknown, missing and invalid ones are told when it is called."""
    inner = Flow("inner")
    inner.add_task(ident, Parameter("x", annotation=int))
    for call, told in [
        (lambda: inner(), "missing: x"),
        (lambda: inner(y=1), "missing: x|unknown: y"),
        (lambda: inner(x="a"), "x: Input should be a valid integer"),
        (lambda: inner.map(x=3), "inner, argument 'x': cannot map over an int"),
    ]:
        with pytest.raises((ParameterError, DefinitionError), match=told):
            flow(call, name="outer").graph()


def test_a_part_may_be_taken_apart_again():
    """Edges may lead into a part that was called, by the names it has there."""
    inner = Flow("inner")
    inner.add_task(ident, 1)

    @flow
    def outer():
        inner()
        ident.named("before")(1)

    outer.add_edge("before", "inner.ident")
    assert outer.graph().upstream("inner.ident") == [Edge("before", "inner.ident")]

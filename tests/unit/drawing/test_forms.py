"""What a task gets, in words."""

from __future__ import annotations

import pytest

from daskflow import flatten, flow, successful, task, unmapped
from daskflow.definition.nodes import Element, LiteralRef, NodeRef, Packed
from daskflow.drawing.forms import Writer, index_text, letter, plain, short, sources


@task
def give(*values, **named): ...


class Broken:
    """A class whose objects cannot be written."""

    def __repr__(self):
        raise ValueError("no")


class Long:
    def __repr__(self):
        return "a\n" * 100


def words(function):
    """Trace a flow and write what its last node gets."""
    definition = flow(function, name="case").definition()
    writer = Writer(definition.graph, definition.literals)
    node = list(definition.graph.nodes.values())[-1]
    return [writer.text(argument.form) for argument in node.arguments]


CASES = {
    "a parameter": (lambda x: give(x), ["{x}"]),
    "a node": (lambda: give(give()), ["give"]),
    "an element": (lambda x: give.map(x, [7]), ["{x}[i]", "[7][i]"]),
    "an element of a node": (lambda: give.map(give()), ["give[i]"]),
    "lane by lane": (lambda x: give.map(give.map(x)), ["give[i]"]),
    "all": (lambda x: give(give.map(x)), ["give[:]"]),
    "the successful": (lambda x: give(successful(give.map(x))), ["successful(give[:])"]),
    "flattened": (lambda x: flatten(give.map(x)), ["flatten(give[:])[i]"]),
    "whole": (lambda x: give.map(x, unmapped(give.map(x))), ["{x}[i]", "give[:]"]),
    "a list": (lambda x: give([x, (1, {2}), {"k": x}]), ["[{x}, (1, {2}), {'k': {x}}]"]),
    "a long list": (lambda x: give([x, 1, 2, 3, 4, 5]), ["[{x}, 1, 2, 3, ... 6 in all]"]),
    "a deep list": (lambda x: give([[[[x]]]]), ["[[[[...]]]]"]),
    "elements of a list": (lambda x: give.map([x, give()]), ["[{x}, give][i]"]),
}


@pytest.mark.parametrize(("function", "told"), CASES.values(), ids=CASES)
def test_what_a_task_gets(function, told):
    """Each way of passing a value on has its own words, those of `run[...]` where there are any."""
    assert words(function) == told


def test_maps_in_mapped_sub_flows():
    """The index has a letter for each level, and ``:`` where all are meant."""

    @flow
    def inner(x):
        lane = give(x)
        return give(give.map(lane), lane)

    @flow
    def case(xs):
        return give(inner.map(xs))

    definition = case.definition()
    writer = Writer(definition.graph, definition.literals)
    told = [
        [writer.text(one.form) for one in node.arguments]
        for node in definition.graph.nodes.values()
    ]
    assert told == [
        ["{xs}[i]"],
        ["inner.give[i][j]"],
        ["inner.give-2[i, :]", "inner.give[i]"],
        ["inner.give-3[:]"],
    ]


def test_what_a_flattened_map_goes_over():
    """It has no index of its own yet."""
    definition = flow(lambda x: flatten(give.map(x)), name="case").definition()
    writer = Writer(definition.graph, definition.literals)
    giver = definition.graph.spaces["flatten"].givers[0]
    assert writer.sequence(giver.form) == "flatten(give[:])"
    assert writer.sequence(LiteralRef("x")) == "{x}"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (3, "3"),
        ("a" * 100, "'aaaaaaaaaaaaaaaaa...aaaaaaaaaaaaaaaaaa'"),
        (list(range(9)), "[0, 1, 2, 3, ...]"),
        (Broken(), "<Broken>"),
        ([Broken()], "[<Broken>]"),
        (Long(), "<Long>"),
        (type("list", (), {})(), "<list>"),
    ],
)
def test_constants_are_short(value, told):
    """On one line, and never an error."""
    assert short(value) == told


def test_sources_of_a_form():
    """Wherever references stand, also as keys, and whether elements of them are meant."""
    one, two = NodeRef("one"), LiteralRef("two")
    form = Packed({one: [Element(two, 0), (1, one)]})
    assert list(sources(form)) == [(one, False), (two, True), (one, False)]
    assert list(sources(Element(Packed([one]), 0))) == [(one, True)]


def test_letters_never_run_out():
    """However deep maps are nested."""
    assert (index_text(0), index_text(2), letter(30)) == ("", "[i, j]", "i30")


def test_plain_text():
    """Control characters, broken Unicode and line ends are written out, all else stays."""
    assert plain("a ünï 清洁") == "a ünï 清洁"
    assert plain("a\nb\x00\ud800\u2028") == r"a\nb\x00\ud800\u2028"

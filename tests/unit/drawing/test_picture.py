"""From a definition to a picture."""

from __future__ import annotations

import pytest

from daskflow import Flow, case, flow, ifelse, not_all_skipped, some_failed, switch, task
from daskflow.definition.flows import FlowDefinition
from daskflow.definition.nodes import FlowGraph, LiteralRef, NodeRef, NodeSpec
from daskflow.drawing.picture import (
    Arrow,
    ArrowKind,
    Box,
    BoxKind,
    Group,
    parameter_key,
    picture_of,
)
from daskflow.graph import Edge
from tests.unit.drawing.cases import (
    clean,
    combine,
    days_of,
    etl,
    extract,
    prepare,
    random_picture,
)

PICTURE = picture_of(etl.definition())


def arrows_into(name):
    return [arrow for arrow in PICTURE.arrows if arrow.end == name]


def box(function):
    """Draw a flow of one task."""
    return picture_of(Flow(function, name="case").definition()).boxes[-1]


def test_each_node_is_a_box():
    """With its name, its task, how deep it is mapped, and whether it decides."""
    boxes = {one.name: one for one in PICTURE.boxes}
    assert boxes["combine-2"].lines == ("combine-2", "combine")
    assert boxes["each_day.clean"].label == "each_day.clean[i, j]"
    assert boxes["each_day.clean"].lines == ("clean[i, j]",)
    assert [one.is_mapped for one in PICTURE.boxes] == [
        *(False, False, False, False, True, False),
        *(True, True, True, False, False),
    ]
    decide = [one.name for one in PICTURE.boxes if one.is_reference]
    assert decide == ["combine", "alarm", "combine-2"]


def test_parameters_are_boxes():
    """Those that something uses, in the order given, or else of their use."""
    kinds = [(one.name, one.kind) for one in PICTURE.boxes[:2]]
    assert kinds == [("month", BoxKind.PARAMETER), ("limit", BoxKind.PARAMETER)]
    other = picture_of(etl.definition(), ["unused", "limit", "month"])
    assert [one.name for one in other.boxes[:2]] == ["limit", "month"]


def test_kinds_of_arrows():
    """Values, elements, lists of results, what is only waited for; alike ones are one."""
    day = Arrow("prepare.days_of", "each_day.extract", ArrowKind.EACH, ("day",))
    assert arrows_into("each_day.extract") == [day]
    rows, limit = arrows_into("each_day.clean")
    assert (rows.kind, rows.label) == (ArrowKind.EACH, "rows")
    assert (limit.start, limit.kind) == (parameter_key("limit"), ArrowKind.VALUE)
    assert [a.label for a in arrows_into("each_day.combine")] == ["a: all", "b"]
    assert arrows_into("flatten")[0].label == "x: flattened"
    alarm = [(a.start, a.kind, a.label) for a in arrows_into("alarm")]
    assert alarm[1] == ("prepare.days_of", ArrowKind.WAIT, "")
    twice = picture_of(flow(lambda x: combine(x, x), name="case").definition())
    assert [a.label for a in twice.arrows] == ["a, b"]


def test_what_is_waited_for_and_used_is_one_arrow():
    """The arrow of the value says enough."""

    @flow
    def case(x):
        one = extract(x)
        return clean(one, 1, wait_for=[one])

    picture = picture_of(case.definition())
    assert [a.kind for a in picture.arrows] == [ArrowKind.VALUE, ArrowKind.VALUE]
    assert picture.boxes[-1].waits == ("extract",)


def test_groups():
    """A sub-flow is a group; a mapped one says what it is mapped over."""
    prepare, each_day = PICTURE.groups
    assert (prepare.title, prepare.depth) == ("prepare", 0)
    assert (each_day.title, each_day.depth) == (
        "each_day[i]: for each day in prepare.days_of",
        1,
    )
    assert Group("a.b/", "a/").title == "b"


def test_a_group_named_like_a_mapped_node_is_not_mapped():
    """The space of that name is the node's."""

    @flow
    def case(xs):
        extract.named("sub")
        return extract.named("sub").map(extract.named("sub.one").map(xs))

    groups = picture_of(case.definition()).groups
    assert groups == (Group("sub/"),)


MARKS = {
    "none": (lambda x: extract.with_options(retries=0)(x), ()),
    "retries": (lambda x: extract(x), ("retries 3",)),
    "trigger": (
        lambda x: task(sum, trigger=some_failed(at_least=1))(x),
        ("trigger some_failed(at_least=1, at_most=None)",),
    ),
    "a function": (lambda x: task(sum, trigger=max)(x), ("trigger max",)),
    "an object": (
        lambda x: task(sum, trigger=type("Rule", (), {"__call__": None})())(x),
        ("trigger Rule",),
    ),
    "skips": (
        lambda x: task(sum, skip_on_upstream_skip=False)(x),
        ("runs behind skipped ones",),
    ),
    "implied": (lambda x: task(sum, trigger=not_all_skipped)(x), ("trigger not_all_skipped",)),
}


@pytest.mark.parametrize(("function", "marks"), MARKS.values(), ids=MARKS)
def test_marks(function, marks):
    """Rules are told where they are not the usual ones."""
    assert box(function).marks == marks


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda: None, ""),
        (lambda: [1, 2], ""),
        (lambda x: [extract(x), 2], "[extract, 2]"),
        (lambda x: x, "{x}"),
    ],
)
def test_what_is_returned(function, told):
    """In words; a constant is not worth any."""
    assert picture_of(Flow(function, name="case").definition()).returns == told


def by_hand(*edges):
    """Make a flow of nodes that have edges but no arguments."""
    graph = FlowGraph()
    for name in dict.fromkeys(name for edge in edges for name in edge[:2]):
        graph.add_node(name, NodeSpec(name, extract, ()))
    for edge in edges:
        graph.join(edge)
    return FlowDefinition("case", graph, {"<returned>": None}, LiteralRef("<returned>"), ())


def test_edges_that_no_argument_tells_of():
    """They are arrows as well, with their own words."""
    edges = Edge("a", "b", "x"), Edge("a", "c", "y", mapped=True), Edge("b", "c")
    assert picture_of(by_hand(*edges)).arrows == (
        Arrow("a", "b", ArrowKind.VALUE, ("x",)),
        Arrow("a", "c", ArrowKind.EACH, ("y",)),
        Arrow("b", "c", ArrowKind.WAIT),
    )


def test_a_group_that_is_left_and_entered_again_is_not_drawn():
    """Its boxes are, in the group around it."""
    edges = Edge("g.sub.a", "x", "x"), Edge("x", "g.sub.b", "x"), Edge("g.sub.b", "g.c", "x")
    picture = picture_of(by_hand(*edges))
    assert picture.groups == ()
    assert [(one.name, one.group) for one in picture.boxes] == [
        ("g.sub.a", ""),
        ("x", ""),
        ("g.sub.b", ""),
        ("g.c", ""),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_a_picture(seed):
    """Each box stands behind those that lead to it, groups in one piece and behind their own."""
    picture = random_picture(seed)
    place = {one.key: number for number, one in enumerate(picture.boxes)}
    assert all(place[arrow.start] < place[arrow.end] for arrow in picture.arrows)
    nest = picture.nest()
    for group in picture.groups:
        inside = [n for key, n in place.items() if group.key in nest.chain(key)]
        assert max(inside) - min(inside) + 1 == len(inside)
        before = picture.groups[: picture.groups.index(group)]
        assert group.parent in ["", *(one.key for one in before)]
    assert len(picture.groups) > 4


def test_a_picture_is_the_same_each_time():
    """Nothing in it depends on hashes or addresses."""
    assert picture_of(etl.with_options().definition()) == PICTURE
    assert Box("a", "a").call == "()"


def in_cases(kind, months):
    """Use cases around a task, a map, a mapped flow and a part of one."""
    with case(kind, "a"):
        days = prepare.map(months)
        one = extract(1)
        extract.map([one])
    return switch(kind, {"b": combine(days, 2), "c": lambda: 3}), ifelse(days, extract(5))


def test_cases():
    """What is in a case says so, and an arrow of its own kind leads there from the case."""
    picture = picture_of(flow(in_cases).definition())
    marks = {box.name: box.marks for box in picture.boxes}
    told = ("in case {kind} is 'a'",)
    assert marks["extract"][-1:] == marks["extract-2"][-1:] == told
    assert marks["prepare.days_of"] == marks["case"] == ()
    assert marks["combine"] == ("in case {kind} is 'b'",)
    assert marks["branch"] == ("in case {kind} is 'c'",)
    assert marks["extract-3"][-1:] == ("in case prepare.days_of[:] is True",)
    title = "prepare[i]: for each month in {months}, in case {kind} is 'a'"
    assert [group.title for group in picture.groups] == [title]
    arrows = [(a.start, a.end) for a in picture.arrows if a.kind is ArrowKind.GATE]
    assert sorted(arrows) == [
        ("case", "extract"),
        ("case", "extract-2"),
        ("case", "prepare.days_of"),
        ("case-2", "combine"),
        ("case-3", "branch"),
        ("ifelse", "extract-3"),
    ]


def test_a_gate_made_by_hand():
    """It goes by the name of its start; a mapped flow is entered where nothing leads in."""

    @flow
    def lane(x):
        return extract(days_of(x))

    @flow
    def made():
        extract.named("gate")(1)
        days_of(2)
        lane.map([1])

    made.graph().add_edge(Edge("gate", "days_of", is_gate=True))
    made.graph().add_gate("lane", NodeRef("gate"))
    picture = picture_of(made.definition())
    marks = {box.name: box.marks for box in picture.boxes}
    assert (marks["days_of"], marks["lane.days_of"]) == (("in case gate",), ())
    assert picture.groups[0].title == "lane[i]: for each x in [1], in case gate"
    assert [(a.end, a.kind) for a in picture.arrows if a.start == "gate"] == [
        ("days_of", ArrowKind.GATE),
        ("lane.days_of", ArrowKind.GATE),
    ]

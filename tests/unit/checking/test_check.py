"""All checks of a flow, and those of its wiring."""

from __future__ import annotations

import threading

import pytest

from daskflow import DefinitionError, case, flow, resource_manager, task
from daskflow.checking import Finding, Level, check
from daskflow.checking.wiring import find_unfed
from daskflow.definition.nodes import Argument, FlowGraph, LiteralRef, NodeSpec


@task
def t(x, y=0): ...


def told(case):
    return [str(finding) for finding in check(case)]


def test_a_clean_flow():
    """Nothing is found where nothing is wrong."""
    assert check(flow(lambda x: t(t.map(x)), name="case")) == []


def test_errors_come_first():
    """Notes behind them, each in the order of the checks."""
    lock = threading.Lock()
    case = flow(lambda: t(lock), name="case")
    assert [finding.level for finding in check(case)] == [Level.ERROR, Level.NOTE]
    assert str(Finding(Level.ERROR, "a", "b")) == "error: a: b"


@pytest.mark.parametrize(("given", "names"), [("a", "a"), (["a", "t", "b"], "ab")])
def test_reference_tasks_that_are_not_there(given, names):
    """The rest of the flow is checked all the same."""
    case = flow(lambda: t(t.map([])), name="case", reference_tasks=given)
    assert told(case) == [
        *(
            f"error: case: no node is named {name!r}, a reference task; there are: t, t-2"
            for name in names
        ),
        "error: t: never runs: it is mapped over x, which is empty",
    ]


def test_what_is_wrong_otherwise_is_raised():
    """A flow that cannot be traced cannot be checked."""
    with pytest.raises(DefinitionError, match="missing a required argument"):
        check(flow(lambda: t(), name="case"))
    with pytest.raises(DefinitionError, match="missing a required argument"):
        check(flow(lambda: t(), name="case", reference_tasks=["t"]))


def test_what_nobody_would_miss():
    """No value used, not returned, no reference task, gives no map its width."""

    @flow
    def lanes(x):
        return t.named("inside")(1)

    @flow(reference_tasks=["reference"])
    def case():
        t.named("reference")(t.named("used")(1))
        t.named("unused")(1)
        t.named("awaited")(1)
        lanes.map(t.named("width")(1))
        return [t.named("returned")(2, t.named("other")(1))]

    unseen = "nobody uses its value and it is no reference task: the flow succeeds if it fails"
    assert told(case) == [
        f"note: {name}: {unseen}" for name in ("unused", "awaited", "lanes.inside")
    ]


def by_hand(function, *arguments):
    graph = FlowGraph()
    graph.add_node("n", NodeSpec("n", task(function, name="t"), arguments))
    return [str(finding) for finding in find_unfed(graph)]


X, Y = Argument("x", LiteralRef("x")), Argument("y", LiteralRef("y"), "y")


def test_arguments_that_nothing_feeds():
    """As the call itself would say it."""

    def two(x, y): ...

    def named(**given): ...

    assert by_hand(two, X, Y) == []
    assert by_hand(two, X) == ["error: n: t(x, y): missing a required argument: 'y'"]
    assert by_hand(two, Y) == ["error: n: t(x, y): missing a required argument: 'x'"]
    assert by_hand(two, X, X, X) == ["error: n: t(x, y): too many positional arguments"]
    assert by_hand(named, X) == ["error: n: t(**given): too many positional arguments"]
    assert by_hand(dict.fromkeys, X) == by_hand(type, X) == []


def test_nobody_need_miss_a_cleanup_or_a_case():
    """A cleanup decides nothing on purpose; a case is used by what is in it, mapped or not."""

    @resource_manager
    class Table:
        def setup(self): ...
        def cleanup(self, table): ...

    @flow(reference_tasks=["t", "t-2"])
    def cased():
        with Table(), case(1, 1):
            t(1)
        with case(1, 2):
            t.map([1])

    assert told(cased) == []

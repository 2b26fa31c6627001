"""Flows as containers: when they are traced, what is refused, what is warned of."""

from __future__ import annotations

import warnings

import pytest

from daskflow import DefinitionError, Flow, ParameterError, flow, task
from daskflow.definition.flows import being_imported
from daskflow.definition.nodes import LiteralRef, NodeRef, Packed


@task
def a(x=0): ...


def test_a_flow_is_traced_once_and_late():
    """The function runs at the first look at the graph, not before, and not again."""
    calls = []

    @flow
    def case():
        calls.append(1)
        return a()

    assert calls == []
    assert case.graph() is case.graph()
    assert case.definition() is case.definition()
    assert case.graph().order() == ["a"]
    assert calls == [1]


def test_a_function_that_raises_is_traced_again():
    """An error while tracing is the user's to see, each time."""

    @flow
    def case():
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            case.graph()


@pytest.mark.parametrize(
    ("function", "form"),
    [
        (lambda: None, LiteralRef("<returned>")),
        (lambda: a(), NodeRef("a")),
        (lambda: [a(), 1], Packed([NodeRef("a"), 1])),
        (lambda p: p, LiteralRef("p")),
    ],
)
def test_what_a_flow_returns(function, form):
    """The form of what is returned is kept; nodes in it may stand anywhere."""
    assert Flow(function, name="case").definition().returned == form


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ("a-2", "a-3")),
        ({"reference_tasks": "a"}, ("a",)),
        ({"reference_tasks": ["a"]}, ("a",)),
    ],
)
def test_reference_tasks(options, names):
    """Those that are named, else the terminal ones."""

    def case():
        x = a()
        return a(x), a(x)

    assert flow(case, **options).definition().reference_tasks == names


def test_what_only_counts_lanes_decides():
    """A node of a list that is mapped over, which no lane looks at, is terminal."""

    @task
    def one(x=0):
        return x

    def case():
        flow(lambda x: one(), name="lane").map([one(), one()])

    made = flow(case)
    assert made.definition().reference_tasks == tuple(made.graph().terminals())
    assert made.graph().terminals() == ["one", "one-2", "lane.one"]


@pytest.mark.parametrize(
    ("given", "told"),
    [(["b"], "reference_tasks= names b; its nodes are a"), ([], "names no node")],
)
def test_reference_tasks_that_are_not_there(given, told):
    """An unknown name is refused with those there are."""
    with pytest.raises(DefinitionError, match=told):
        flow(lambda: a(), name="case", reference_tasks=given).definition()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"block_size": 0}, "block_size=0 must be a whole number from 1"),
        ({"block_size": 1.5}, "block_size=1.5 must be a whole number"),
        ({"exectuor": None}, "no option is called exectuor="),
        ({"name": "a flow"}, "'a flow' cannot name a flow"),
    ],
)
def test_options_that_make_no_sense(options, told):
    """A wrong option is refused where it is written."""
    with pytest.raises(DefinitionError, match=told):
        flow(lambda: None, **options)


def test_what_is_not_a_function():
    """A flow is made of something that can be called."""
    with pytest.raises(DefinitionError, match="a flow needs a function, not 7"):
        Flow(7)


def test_the_name_of_a_flow():
    """A lambda has a name too, and shows it."""
    assert repr(flow(lambda: None)) == "<flow 'lambda_'>"
    assert flow(name="other", tags="io")(a.fn).tags == {"io"}


def test_options_are_replaced_one_by_one():
    """`with_options` keeps what it does not name, and its flow is traced anew."""
    made = flow(lambda: a(), name="case", run_name="tonight")
    other = made.with_options(block_size=2)
    assert other.options == {"name": "case", "run_name": "tonight", "block_size": 2}
    assert other.graph() is not made.graph()


def test_a_flow_cannot_be_run_where_it_would_run_twice():
    """In a flow, and while its file is imported a run is refused with the cure."""
    inner = flow(lambda: a(), name="inner")
    with pytest.raises(DefinitionError, match=r"inner\.run\(\) inside a flow: just call inner"):
        flow(lambda: inner.run(), name="outer").graph()

    token = being_imported.set("etl.py")
    with pytest.raises(DefinitionError, match=r"while etl.py is imported: .*__main__"):
        inner.run()
    being_imported.reset(token)


def test_parameters_are_checked_before_anything_runs():
    """A wrong parameter is told before an executor is looked for."""
    with pytest.raises(ParameterError, match="unknown: x"):
        flow(lambda: a(), name="case").run(x=1)


def test_a_parameter_by_position_is_passed_so():
    """A flow with a positional-only parameter can be traced."""

    @flow
    def case(x, /, y, *, z):
        return a([x, y, z])

    refs = [LiteralRef("x"), LiteralRef("y"), LiteralRef("z")]
    assert case.graph().nodes["a"].arguments[0].form == Packed(refs)


def test_a_none_test_of_a_placeholder_is_warned_of():
    """`is None` cannot be caught, so the source is read for it."""

    @flow
    def case(limit):
        x = a.with_options(retries=1)(limit)
        y = len([])
        if x is None or y is None:
            return None
        return x if limit is not None else None

    with pytest.warns(UserWarning, match="is traced") as caught:
        case.graph()
    told = [str(warning.message) for warning in caught]
    assert len(told) == 2
    assert "flow 'case' tests 'x is None'" in told[0] or "flow 'case' tests 'x is None'" in told[1]
    assert any("'limit is not None'" in text for text in told)


def test_what_has_no_source_is_not_warned_of():
    """A flow made by exec is traced without a look at its source."""
    scope = {"a": a}
    exec("def case(x):\n    return a(x) if x is not None else None", scope)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert flow(scope["case"]).graph().order() == ["a"]

"""Graphs by hand: what is made and changed, and what is refused at the very call."""

from __future__ import annotations

import itertools
import pickle

import cloudpickle
import pytest

from daskflow import (
    DefinitionError,
    Flow,
    LocalExecutor,
    Parameter,
    ParameterError,
    Task,
    flow,
    task,
    unmapped,
)
from daskflow.definition.nodes import LiteralRef, NodeRef, Packed


@task
def ident(x): ...


@task
def add(x, y=1, *, z=2): ...


@task
def rest(first, /, *args, last=0, **named): ...


@task
def apart(a=0, b=0, /, c=0): ...


@task
def collect(xs): ...


def shape(graph):
    """Return all that matters of a graph, whatever the order in which it was made."""
    nodes = {
        name: (node.task.name, {(one.name, repr(one.form)) for one in node.arguments}, node.space)
        for name, node in graph.nodes.items()
    }
    spaces = {
        name: (space.parent, space.depth, {(one.what, repr(one.form)) for one in space.givers})
        for name, space in graph.spaces.items()
    }
    return nodes, spaces, set(graph.edges())


def lines(*names):
    """Return a flow of nodes of `ident` with these names, each fed by the one before it."""
    f = Flow("lines")
    for name in names:
        f.add_task(ident, name=name)
    for one, other in itertools.pairwise(names):
        f.add_edge(one, other, key="x")
    return f


# ------------------------------------------------------------------------------- made by hand


def test_a_flow_by_hand_is_the_graph_that_a_function_gives():
    """Under `with`, and by add_task and add_edge, the same nodes and edges come about."""

    @flow(name="f")
    def traced(p):
        a = ident(p)
        b = add(a, y=ident(a), wait_for=[a])
        return [b]

    with Flow("f") as entered:
        a = ident(Parameter("p"))
        entered.set_returned([add(a, y=ident(a), wait_for=[a])])

    added = Flow("f")
    a, b = added.add_task(ident, Parameter("p")), added.add_task(ident)
    c = added.add_task(add)
    added.add_edge(a, b, key="x")
    added.add_edge(a, c)
    added.add_edge(a, c, key="x")
    added.add_edge(b, c, "y")
    added.set_returned([c])

    assert shape(entered.graph()) == shape(added.graph()) == shape(traced.graph())
    assert entered.definition().returned == added.definition().returned == Packed([NodeRef("add")])
    assert traced.definition().returned == Packed([NodeRef("add")])
    assert repr(added) == "<flow 'f'>"


def test_a_flow_can_be_entered_again_and_inside_of_another():
    """Each `with` records into its own flow, and what was current before is so again behind it."""
    with Flow("one") as one, Flow("two") as two:
        ident(1)
    with one:
        ident(1)
        with two:
            ident(2)
        ident(3)
    with pytest.raises(ZeroDivisionError), one:
        raise ZeroDivisionError
    assert list(one.graph().nodes) == ["ident", "ident-2"]
    assert list(two.graph().nodes) == ["ident", "ident-2"]
    assert ident(4) is None  # no flow is being made: the task is its function


def test_what_a_flow_by_hand_returns():
    """Nothing, until it is said; the last word counts."""
    f = Flow("f", executor=LocalExecutor())
    node = f.add_task(task(abs), -1)
    assert f.run().result() is None
    f.set_returned({"constant": 7})
    assert f() == {"constant": 7}
    f.set_returned((node, [node]))
    assert f() == (1, [1])


def test_the_names_of_flows_by_hand():
    """The name is checked as that of any flow; an option may give another one."""
    assert Flow("one").name == "one"
    assert Flow("one").with_options(name="two").name == "two"
    assert Flow("one").__module__ == __name__
    for name in ("a flow", ""):
        with pytest.raises(DefinitionError, match=f"'{name}' cannot name a flow"):
            Flow(name)
    with pytest.raises(DefinitionError, match="a flow needs a function, not 7; or a name"):
        Flow(7)


# --------------------------------------------------------------------------------- parameters


def test_parameters_become_the_flows_where_they_are_used():
    """Made under `with` or used in a call, each is checked by its annotation in every run."""
    limit = Parameter("limit", default=3, annotation=int)
    with Flow("f", executor=LocalExecutor()) as f:
        Parameter("unused", default=None)
        f.set_returned([task(abs)(limit), limit])
    assert f(limit="-5") == [5, -5]
    assert f() == [3, 3]
    f.add_task(ident, Parameter("late", annotation=float))
    with pytest.raises(ParameterError, match=r"missing: late. It takes \(\*, unused=None, limit"):
        f()
    with pytest.raises(ParameterError, match=r"late: .*valid number"):
        f.run(late="x")
    with pytest.raises(ParameterError, match="unknown: other"):
        f.run(other=1)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"default": 4}, "flow 'f', parameter 'x': its default is 3, not 4"),
        ({"default": True}, "its default is 3, not True"),
        ({"annotation": str}, "its annotation is <class 'int'>, not <class 'str'>"),
    ],
)
def test_two_parameters_of_one_name_are_one(more, told):
    """Without a default and an annotation, or with the same, it is the same parameter."""
    with Flow("f"):
        Parameter("x", default=3, annotation=int)
        Parameter("x", default=3)
        Parameter("x", annotation=int)
        Parameter("x")
        with pytest.raises(DefinitionError, match=told):
            Parameter("x", **more)
        Parameter("bare")
        with pytest.raises(DefinitionError, match="its default is none, not 1"):
            Parameter("bare", default=1)


def test_a_default_that_cannot_be_compared():
    """Arrays are the same parameter's default only where they are one object."""
    import numpy as np

    array = np.zeros(2)
    with Flow("f"):
        Parameter("x", default=array)
        Parameter("x", default=array)
        with pytest.raises(DefinitionError, match="its default is"):
            Parameter("x", default=np.zeros(2))


def test_a_function_says_which_parameters_there_are():
    """In a flow with a function a parameter is one of its own, or refused."""

    @flow
    def etl(limit: int = 3):
        return ident(limit)

    f = etl
    node = f.add_task(ident, Parameter("limit"))
    assert f.graph().nodes[f.trace.find(node)].arguments[0].form == LiteralRef("limit")
    with pytest.raises(DefinitionError, match=r"flow 'etl' has no parameter 'x'; .*: limit"):
        f.add_task(ident, Parameter("x"))


@pytest.mark.parametrize("name", ["", "a b", "1st", "class"])
def test_a_parameter_needs_a_name_to_be_given_by(name):
    """What cannot stand before an equals sign is refused."""
    with pytest.raises(DefinitionError, match=f"'{name}' cannot name a parameter"):
        Parameter(name)


# --------------------------------------------------------------------------------------- tasks


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda f: f.add_task(add, 1, 2, 3), r"add\(x, y=1, \*, z=2\): too many positional"),
        (lambda f: f.add_task(add, other=3), r"add\(.*\): got an unexpected keyword .*'other'"),
        (lambda f: f.add_task(add, 1, x=1), r"add\(.*\): multiple values for argument 'x'"),
        (lambda f: f.add_task(len), "a node is made of a task, not of <built-in function len>"),
        (lambda f: f.add_task(ident, name="a b"), "'a b' cannot name a node"),
        (lambda f: f.add_task(ident, name="a"), "there are two nodes named 'a'"),
        (lambda f: f.add_task(ident, unmapped(1)), r"unmapped\(\) belongs into \.map"),
        (lambda f: f.add_task(ident, wait_for=[1]), "wait_for takes what tasks returned, not 1"),
    ],
)
def test_tasks_that_cannot_be_added(call, told):
    """What does not fit is refused at the call, and nothing is left of it."""
    f = lines("a", "b")
    before = shape(f.graph())
    with pytest.raises(DefinitionError, match=told):
        call(f)
    assert shape(f.graph()) == before


def test_names_of_added_tasks():
    """The task's, its `named` name, or the one that is given; numbers from the second on."""
    f = Flow("f")
    f.add_task(ident)
    f.add_task(ident)
    f.add_task(ident.named("one"))
    f.add_task(ident.named("two"), name="three")
    assert list(f.graph().nodes) == ["ident", "ident-2", "one", "three"]


class Load(Task):
    """Load it."""

    def __init__(self, factor: int, **options):
        super().__init__(**options)
        self.factor = factor

    def run(self, x: int, y: int = 0) -> tuple[int, int]:
        return self.factor * x, y


def test_a_class_is_a_task():
    """A node is named like the class, options and copies work, and outside it is its `run`."""
    load = Load(3, retries=2, tags="io")
    assert (load.name, load.rules.retry.retries, load(4), repr(load)) == (
        "Load",
        2,
        (12, 0),
        "<task 'Load'>",
    )
    more = load.with_options(retries=5)
    more.factor = 7
    assert (more.rules.retry.retries, more.rules.tags, more(1), load(1)) == (
        5,
        {"io"},
        (7, 0),
        (3, 0),
    )
    with Flow("f") as f:
        x, y = load(1)
        load.named("again")(x, y=y)
        load.map([1, 2])
    assert list(f.graph().nodes) == ["Load", "getitem", "getitem-2", "again", "Load-2"]
    with pytest.raises(DefinitionError, match=r"Load\(x: 'int', y: 'int' = 0\)|Load\(x: int"):
        f.add_task(load, 1, 2, 3)
    assert Load(1, name="other").name == "other"


def test_a_class_travels():
    """An instance arrives with its attributes, and runs with them."""
    load = Load(3, retries=2)
    assert load.binding is load.binding
    assert load.outputs == 2
    for there in (pickle.loads(cloudpickle.dumps(load)), pickle.loads(pickle.dumps(load))):
        assert there(2) == (6, 0)
        assert there.fn.__self__ is there
        assert there.rules.retry.retries == 2


def test_a_class_without_what_a_task_needs():
    """Without `run`, and without a call of the base's `__init__`, it says what is missing."""

    class Empty(Task):
        pass

    class Forgetful(Task):
        def __init__(self):
            pass

        def run(self):
            pass

    for made in (Empty, Task):
        with pytest.raises(
            DefinitionError, match=rf"a method `run`, which {made.__name__} has not"
        ):
            made()
    with pytest.raises(DefinitionError, match=r"Forgetful.__init__ has to call super"):
        Forgetful()()
    with pytest.raises(DefinitionError, match="a task needs a function, not 7"):
        Task(7)
    with pytest.raises(AttributeError, match="'Load' object has no attribute 'other'"):
        _ = Load(1).other


def test_a_static_run_is_a_function():
    """A class may have a `run` that needs no instance."""

    class Plain(Task):
        @staticmethod
        def run(x):
            return x + 1

    plain = Plain().with_options(retries=1)
    assert (plain(1), plain.name) == (2, "Plain")

"""Changes to graphs: edges, other tasks, other flows taken in; circles and nonsense refused."""

from __future__ import annotations

import itertools
import pickle

import cloudpickle
import pytest

from daskflow import (
    CycleError,
    DefinitionError,
    Edge,
    Flow,
    LocalExecutor,
    Parameter,
    flatten,
    flow,
    successful,
    task,
    unmapped,
)
from daskflow.definition.nodes import Argument, Element, LiteralRef, NodeRef


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


def shape(graph, told=repr):
    """Return all that matters of a graph, whatever the order in which it was made."""
    nodes = {
        name: (node.task.name, {(one.name, told(one.form)) for one in node.arguments}, node.space)
        for name, node in graph.nodes.items()
    }
    spaces = {
        name: (space.parent, space.depth, {(one.what, told(one.form)) for one in space.givers})
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


# --------------------------------------------------------------------------------------- edges


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda f: f.add_edge("a", "z"), "flow 'lines' has no node named 'z'; its nodes: a, b"),
        (lambda f: f.add_edge("z", "a"), "flow 'lines' has no node named 'z'; its nodes: a, b"),
        (lambda f: f.add_edge(add, "a"), "flow 'lines' has no node of <task 'add'>; its nodes"),
        (lambda f: f.add_edge(7, "a"), "flow 'lines' has no node of 7"),
        (lambda f: f.add_edge(ident, "b"), "several nodes of <task 'ident'>, name one: a, b"),
        (lambda f: f.chain("a", Parameter("x")), "has no node of <parameter 'x'>"),
        (lambda f: f.add_edge("a", "b", key="x"), "node 'b': its argument 'x' has a value already"),
        (lambda f: f.add_edge("a", "b", key="q"), r"node 'b' has no argument 'q'; .* ident\(x\)"),
        (lambda f: f.add_edge("a", "b", mapped=True), "b: <the result of task 'a'> is not mapped"),
        (lambda f: f.add_edge(Parameter("p"), "b"), "b: wait_for takes what tasks returned"),
        (lambda f: f.add_edge(Flow("g").add_task(ident, 1), "b"), "belongs to another flow"),
        (lambda f: f.set_reference_tasks(["z"]), "has no node named 'z'"),
        (lambda f: f.set_reference_tasks([]), "some node has to decide"),
        (lambda f: f.set_returned(Flow("g").add_task(ident, 1)), "belongs to another flow"),
        (lambda f: f.replace("z", add), "has no node named 'z'"),
        (lambda f: f.replace("a", len), "a node is made of a task"),
        (lambda f: f.graph().add_edge(Edge("a", "z")), "no node is named 'z'; there are: a, b"),
        (lambda f: f.graph().add_edge(Edge("b", "a", "y")), "feeds no argument; .* key='y'"),
        (lambda f: f.graph().add_edge(Edge("b", "b", "x")), "'x' has a value already"),
        (lambda f: f.graph().add_edge(Edge("a", "b", levels=(0,))), r"a -> b has levels \(0,\)"),
    ],
)
def test_edges_that_make_no_sense(call, told):
    """What is unknown, ambiguous or taken is refused at the call, which changes nothing."""
    f = lines("a", "b")
    before = shape(f.graph())
    with pytest.raises(DefinitionError, match=told):
        call(f)
    assert shape(f.graph()) == before


def test_a_message_does_not_list_a_thousand_nodes():
    """Of very many nodes only the first are named."""
    f = Flow("f")
    for _ in range(1000):
        f.add_task(ident)
    with pytest.raises(DefinitionError, match=r"ident, ident-2.* and 980 more$"):
        f.chain("ident", "nowhere")


@pytest.mark.parametrize(
    "close",
    [
        lambda f, a, c: f.add_edge(c, a),
        lambda f, a, c: f.add_edge("c", "a", key="x"),
        lambda f, a, c: f.chain(c, a),
        lambda f, a, c: f.graph().add_edge(Edge("c", "a")),
        lambda f, a, c: a.set_upstream(c),
        lambda f, a, c: c.set_downstream(a, "x"),
        lambda f, a, c: c.set_downstream("a", "x", mapped=True),
    ],
)
def test_a_circle_is_refused_at_the_call(close):
    """Whichever way it would be closed; the nodes on it are named, and nothing has changed."""
    f = Flow("f")
    a = f.add_task(ident, name="a")
    b, c = f.add_task(ident, a, name="b"), f.add_task(ident, name="c")
    f.add_edge(b, c, "x")
    before = shape(f.graph())
    with pytest.raises(CycleError, match=r"closes a circle: a -> b -> c -> a$"):
        close(f, a, c)
    assert shape(f.graph()) == before


def test_a_circle_over_the_width_of_lanes():
    """What gives a sub-flow its width cannot wait for what is in its lanes."""
    inner = flow(lambda x: (ident.named("plain")(1), ident.named("far").map([1, 2])), name="inner")

    @flow
    def outer():
        width = ident.named("width")([1, 2])
        inner.map(width)
        return ident.named("last")(1)

    for name in ("inner.plain", "inner.far"):
        with pytest.raises(CycleError, match=rf"width -> {name} -> width$"):
            outer.add_edge(name, "width")
    outer.add_edge("last", "width")
    with pytest.raises(CycleError, match=r"last -> width -> inner.plain -> last$"):
        outer.add_edge("inner.plain", "last")


def test_an_edge_twice_is_an_edge_once():
    """Waiting twice changes nothing, lane by lane or not."""
    f = Flow("f")
    with f:
        a = ident.named("a").map([1])
        ident.named("b").map(a)
    f.add_edge("a", "b", mapped=True)
    before = shape(f.graph())
    f.add_edge("a", "b", mapped=True)
    for edge in before[2]:
        f.graph().add_edge(edge)
    assert shape(f.graph()) == before
    assert [giver.what for giver in f.graph().spaces["b"].givers] == ["x", "wait_for a"]


def test_what_belongs_into_lanes_stays_there():
    """A lane's parameter, and a selection made in it, are refused elsewhere."""
    f, kept = Flow("f"), []

    def body(x):
        kept.extend([x, successful(ident.map([x, x]))])
        flow(lambda y: collect([x, y]), name="deep").map([1, 2])

    with f:
        flow(body, name="lane").map([1, 2])
    node = f.add_task(collect)
    for handle in kept:
        with pytest.raises(DefinitionError, match=r"belongs into the lanes of 'lane'; return it"):
            f.add_edge(handle, node, "xs")
    assert f.graph().nodes["lane.deep.collect"].arguments[0].form.template[0].level == 0


def test_handles_in_a_traced_flow():
    """`set_upstream` and `set_downstream` work where the flow is traced, too."""

    @flow
    def traced():
        a, b, c = ident.named("a")(1), ident.named("b")(2), ident.named("c")(3)
        a.set_downstream(b)
        b.set_downstream(c)
        c.set_upstream("a")

    assert set(traced.graph().edges()) == {Edge("a", "b"), Edge("b", "c"), Edge("a", "c")}


def test_positional_only_arguments_find_their_places():
    """Fed in any order they are passed by position; one with a gap before it is told."""
    f = Flow("f")
    for name in "pqr":
        f.add_task(ident, 0, name=name)
    node = f.add_task(apart)
    f.add_edge("p", node, "c")
    f.add_edge("q", node, "b")
    with pytest.raises(DefinitionError, match="'b' can only come behind 'a'"):
        f.validate()
    f.add_edge("r", node, "a")
    assert f.graph().nodes["apart"].arguments == (
        Argument("a", NodeRef("r")),
        Argument("b", NodeRef("q")),
        Argument("c", NodeRef("p"), "c"),
    )
    f.validate()


def test_arguments_without_a_parameter_of_their_own():
    """`**named` takes any word, `*args` none."""
    f = Flow("f")
    f.add_task(ident, 0, name="p")
    node = f.add_task(rest, 1, 2)
    f.add_edge("p", node, "word")
    with pytest.raises(DefinitionError, match="has no argument 'not a word'"):
        f.add_edge("p", node, "not a word")
    kept = f.add_task(task(lambda *args: args))
    with pytest.raises(DefinitionError, match="has no argument 'args'"):
        f.add_edge("p", kept, "args")
    f.validate()


# ------------------------------------------------------------------------------- mapped edges


def by_hand(steps, order):
    """Return the graph of a flow whose edges are added in some order."""
    f = Flow("f")
    f.add_task(ident, Parameter("p"), name="a")
    for name, made in (("b", ident), ("c", add), ("d", collect), ("e", add)):
        f.add_task(made, name=name)
    f.add_task(ident, 0, name="k")
    for number in order:
        upstream, downstream, key, mapped = steps[number]
        f.add_edge(upstream, downstream, key, mapped=mapped)
    return shape(f.graph())


def test_mapped_edges_in_any_order_are_the_graph_of_a_traced_flow():
    """What is mapped before or after what maps over it: lanes are joined all the same."""

    @flow(name="f")
    def traced(p):
        a = ident.named("a")(p)
        k = ident.named("k")(0)
        b = ident.named("b").map(a)
        c = add.named("c").map(b, unmapped(k), wait_for=[b])
        collect.named("d")(c)
        add.named("e").map(a, c)

    steps = [
        ("a", "b", "x", True),
        ("b", "c", "x", True),
        ("k", "c", "y", False),
        ("b", "c", None, True),
        ("c", "d", "xs", False),
        ("a", "e", "x", True),
        ("c", "e", "y", True),
    ]
    wanted = shape(traced.graph())
    orders = [
        order
        for order in itertools.permutations(range(len(steps)))
        if order.index(0) < order.index(3) and order.index(1) < order.index(3)
    ]  # what waits lane by lane needs lanes to wait for
    for order in orders[:: len(orders) // 200]:
        assert by_hand(steps, order) == wanted, order


def test_widths_are_in_order_in_a_definition():
    """However they came about, so that nothing has to look far ahead for one."""
    f = Flow("f")
    nodes = [f.add_task(ident, name=f"n{place}") for place in range(5)]
    for place in reversed(range(4)):
        f.add_edge(nodes[place], nodes[place + 1], "x", mapped=True)
    f.add_edge(Parameter("p"), nodes[0], "x", mapped=True)
    assert list(f.graph().spaces) == ["", "n4", "n3", "n2", "n1", "n0"]
    assert list(f.definition().graph.spaces) == ["", "n0", "n1", "n2", "n3", "n4"]


def test_a_mapped_edge_in_the_lanes_of_a_sub_flow():
    """A node in lanes that is mapped later opens a space in each lane, as `.map` does there."""

    def body(x, inner):
        width = ident.named("width")(x)
        return collect.named("all")(inner(width))

    traced_lane = flow(lambda x: body(x, ident.named("inner").map), name="lane")
    hand_lane = flow(lambda x: body(x, lambda _: hand.add_task(ident, name="inner")), name="lane")
    traced = flow(lambda: traced_lane.map([1, 2]), name="f")
    hand = Flow("f")
    with hand:
        hand_lane.map([1, 2])
    hand.add_edge("lane.width", "lane.inner", "x", mapped=True)
    assert shape(hand.graph()) == shape(traced.graph())


def test_what_has_no_task_run_is_not_mapped_over_by_hand():
    """A lane's own element of a value that only workers see; and names of lanes are no nodes'."""
    f, kept = Flow("f"), []
    with f:
        lane = flow(lambda x: kept.append(x) or ident.named("in")(x), name="lane")
        lane.map(ident.named("width")([[1]]))
    with pytest.raises(DefinitionError, match=r"in: <parameter 'x'> has no task run of its own"):
        f.add_edge(kept[0], f.add_task(ident, name="in"), "x", mapped=True)
    with pytest.raises(DefinitionError, match="'lane' is the name of a mapped sub-flow here"):
        f.add_task(ident, name="lane")


def test_a_value_that_is_both_whole_and_mapped_over():
    """Where its node becomes mapped, each way to it is right, the list and the child."""

    def body(maps):
        a = ident.named("a").map([1, 2]) if maps else f.add_task(ident, name="a")
        add.named("b").map(a, unmapped([a, 1]))
        add.named("c").map([a, 1])
        return add.named("d")(a)

    traced = flow(lambda: body(maps=True), name="f")
    f = Flow("f")
    with f:
        f.set_returned(body(maps=False))
    f.add_edge(Parameter("p"), "a", "x", mapped=True)
    mine, theirs = shape(f.graph()), shape(traced.graph())
    assert mine[2] == theirs[2]
    for name in "bcd":
        assert mine[0][name] == theirs[0][name]
    assert f.graph().nodes["a"].arguments[0].form == Element(LiteralRef("p"), 0)


def test_what_may_be_fed_besides_nodes():
    """A parameter, and a selection of children, go over an edge with a key."""
    f = Flow("f")
    with f:
        mapped = ident.map([1, 2])
        picked = successful(mapped)
        flat = flatten(ident.named("lists").map([[1], [2]]))
    one, two = f.add_task(collect), f.add_task(collect)
    f.add_edge(picked, one, "xs")
    f.add_edge(Parameter("p"), two, "xs")
    f.add_edge(flat, f.add_task(ident, name="last"), "x", mapped=True)
    nodes = f.graph().nodes
    assert nodes["collect"].arguments[0].form == NodeRef("ident", is_picky=True)
    assert nodes["collect-2"].arguments[0].form == LiteralRef("p")
    assert nodes["last"].arguments[0].form == NodeRef("flatten", (0,))
    f.validate()


# -------------------------------------------------------------------------- changing, replacing


def test_a_node_gets_another_task():
    """It keeps its name and its arguments, which feed the parameters at their places."""

    @task
    def other(left, right=0, *, z=0): ...

    f = Flow("f")
    a, b = f.add_task(ident, 1, name="a"), f.add_task(ident, 2, name="b")
    with f:
        add.named("c").map([1], a, z=unmapped(3), wait_for=[b])
    f.replace("c", other.with_options(retries=2))
    made = f.graph().nodes["c"]
    assert made.task.rules.retry.retries == 2
    assert [(one.name, one.keyword) for one in made.arguments] == [
        ("left", None),
        ("right", None),
        ("z", "z"),
    ]
    assert f.graph().upstream("c") == [Edge("a", "c", "right", mapped=True), Edge("b", "c")]
    assert [giver.what for giver in f.graph().spaces["c"].givers] == ["left", "right"]


def test_arguments_have_to_fit_the_other_task():
    """What does not fit is refused with both signatures named, and the node stays as it was."""
    f = Flow("f")
    f.add_task(add, 1, z=3, name="full")
    f.add_task(add, z=3, name="empty")
    before = shape(f.graph())
    for other, told in [
        (ident, r"node 'full' has arguments that do not fit ident\(x\): got an unexpected .* 'z'"),
        (task(lambda a, b, *, z: 0, name="three"), r"fit three\(.*missing .* 'b'"),
    ]:
        with pytest.raises(DefinitionError, match=told):
            f.replace("full", other)
    assert shape(f.graph()) == before
    f.replace("empty", task(lambda a, b, *, z: 0, name="three"))
    assert f.graph().nodes["empty"].task.name == "three"


def test_a_replaced_task_is_found_no_more():
    """A task stands for the nodes that have it now."""
    f = Flow("f")
    f.add_task(ident, 1)
    f.replace(ident, collect)
    f.chain(collect)
    with pytest.raises(DefinitionError, match="no node of <task 'ident'>"):
        f.chain(ident)


def test_keys_and_givers_follow_the_new_names():
    """After a replacement edges and widths speak of the parameters of the new task."""
    f = Flow("f")
    with f:
        collect.named("n").map(ident.named("m").map([1]), wait_for=[])
    f.replace("n", ident)
    assert list(f.graph().edges()) == [Edge("m", "n", "x", mapped=True, levels=(0,))]
    assert [giver.what for giver in f.graph().spaces["n"].givers] == ["x"]
    f.validate()


def test_changes_show_in_later_definitions_only():
    """A definition is a snapshot: made anew after a change, and the same without one."""
    f = lines("a", "b")
    f.add_edge(Parameter("p", default=1), "a", key="x")
    first = f.definition()
    assert f.definition() is first
    f.graph().add_edge(Edge("a", "b"))
    second = f.definition()
    assert second is not first
    assert list(second.graph.edges()) == [Edge("a", "b", "x"), Edge("a", "b")]
    assert list(first.graph.edges()) == [Edge("a", "b", "x")]
    f.set_reference_tasks(["a"])
    assert f.definition().reference_tasks == ("a",)
    assert second.reference_tasks == ("b",)
    f.set_returned(Parameter("q"))
    assert f.definition().returned == LiteralRef("q")


def test_what_was_refused_sends_nothing_to_workers():
    """The constants of a call that failed are in no definition."""
    f = Flow("f")
    for _ in range(2):
        with pytest.raises(DefinitionError), f:
            add.named("n").map("text", [1])
    f.add_task(add, 5, name="n")
    assert list(f.definition().literals.values()) == [5, None]


def test_with_options_is_a_flow_of_its_own():
    """It has all that was done by hand so far; what is done later belongs to one of them."""
    f = lines("a", "b")
    f.add_edge(Parameter("p"), "a", key="x")
    f.set_reference_tasks(["a"])
    other = f.with_options(run_name="tonight")
    assert shape(other.graph()) == shape(f.graph())
    assert other.definition().reference_tasks == ("a",)
    other.add_task(ident, Parameter("q"), name="c")
    f.add_task(ident, 0, name="d")
    assert list(other.graph().nodes) == ["a", "b", "c"]
    assert list(f.graph().nodes) == ["a", "b", "d"]
    assert other.definition().literals.keys() == {"<returned>"}
    assert list(f.signature.parameters) == ["p"]
    assert list(other.signature.parameters) == ["p", "q"]
    other.add_task(collect, 1)
    f.chain("a", f.add_task(collect, 2))
    f.chain(collect, "d")


def test_a_copy_has_constants_of_its_own():
    """What is passed in a copy, or after a journey, is a value there, not a name from elsewhere."""
    shared = ["shared"]
    f = Flow("f")
    f.add_task(ident, shared)
    other = f.with_options(run_name="tonight")
    late = ["late"]
    other.add_task(ident, late)
    f.add_task(collect, late)
    f.add_task(collect, shared)
    assert list(f.definition().literals.values()) == [shared, late, None]
    there = pickle.loads(cloudpickle.dumps(f))
    there.trace._constants = dict.fromkeys(map(id, (late, shared)), "ident.x")
    there.add_task(ident, late)
    assert list(there.definition().literals.values()) == [shared, late, late, None]


def test_a_traced_flow_keeps_its_changes():
    """Edges and nodes that were added to a flow with a function stay in all later looks at it."""

    @flow
    def traced(p):
        return ident.named("b")(ident.named("a")(p))

    traced.add_task(ident, Parameter("p"), name="c")
    traced.graph().add_edge(Edge("a", "c"))
    with traced:
        add.named("d")(Parameter("p"))
    for one in (traced, traced.with_options(block_size=1)):
        assert one.definition().graph.order() == ["a", "d", "b", "c"]


# ------------------------------------------------------------------------------------- update


def test_update_takes_in_another_flow():
    """Its nodes, edges, spaces and parameters; what is waited for, mapped or flattened stays so."""

    def body(p):
        a = ident.named("a").map(p)
        flat = flatten(a)
        inner = flow(lambda x: add(x, ident(x)), name="inner")
        return collect.named("z")([inner.map(flat), 7], wait_for=[a])

    source = flow(body, name="source")
    f = lines("one", "two")
    f.add_edge(Parameter("p", default=[[1]]), "one", "x")
    f.update(source)
    nodes, spaces, edges = shape(source.graph())
    mine = shape(f.graph())
    assert nodes.items() <= mine[0].items()
    assert spaces.items() <= mine[1].items()
    assert mine[2] == edges | {Edge("one", "two", "x")}
    f.chain("two", collect, f.add_task(ident, 1))
    f.validate()


def test_update_refuses_what_clashes():
    """Names of nodes, of lanes, and parameters that differ; nothing has changed then."""
    f = lines("a", "b")
    f.add_task(ident, Parameter("p", default=1), name="inner")
    before = shape(f.graph())
    clash = Flow("g")
    clash.add_task(ident, 1, name="b")
    with pytest.raises(DefinitionError, match=r"'lines' cannot take in 'g': .* named b$"):
        f.update(clash)
    inner = flow(lambda x: ident.named("deep")(x), name="inner")
    with pytest.raises(DefinitionError, match=r"named inner$"):
        f.update(flow(lambda: inner.map([1]), name="g"))
    other = Flow("g")
    other.add_task(ident, Parameter("new"), name="x")
    other.add_task(ident, Parameter("p", default=2), name="y")
    with pytest.raises(DefinitionError, match="parameter 'p': its default is 1, not 2"):
        f.update(other)
    assert shape(f.graph()) == before
    assert list(f.signature.parameters) == ["p"]
    closed = flow(lambda p: ident(p), name="closed")
    other = Flow("g")
    other.add_task(ident, Parameter("new"), name="x")
    with pytest.raises(DefinitionError, match="flow 'closed' has no parameter 'new'"):
        closed.update(other)
    assert list(closed.graph().nodes) == ["ident"]


# ----------------------------------------------------------------------------------- validate


def test_all_that_is_wrong_is_told_at_once():
    """Missing arguments of several nodes, and unknown reference tasks."""
    f = Flow("f", reference_tasks=["nowhere"])
    f.add_task(ident, name="a")
    f.add_task(add, 1, name="b")
    f.add_task(collect)
    with pytest.raises(DefinitionError) as caught:
        f.validate()
    assert (
        str(caught.value)
        == """flow 'f':
  node 'a': nothing feeds its argument 'x'; its task is ident(x)
  node 'collect': nothing feeds its argument 'xs'; its task is collect(xs)
  reference_tasks= names nowhere; its nodes are a, b, collect"""
    )
    with pytest.raises(DefinitionError, match="nothing feeds its argument"):
        f.with_options(executor=LocalExecutor()).run()


def test_one_problem_is_told_in_one_line():
    """A flow that lacks one thing says so in a sentence."""
    f = Flow("f")
    f.add_task(ident)
    with pytest.raises(DefinitionError, match=r"^flow 'f': node 'ident': nothing feeds .*$"):
        f.definition()
    Flow("empty").validate()

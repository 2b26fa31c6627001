"""What adding to a graph costs, however large it is, and that its order is the same everywhere."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys

import pytest

from daskflow import CycleError, Flow, task
from daskflow.definition.nodes import FlowGraph
from daskflow.graph import Edge, Graph

pytestmark = pytest.mark.outside


class Counts:
    """Counts the edges of a graph that are looked at while others are added."""

    looks = 0

    def after(self, name):
        for other in super().after(name):
            self.looks += 1
            yield other

    def before(self, name):
        for other in super().before(name):
            self.looks += 1
            yield other


class Counting(Counts, Graph[int]): ...


def chain(count):
    """Return the edges of a chain, from its beginning."""
    return [(place, place + 1) for place in range(count - 1)]


def mesh(count):
    """Return edges from each node to two later ones or less."""
    chooser = random.Random(7)
    return sorted({(chooser.randrange(i), i) for i in range(1, count) for _ in range(2)})


def fan(count):
    """Return the edges of a star whose rays meet again."""
    inner = range(1, count - 1)
    return [(0, i) for i in inner] + [(i, count - 1) for i in inner]


def looks(edges, count):
    """Return how many edges are looked at while these are added."""
    graph = Counting()
    for name in range(count):
        graph.add_node(str(name), name)
    for one, other in edges:
        graph.add_edge(Edge(str(one), str(other)))
    assert len(graph.order()) == count
    return graph.looks


@pytest.mark.parametrize("shape", [chain, mesh, fan])
@pytest.mark.parametrize("direction", [1, -1])
def test_edges_in_order_cost_the_same_in_a_large_graph(shape, direction):
    """From the beginning or from the end: a few looks for each edge, with 1,000 nodes or 10,000."""
    for count in (1000, 10_000):
        edges = shape(count)
        assert looks(edges[::direction], count) <= 4 * len(edges)


def test_edges_in_no_order_cost_little_more():
    """The smaller of two parts that an edge joins is what is looked at."""
    for count in (1000, 10_000):
        edges = chain(count)
        random.Random(3).shuffle(edges)
        assert looks(edges, count) <= 16 * len(edges)


def test_an_edge_that_is_there_is_not_looked_for():
    """Adding an edge again, among very many of one node, costs no look."""
    edges = fan(2000)
    assert looks(edges + edges, 2000) == looks(edges, 2000)


class CountingFlowGraph(Counts, FlowGraph): ...


@pytest.mark.slow
@pytest.mark.parametrize("count", [2000, 20_000])
def test_a_flow_by_hand_grows_with_its_edges(count, monkeypatch):
    """A chain and a fan that are fed by edges are built, validated and ordered."""
    monkeypatch.setattr("daskflow.definition.tracing.FlowGraph", CountingFlowGraph)
    keep = task(lambda x: x, name="keep")
    f = Flow("f")
    names = [f.add_task(keep, name=f"n{place}") for place in range(count)]
    fan_in = f.add_task(task(lambda **values: values, name="all"))
    f.replace(names[0], task(lambda: 0, name="start"))
    for place in reversed(range(1, count)):
        f.add_edge(names[place - 1], names[place], key="x")
    for name in names:
        f.add_edge(name, fan_in)
    f.validate()
    assert f.graph().looks <= 4 * 2 * count
    assert f.graph().order() == [*(f"n{place}" for place in range(count)), "all"]


def test_a_circle_is_found_from_either_side():
    """However long the way around, its names are told in order."""
    for reverse in (False, True):
        graph = Graph()
        names = [f"n{place}" for place in range(100)]
        for name in reversed(names) if reverse else names:
            graph.add_node(name, 0)
        for one, other in itertools.pairwise(names):
            graph.add_edge(Edge(one, other))
        with pytest.raises(CycleError, match=f"circle: {' -> '.join([*names, 'n0'])}$"):
            graph.add_edge(Edge("n99", "n0"))
        assert graph.changes == 199


def test_nodes_and_edges_can_be_exchanged():
    """A node gets other content, an edge others in its place, and a copy changes by itself."""
    graph = Graph()
    for name in "abc":
        graph.add_node(name, 0)
    graph.add_edge(Edge("a", "c"))
    graph.add_edge(Edge("b", "c"))
    copy = graph.copy()
    graph.replace_node("a", 1)
    graph.exchange({Edge("a", "c"): [Edge("a", "c", "x"), Edge("a", "c", "y")]})
    assert graph.nodes["a"] == 1
    assert graph.upstream("c") == [Edge("a", "c", "x"), Edge("a", "c", "y"), Edge("b", "c")]
    assert graph.downstream("a") == [Edge("a", "c", "x"), Edge("a", "c", "y")]
    graph.exchange({Edge("b", "c"): ()})
    assert graph.terminals() == ["b", "c"]
    assert (copy.nodes["a"], copy.upstream("c")) == (0, [Edge("a", "c"), Edge("b", "c")])
    assert (graph.changes, copy.changes) == (8, 5)


PROGRAM = """
from daskflow import Flow, flow, task
@task
def t(*a, **k): ...
f = Flow("f")
for name in "xyzuvw":
    f.add_task(t, name=name)
for one, other in ["vx", "wx", "yu", "wy", "zv"]:
    f.add_edge(one, other)
with f:
    t.named("last")({"k": [f.add_task(t), f.add_task(t)]}, wait_for=[f.add_task(t)])
print(f.graph().order(), [tuple(edge) for edge in f.definition().graph.edges()])
"""


def test_the_order_is_the_same_in_every_process():
    """Whatever the seed of its hashes, a process makes the same graph in the same order."""
    told = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1
    assert "['z', 'w', 't', 't-2', 't-3', 'v', 'y', 'last', 'x', 'u']" in told.pop()

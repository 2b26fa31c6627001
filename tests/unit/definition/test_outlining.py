"""The outline of a graph: JSON, and the same graph again as far as states go."""

from __future__ import annotations

import json

import pytest

from daskflow import case, flatten, flow, manual_only, merge, task, unmapped
from daskflow.definition.outlining import graph_of, nodes_of, outline_of
from daskflow.errors import StoreError
from daskflow.graph import Edge


@task
def load(n: int) -> list[int]:
    return list(range(n))


@task(retries=2, cache=True, tags={"slow"}, trigger=manual_only)
def double(n: int) -> int:
    return 2 * n


@task(trigger=lambda states: True)
def add(x: int, y: int) -> int:
    return x + y


@flow
def chain(n: int):
    return add(double(n), double(n))


@flow
def lanes(n: int):
    doubled = double.map(load(n))
    return add.map(doubled, unmapped(load(n)), wait_for=[doubled])


@flow
def flat(n: int):
    return double.map(flatten(load.map(load(n))))


@flow
def lane(n: int):
    with case(load(n), [0]):
        return double.map(load(n))


@flow
def nested(n: int):
    return lane.map(load(n))


@flow
def branches(n: int):
    first = load(n)
    with case(first, [0]):
        mapped = double.map(first)
    return merge(mapped, first)


@flow
def long(n: int):
    first = load(n)
    return add(load(load(first)), first)


@flow
def gathered(n: int):
    return task(sum, name="total")([load(n) for _ in range(3)])


@flow
def crossed(n: int):
    c, d = load(n), double(n)
    return add(add(c, d), y=add(y=d, x=c)), add(y=c, x=d)


@pytest.mark.parametrize("made", [chain, lanes, flat, nested, branches, gathered, crossed])
def test_a_graph_comes_back(made):
    """Its edges with all that they say, its spaces, and who gives their width."""
    graph = made.graph()
    found = graph_of(json.loads(json.dumps(outline_of(graph))))
    assert list(found.edges()) == list(graph.edges())
    assert found.order() == graph.order()
    assert {n: s.space for n, s in found.nodes.items()} == {
        n: s.space for n, s in graph.nodes.items()
    }
    assert {name: [*space.needs()] for name, space in found.spaces.items()} == {
        name: [*space.needs()] for name, space in graph.spaces.items()
    }
    assert [found.gives_width(name) for name in found.nodes] == [
        graph.gives_width(name) for name in graph.nodes
    ]


def test_what_is_told_of_a_node():
    """Its task, trigger, retries, cache and tags, where they are not as everywhere."""
    nodes = nodes_of(outline_of(chain.graph(), ["add"]))
    told = {"trigger": "manual_only", "retries": 2, "cached": True, "tags": ["slow"]}
    assert nodes["double"] == nodes["double-2"] == {"task": "double", **told}
    assert nodes["add"] == {"task": "add", "trigger": "<lambda>"}
    assert nodes_of(outline_of(lanes.graph()))["load"] == {"task": "load"}


def test_what_is_told_alike_is_told_once():
    """However many nodes and edges there are of a kind."""
    outline = outline_of(long.graph())
    assert [names for _, names in outline["nodes"]] == [["load", "load-2", "load-3"], ["add"]]
    assert outline["edges"] == [
        [[["n", [], "", 1]], ["load-2", "load-3"], [["load", "load-2"]]],
        [[["x", [], "", 1], ["y", [], "", 1]], ["add"], [["load-3"], ["load"]]],
    ]


def test_edges_of_a_kind_that_lead_into_one_node():
    """How many there are is told, as of a list of very many."""
    outline = outline_of(gathered.graph())
    assert outline["edges"] == [
        [[["iterable", [], "", 3]], ["total"], [["load", "load-2", "load-3"]]]
    ]


def test_a_graph_of_a_newer_version():
    """It says which it is, and what wrote it."""
    with pytest.raises(StoreError, match="told in version 3; a newer daskflow wrote it"):
        graph_of({"version": 3, "nodes": []})


def test_an_outline_of_an_earlier_version():
    """In a store that is older than the graphs in it are told so."""
    told = {"a": {"retries": 1}, "b": {"task": "c", "space": "b"}}
    spaces = {"b": {"parent": "", "depth": 1, "givers": [["x", [["a", [], False]]]]}}
    edges = [["a", "b", "x", [], "m"]]
    found = graph_of({"version": 1, "nodes": told, "edges": edges, "spaces": spaces})
    assert [node.task.name for node in found.nodes.values()] == ["a", "c"]
    assert list(found.edges()) == [Edge("a", "b", "x", mapped=True)]
    assert nodes_of({"version": 1, "nodes": told}) == told


def test_what_decides_is_told():
    """The reference tasks stand in the outline."""
    assert outline_of(chain.graph(), ("add",))["references"] == ["add"]


def test_a_task_of_an_outline_has_a_name_alone():
    """What it does is in the flow's code, which whoever reads may not have."""
    node = graph_of(outline_of(chain.graph())).nodes["double-2"]
    assert node.task.name == "double"
    assert node.task.fn() is None


def test_an_outline_that_is_empty():
    """A run of which none was kept has a graph without nodes."""
    assert len(graph_of({})) == 0

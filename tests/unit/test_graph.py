"""A graph keeps its nodes in order, names what is missing, and never closes a circle."""

from __future__ import annotations

import pytest

from daskflow import CycleError, DefinitionError
from daskflow.graph import Edge, Graph


def made(nodes: str, *edges: str) -> Graph[int]:
    """Return a graph of one-letter nodes; an edge is two letters, upstream first."""
    graph: Graph[int] = Graph()
    for number, name in enumerate(nodes):
        graph.add_node(name, number)
    for upstream, downstream in edges:
        graph.add_edge(Edge(upstream, downstream))
    return graph


def test_nodes_are_found_by_name():
    """A graph has a length, its nodes by name, and what was attached to them."""
    graph = made("ab")
    assert len(graph) == 2
    assert "a" in graph
    assert "c" not in graph
    assert graph.nodes == {"a": 0, "b": 1}


def test_a_name_is_given_once():
    """A second node of one name is refused, with the cure."""
    with pytest.raises(DefinitionError, match=r"two nodes named 'a'.*\.named\("):
        made("aa")


def test_two_edges_from_one_node_count_once_in_the_order():
    """A node waits for each of its upstreams, by however many arguments they come."""
    graph = made("axbc", "xb", "bc", "ac")
    graph.add_edge(Edge("a", "c", "again"))
    assert graph.order() == ["a", "x", "b", "c"]


@pytest.mark.parametrize(
    ("nodes", "edge", "told"),
    [("a", "xa", "no node is named 'x'; there are: a"), ("", "xy", "there are: none")],
)
def test_an_edge_needs_both_its_ends(nodes, edge, told):
    """An edge to or from a node that is not there names it, and those that are."""
    with pytest.raises(DefinitionError, match=told):
        made(nodes, edge)


def test_a_copy_changes_by_itself():
    """Neither sees the edges that the other gets later, nor those that it has given away."""
    graph = made("abc", "ab")
    other = graph.copy()
    other.add_edge(Edge("a", "c"))
    graph.add_edge(Edge("b", "c"))
    graph.add_edge(Edge("a", "c", "x"))
    other.exchange({Edge("a", "b"): []})
    assert list(graph.edges()) == [Edge("a", "b"), Edge("b", "c"), Edge("a", "c", "x")]
    assert list(other.edges()) == other.downstream("a") == [Edge("a", "c")]
    assert graph.downstream("a") == [Edge("a", "b"), Edge("a", "c", "x")]
    assert other.terminals() == ["b", "c"]


def test_a_node_may_come_with_its_edges():
    """Whether or not somebody has asked before what stands behind the others."""
    graph = made("ab")
    graph.add_node("c", 2, [Edge("a", "c"), Edge("b", "c")])
    assert graph.terminals() == ["c"]
    graph.add_node("d", 3, [Edge("c", "d")])
    assert (graph.terminals(), graph.downstream("c")) == (["d"], [Edge("c", "d")])


def test_of_a_node_that_is_not_there_nothing_is_told():
    """Neither what leads into it nor what leads out of it."""
    graph = made("a")
    for ask in (graph.upstream, graph.downstream):
        with pytest.raises(KeyError, match="x"):
            ask("x")


def test_an_edge_twice_is_an_edge_once():
    """Adding the same edge again changes nothing; another argument of the same pair is new."""
    graph = made("ab", "ab", "ab")
    assert graph.upstream("b") == [Edge("a", "b")]
    graph.add_edge(Edge("a", "b", "x"))
    assert graph.upstream("b") == [Edge("a", "b"), Edge("a", "b", "x")]
    assert graph.downstream("a") == graph.upstream("b") == list(graph.edges())
    assert graph.order() == ["a", "b"]


@pytest.mark.parametrize(
    ("nodes", "edges", "circle"),
    [
        ("a", ["aa"], "a -> a"),
        ("ab", ["ab", "ba"], "a -> b -> a"),
        ("abcd", ["ab", "bc", "ad", "dc", "ca"], "a -> d -> c -> a"),
    ],
)
def test_a_circle_is_named(nodes, edges, circle):
    """The edge that would close a circle is refused, and the circle is written out."""
    with pytest.raises(CycleError, match=f"closes a circle: {circle}$"):
        made(nodes, *edges)


def test_a_refused_edge_leaves_no_trace():
    """After a refused edge the graph is what it was."""
    graph = made("ab", "ab")
    with pytest.raises(CycleError):
        graph.add_edge(Edge("b", "a"))
    assert list(graph.edges()) == [Edge("a", "b")]
    assert graph.order() == ["a", "b"]


@pytest.mark.parametrize(
    ("nodes", "edges", "order", "terminals"),
    [
        ("", [], "", ""),
        ("cba", [], "cba", "cba"),
        ("abcd", ["ab", "ac", "bd", "cd"], "abcd", "d"),
        ("dcba", ["ab", "ac", "bd", "cd"], "abcd", "d"),
        ("abcd", ["ac", "cb"], "adcb", "bd"),
        ("abcde", ["ab", "ac", "bd", "cd", "ea"], "eabcd", "d"),
    ],
)
def test_order_is_topological_and_as_inserted_where_it_may_be(nodes, edges, order, terminals):
    """Each node comes behind all it depends on; the order of insertion decides the rest."""
    graph = made(nodes, *edges)
    assert graph.order() == list(order)
    assert graph.terminals() == list(terminals)


def test_a_way_that_leads_twice_to_the_same_node_is_gone_once():
    """An edge in front of a diamond, behind a long chain, closes no circle."""
    graph = made("sbcdpqrtuvx", "sb", "sc", "bd", "cd", "pq", "qr", "rt", "tu", "uv", "vx")
    graph.add_edge(Edge("x", "s"))
    assert graph.order() == list("pqrtuvxsbcd")

"""What comes out of lowering: blocks as bytes, and the layer of a Dask graph."""

from __future__ import annotations

import pickle
from dataclasses import replace

from dask.task_spec import Task

from daskflow.demands import Demand
from daskflow.events import Before
from daskflow.lowering import Plan
from daskflow.lowering.plan import Block, Slice, Strip, strips_of, unpack_block
from daskflow.sealing import opened
from daskflow.states import Crashed
from tests.unit.lowering.desk import Desk, a, always, b, make, total


def walk(run_id, number, body, *inputs):
    return run_id, number, unpack_block(body), inputs


def unpack(name, data):
    return name, pickle.loads(data)


def cut(node, start, stop, block):
    return node, start, stop, block


def test_a_plan_becomes_one_layer():
    """A node for each block, which calls the walk with its inputs, literals last."""
    desk = Desk(lambda xs, big: total(a.map(xs), big), xs=[1, 2], big="large")
    desk.large = frozenset({"big"})
    layer = desk.lower(1).layer(walk, unpack, cut)
    assert list(layer) == [("literal-ab12", "big"), ("a-ab12", 1), ("a-ab12", 2), ("total-ab12", 3)]
    assert all(type(node) is Task and node.key == key for key, node in layer.items())
    node = layer["total-ab12", 3]
    assert node.dependencies == {("a-ab12", 1), ("a-ab12", 2), ("literal-ab12", "big")}
    values = {key: key for key in node.dependencies}
    run_id, number, body, inputs = node(values)
    assert (run_id, number) == ("ab12", 3)
    assert body.strips == [Strip(("total",), 0, 1)]
    assert inputs == (("a-ab12", 1), ("a-ab12", 2), ("literal-ab12", "big"))
    assert layer["literal-ab12", "big"]() == ("big", "large")


def test_keys_are_the_tasks_name_the_run_and_a_number():
    """Dask groups by the name before the run id; a node's own name plays no part."""
    clean = make("clean")
    desk = Desk(lambda xs: (clean.named("raw").map(xs), clean(1), b.map(clean.map(xs))), xs=[1])
    keys = [block.key for block in desk.lower().blocks]
    assert sorted(keys) == [("clean-ab12", 1), ("clean-ab12", 2), ("clean-ab12", 3)]


def test_an_empty_plan_is_an_empty_layer():
    """Where nothing can be lowered there is nothing to submit."""
    assert Plan("ab12").layer(walk, unpack, cut) == {}


def test_the_scheduler_sees_only_bytes():
    """In the graph a block is bytes and numbers, whatever values it brings along."""
    desk = Desk(lambda xs: always(a.map(xs), b.map(xs)), xs=[object(), object()])
    desk.large = frozenset({"xs"})
    for node in desk.lower().layer(walk, unpack, cut).values():
        run_id, number, body, *_ = node.args
        assert (type(run_id), type(number), type(body)) == (str, int, bytes)


def test_a_block_is_unpacked_as_it_was():
    """Strips, attempts, given states and slices arrive on the worker."""
    desk = Desk(lambda xs: always.map(a.map(xs), xs), xs=[10, 20, 30])
    desk.large = frozenset({"xs"})
    desk.end(desk.take(desk.lower(3)))
    desk.crash("a", 1, "worker lost")
    desk.give_back("always", 1, attempts=2)
    (block,) = desk.lower().blocks
    body = unpack_block(block.packed())
    assert body.strips == [Strip(("always",), 1, 2)]
    assert body.before == {("always", 1): Before(2)}
    assert body.slices == (Slice("xs", 1, [20]),)
    (segment,) = body.given
    assert (segment.node, segment.start, segment.codes[0]) == ("a", 1, Crashed.code)
    assert str(opened(segment.values[0])) == "a[1]: worker lost"


def test_a_block_that_brings_nothing_along_is_small():
    """A key and a range: its bytes do not grow with its range."""
    sizes = {
        width: len(Block(1, ("a", 1), (Strip(("a", "b"), 0, width),)).packed())
        for width in (1, 100_000)
    }
    assert sizes[100_000] - sizes[1] < 8
    assert sizes[1] < 100


def test_how_many_task_runs_a_block_holds():
    """Each node of a strip counts at each of its positions."""
    strips = (Strip(("a", "b"), 0, 3), Strip(("b",), 7, 8))
    assert Block(1, ("a", 1), strips).task_runs() == 7


def test_what_the_blocks_of_a_plan_demand():
    """By key, and only of those that ask for something; literals and parts of values never do."""
    gpu = Demand(resources=(("GPU", 1),))
    modest, asks = Block(1, ("a-ab12", 1), ()), Block(2, ("b-ab12", 2), (), demand=gpu)
    assert Plan("ab12", (modest, asks)).demands() == {("b-ab12", 2): gpu}


def test_what_is_in_a_block_is_known_without_unpickling_its_values():
    """Also of one that Dask has taken from its worker."""
    strips = (Strip(("a", "b"), 2, 5), Strip(("c",), 0, 1))
    block = Block(7, ("a-ab12", 7), strips)
    assert strips_of(block.packed()) == list(strips)
    assert list(block.spans()) == [("a", 2, 5), ("b", 2, 5), ("c", 0, 1)]


def test_whether_values_travel_with_a_plan():
    """Then the code of their classes has to travel too."""
    block = Block(1, ("a-ab12", 1), (Strip(("a",), 0, 1),))
    assert not Plan("ab12", (block,)).carries_values()
    assert Plan("ab12", (block,), literals={"x": 1}).carries_values()
    assert Plan("ab12", (replace(block, slices=(Slice("x", 0, [1]),)),)).carries_values()

"""A block's value is held for as long as a block may still need it."""

from __future__ import annotations

from daskflow import flow, task
from daskflow.lowering.plan import Block, Strip
from daskflow.runtime.holding import Holding


@task
def get(n: int) -> int:
    return n


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@flow
def sums(numbers: list[int]):
    return total(get.map(numbers))


def block(number, node, stop, inputs=()):
    return Block(number, (node, number), (Strip((node,), 0, stop),), inputs)


def test_what_took_over_a_task_run_is_held_for_those_who_wait_for_it():
    """A consumer on its way finds a task run unfinished, and then needs the block that ran it."""
    holding = Holding(sums.graph(), frozenset())
    holding.add(block(1, "get", 1))
    holding.add(block(2, "total", 1, (("get", 1),)))
    holding.fully_lowered(["get"])
    holding.fully_lowered(["total"])
    holding.gave_back(1, [("get", 0)])  # to be retried
    holding.add(block(3, "get", 1, (("get", 1),)))
    holding.finished(3, 1, [("get", 0)])
    assert holding.take_loose() == []  # 2 has not reported yet

    holding.gave_back(2, [("total", 0)])
    holding.add(block(4, "total", 1, (("get", 1), ("get", 3))))
    holding.finished(4, 1, [("total", 0)])
    assert sorted(holding.take_loose()) == [("get", 1), ("get", 3), ("total", 2), ("total", 4)]


def test_what_took_over_a_task_run_is_held_for_what_its_block_left_open():
    """A task run that shared its block, and has to wait, needs the block that ran it."""
    holding = Holding(sums.graph(), frozenset())
    holding.add(Block(1, ("get", 1), (Strip(("get", "total"), 0, 1),), ()))
    holding.fully_lowered(["get"])
    holding.fully_lowered(["total"])
    holding.gave_back(1, [("get", 0)])  # to be retried
    holding.gave_back(1, [("total", 0)])
    holding.add(block(2, "get", 1))
    holding.finished(2, 1, [("get", 0)])
    assert holding.take_loose() == []  # what "total" waits for besides is not finished

    holding.add(block(3, "total", 1, (("get", 2),)))
    holding.finished(3, 1, [("total", 0)])
    assert sorted(holding.take_loose()) == [("get", 1), ("get", 2), ("total", 3)]


def settled(holding, *blocks):
    for made in blocks:
        (strip,) = made.strips
        (node,) = strip.nodes
        runs = [(node, position) for position in range(strip.start, strip.stop)]
        holding.finished(made.number, len(runs), runs)
    return sorted(number for _, number in holding.take_loose())


def test_a_block_is_let_go_when_its_consumers_are_settled():
    """Its value is needed until every block that took it as input is finished."""
    holding = Holding(sums.graph(), frozenset())
    first, second = block(1, "get", 2), block(2, "total", 1, (("get", 1),))
    holding.add(first)
    holding.add(second)
    holding.fully_lowered(["get"])
    holding.fully_lowered(["total"])
    assert settled(holding, first) == []
    assert settled(holding, second) == [1, 2]
    assert settled(holding, first) == []  # it is forgotten


def test_what_the_user_may_ask_for_stays():
    """A block with a node that is kept is never let go."""
    holding = Holding(sums.graph(), frozenset({"get"}))
    first, second = block(1, "get", 2), block(2, "total", 1, (("get", 1),))
    holding.add(first)
    holding.add(second)
    holding.fully_lowered(["total"])
    assert settled(holding, first, second) == [2]


def test_a_block_waits_for_what_is_still_to_be_lowered():
    """While a node downstream has task runs that were in no block its inputs are held."""
    holding = Holding(sums.graph(), frozenset())
    first = block(1, "get", 2)
    holding.add(first)
    assert settled(holding, first) == []
    holding.fully_lowered(["total"])
    assert settled(holding) == [1]


def test_an_input_of_an_earlier_run_of_the_cluster_is_not_ours():
    """A key of which nothing is known is no error."""
    holding = Holding(sums.graph(), frozenset())
    only = block(2, "total", 1, (("get", 1),))
    holding.add(only)
    holding.fully_lowered(["total"])
    assert settled(holding, only) == [2]
    assert settled(holding, only) == []


def test_a_block_is_held_while_another_consumer_goes_on():
    """Of two consumers the last one lets it go."""
    holding = Holding(sums.graph(), frozenset())
    first = block(1, "get", 2)
    consumers = [block(n, "total", 1, (("get", 1),)) for n in (2, 3)]
    for made in (first, *consumers):
        holding.add(made)
    holding.fully_lowered(["total"])
    assert settled(holding, first, consumers[0]) == [2]
    assert settled(holding, consumers[1]) == [1, 3]

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
    return Block(number, (node, number), (Strip((node,), (), 0, stop),), inputs)


def test_what_took_over_a_task_run_is_held_for_those_who_wait_for_it():
    """A consumer on its way finds a task run unfinished, and then needs the block that ran it."""
    holding = Holding(sums.graph(), frozenset())
    holding.add(block(1, "get", 1))
    holding.add(block(2, "total", 1, (("get", 1),)))
    holding.fully_lowered("get")
    holding.fully_lowered("total")
    holding.gave_back(1, [("get", 0)])  # to be retried
    holding.add(block(3, "get", 1, (("get", 1),)))
    holding.finished(3, 1, [("get", 0)])
    assert holding.take_loose() == []  # 2 has not reported yet

    holding.gave_back(2, [("total", 0)])
    holding.add(block(4, "total", 1, (("get", 1), ("get", 3))))
    holding.finished(4, 1, [("total", 0)])
    assert sorted(holding.take_loose()) == [("get", 1), ("get", 3), ("total", 2), ("total", 4)]

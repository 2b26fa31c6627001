"""A large value that is mapped over goes to workers in parts, each to the block that needs it."""

import gc
import weakref
from functools import partial

import numpy as np
import pandas as pd
import pytest

from daskflow import DaskExecutor, LocalExecutor, Skip, context, flow, task, unmapped
from daskflow.lowering import lower
from daskflow.runtime import driver
from tests.contract.waiting import eventually
from tests.semantics.bodies import kinds

EACH = 1 << 15  # numbers in an element; six of them are over the megabyte from which on it is cut


def wide(n):
    return [np.full(EACH, float(i)) for i in range(n)]


def peek(x):
    """Return what an element holds; the third fails once, the fifth always, the last is skipped."""
    i = float(x[0])
    if i == 4 or (i == 2 and context.attempt == 1):
        raise ValueError(f"element {i}")
    if i == 5:
        raise Skip("the last one")
    return i


def beside(x, whole):
    """Return what an element, or a number, and the whole list hold; the first fails once."""
    if context.map_index[0] == 0 and context.attempt == 1:
        raise ValueError("at first")
    return float(np.mean(x)), len(whole)


def test_children_get_their_elements_of_a_large_list(play, ledger):
    """With retries, failures and skips, the whole of it beside or behind, and in lanes."""
    making = ledger.task(wide)
    peeking = ledger.task(peek, retries=1)
    both = ledger.task(beside, retries=1)

    def case():
        large = making(6)

        @flow
        def part(x):
            both(x, large)
            peeking(x)

        first = peeking.map(large)
        both.named("behind").map(first, unmapped(large))
        both.named("whole").map(large, unmapped(large))
        peeking.named("waiting").map(large, wait_for=[unmapped(large)])
        peeking.named("constant").map(wide(6))
        part.map(large)

    run = play(case)
    found = kinds(run)
    for name in ("peek", "waiting", "constant", "part.peek"):
        assert found[name] == "M[S,S,S,S,F,SK]"
        assert [child.result() for child in run[name][:4]] == [0, 1, 2, 3]
        assert [child.attempt for child in run[name]] == [1, 1, 2, 1, 2, 1]
    for name in ("whole", "part.beside"):
        assert run[name].result() == [(float(i), 6) for i in range(6)]
        assert [child.attempt for child in run[name]] == [2, 1, 1, 1, 1, 1]
    assert found["behind"] == "M[S,S,S,S,TF,SK]"
    assert [child.result() for child in run["behind"][:4]] == [(i, 6) for i in range(4)]


class Shelf:
    """Has a length and elements by position, and no slices."""

    def __init__(self, elements):
        self.elements = {str(i): element for i, element in enumerate(elements)}

    def __len__(self):
        return len(self.elements)

    def __getitem__(self, position):
        return self.elements[str(position)]


@pytest.mark.parametrize("kind", [tuple, partial(pd.Series, index=list("fedcba")), Shelf], ids=str)
def test_large_values_of_many_kinds(play, do, ledger, kind):
    """Parts are taken by position of whatever can be mapped over."""

    def make(n):
        return kind(wide(n))

    def case():
        return do.inc.map(ledger.task(np.mean, name="mean").map(ledger.task(make)(6)))

    assert play(case).result() == [1, 2, 3, 4, 5, 6]


def test_parts_and_the_whole_in_one_block():
    """Retries of two tasks that share a block, one of which needs the value whole, find theirs."""

    def three(number, x, whole):
        if context.map_index == (0,) and context.attempt == 1:
            raise ValueError("at first")
        return number, float(np.mean(x)), len(whole)

    def case():
        large = task(wide)(4)
        first = task(peek, retries=1).map(large)
        return task(three, retries=1).map(first, large, unmapped(large))

    run = flow(case, executor=LocalExecutor(), block_size=10).run()
    assert run.result() == [(i, i, 4) for i in range(4)]
    assert [child.attempt for child in run["three"]] == [2, 1, 1, 1]
    assert run["peek"][2].attempt == 2


def test_blocks_need_their_parts_only(monkeypatch):
    """In the plan a block depends on its part; on the whole only where it is asked for."""
    plans = []

    def seen(*args):
        plans.append(lower(*args))
        return plans[-1]

    # the plans of a run are not to be had from outside
    monkeypatch.setattr(driver, "lower", seen)

    def case(n):
        large = task(wide)(n)

        @flow
        def part(x):
            return task(np.mean)(x)

        task(np.sum, name="sums").map(large)
        task(beside, name="whole", retries=1).map(large, unmapped(large))
        part.map(large)

    def needs(n):
        plans.clear()
        flow(case, executor=LocalExecutor(), block_size=2).run(n)
        blocks = [block for plan in plans[1:] for block in plan.blocks]
        return {
            (block.strips[0].nodes[0], block.strips[0].start): (
                len(block.inputs),
                [tuple(portion)[1:3] for portion in block.portions],
            )
            for block in blocks
            if block.strips[0].stop - block.strips[0].start == 2
        }

    found = needs(4)
    assert found["sums", 0] == found["part.mean", 0] == (0, [(0, 2)])
    assert found["sums", 2] == found["part.mean", 2] == (0, [(2, 4)])
    assert found["whole", 0] == found["whole", 2] == (1, [])
    assert list(needs(2).values()) == [(1, [])] * 3  # half a megabyte is sent as it is


LIVE = weakref.WeakSet()


class Element:
    """An element of which we see whether anybody still has it."""

    def __init__(self):
        self.payload = "x" * (1 << 19)
        LIVE.add(self)


@pytest.mark.parametrize("threads", [None, 2])
def test_nobody_keeps_the_parts_in_this_process(block_size, threads):
    """When the last child has run, a value that the flow does not return is let go."""

    def elements():
        return [Element() for _ in range(4)]

    def size(x):
        return len(x.payload)

    def case():
        return task(size, retries=1).map(task(elements)())

    run = flow(case, executor=LocalExecutor(threads), block_size=block_size).run()
    assert run.result() == [1 << 19] * 4
    eventually(lambda: gc.collect() >= 0 and not LIVE)


def test_nobody_keeps_the_parts_on_a_cluster(cluster, block_size):
    """The workers let go of the parts of a value when the blocks that need them have ended."""
    from distributed import Client

    def case():
        return task(np.mean, name="mean").map(task(wide)(6))

    def kept(run_id, dask_scheduler=None):
        tasks = dask_scheduler.tasks.values()
        return [t.key for t in tasks if f"portion-{run_id}" in str(t.key) and t.state == "memory"]

    executor = DaskExecutor(address=cluster.scheduler_address)
    run = flow(case, executor=executor, block_size=block_size).run()
    assert run.result() == [0, 1, 2, 3, 4, 5]
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        eventually(lambda: not client.run_on_scheduler(kept, run_id=run.id))

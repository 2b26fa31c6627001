"""Flows that running tasks call: child runs, where their parent runs."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from daskflow import (
    DaskExecutor,
    DefinitionError,
    LocalExecutor,
    Skip,
    all_finished,
    context,
    flow,
    states,
    task,
)
from tests.contract.processes import scheduler, script, worker
from tests.semantics.bodies import ident, kinds, short
from tests.semantics.test_interrupts import (
    interrupt_here,
    interrupted_run,
    sees_to_it_that_all_is_well,
)

doubled = task(lambda x: 2 * x, name="doubled")
total = task(sum, name="total")


@task
def where(x=None):
    return context.worker


where_flow = flow(lambda: where(), name="where_flow")


@flow
def child(xs):
    return total(doubled.map(xs))


@flow
def fails(x):
    return task(divide)(x)


def divide(x):
    return 1 // x


@task
def parent(x):
    return child([x, 1])


@flow
def grandchild(x):
    return parent(x)


def test_a_child_gives_its_value(play, ledger):
    """Called in a body a flow runs and returns what it would return outside."""

    def call(x):
        return child([x, 1])

    calling = ledger.task(call)

    def case():
        return calling(1), calling.map([2, 3])

    assert play(case).result() == (4, [6, 8])


def test_a_child_raises_its_failure(play, ledger):
    """The exception of its task arrives in the body, which may handle it, or fails by it."""

    def survive(x):
        try:
            return fails(x)
        except ZeroDivisionError:
            return "no"

    surviving, calling = ledger.task(survive), ledger.task(lambda x: fails(x), name="call")
    after = ledger.task(lambda x: type(x).__name__, name="after", trigger=all_finished)

    def case():
        return surviving(1), surviving(0), after(calling(0))

    run = play(case, reference_tasks=["survive", "survive-2", "after"])
    assert run.result() == (1, "no", "ZeroDivisionError")
    assert kinds(run)["call"] == "F"


def test_a_child_can_be_looked_at(play, ledger):
    """`run` and `submit` give its record: states, values, names."""

    def look(x):
        run = child.with_options(run_name="of {xs}", tags="t").run([x, 1])
        failed = fails.run(0)
        live = child.submit([x])
        return [
            (run.name, run.result(), run["doubled"][1].result(), short(run["doubled"].state)),
            (sorted(run.tags), short(failed.state), short(failed["divide"].state)),
            (live.wait().result(), sorted(e.name for e in live.events()) == [live.name] * 2),
        ]

    looking = ledger.task(look)
    assert play(lambda: looking(5)).result() == [
        ("of [5, 1]", 12, 2, "M[S,S]"),
        (["t"], "F", "F"),
        (10, True),
    ]


def test_children_have_children(play, ledger):
    """Three deep, and the depth is told."""

    def outer(x):
        return grandchild(x) + grandchild(x)

    outermost = ledger.task(outer)
    assert play(lambda: outermost.map([1, 2])).result() == [8, 12]


@task
def family(x):
    return context.parent_run_id, context.get().run.parents, context.run_id


@flow
def told(x):
    return family.map([x, x])


def test_a_child_knows_its_parent(play, ledger):
    """The run and the task run that called it, and those that called these in turn."""

    @flow
    def middle(x):
        return task(lambda x: [context.task_run_id, told(x)], name="second")(x)

    def first(x):
        before = context.get()
        found = middle(x)
        assert context.get() is before
        return [context.task_run_id, context.parent_run_id, found]

    calling = ledger.task(first)
    run = play(lambda: calling.map([1]))
    ((mine, none, (second, ((parent_run, parents, own), other))),) = run.result()
    assert (mine, none) == (f"{run.id}/first[0]", None)
    assert parents == (mine, second)
    assert parent_run == second.partition("/")[0]
    assert other == (parent_run, parents, own)
    assert len({run.id, parent_run, own}) == 3


def test_a_body_goes_on_as_itself_behind_a_child(play, ledger):
    """Its context, its retries and its signals are its own again."""

    def again(x):
        child([x])
        if context.attempt == 1:
            raise ValueError(context.task_run_name)
        child([x])
        if x == 2:
            raise Skip(context.task_run_name)
        return context.task_run_name

    calling = ledger.task(again, retries=1)
    run = play(lambda: calling.map([1, 2]))
    assert run.result() == ["again[0]", None]
    assert str(run["again"][1].state) == "Skipped('again[1]')"
    assert context.get() is None


def look_around(x):
    """Call flows that name no executor, and one that does, where a setting names another."""
    os.environ["DASKFLOW_EXECUTOR"] = "tcp://127.0.0.1:1"
    try:
        local = where_flow.with_options(executor=LocalExecutor())
        return context.worker, where_flow(), local()
    finally:
        del os.environ["DASKFLOW_EXECUTOR"]


def test_no_setting_sends_a_child_elsewhere(play, ledger):
    """`DASKFLOW_EXECUTOR` is for runs that no task calls; what the child names itself counts."""
    looking = ledger.task(look_around)
    mine, same, named = play(lambda: looking(1)).result()
    assert mine.partition("://")[0] == same.partition("://")[0]
    assert named == mine


@pytest.mark.timeout(60)
@pytest.mark.parametrize("block_size", [1, None], ids=["single", "grouped"])
def test_more_parents_than_threads(cluster, block_size):
    """Eight parents on two threads, each waiting for a child with mapped tasks: all end."""
    executor = DaskExecutor(address=cluster.scheduler_address)
    many = flow(lambda xs: parent.map(xs), executor=executor, block_size=block_size)
    run = many.run(list(range(8)))
    assert run.result() == [2 * x + 2 for x in range(8)]
    assert {one.attempt for one in run.task_runs} == {1}


@pytest.mark.timeout(60)
def test_more_children_than_a_worker_keeps_specs_of(cluster):
    """A body's own code stays as it is while many other runs pass through its process."""
    executor = DaskExecutor(address=cluster.scheduler_address)

    def count(x):
        held = context.run_id
        return sum(child([i]) for i in range(20)), held == context.run_id

    counting = task(count, retries=1)
    made = flow(lambda: counting.map([1, 2]), executor=executor, block_size=1)
    assert made() == [(380, True)] * 2


@pytest.mark.parametrize("block_size", [1, None], ids=["single", "grouped"])
def test_ctrl_c_in_a_child(ledger, block_size):
    """It interrupts the run of whoever called: nothing after it begins, nothing is left behind."""
    stop = ledger.task(interrupt_here)
    inner = flow(lambda x: stop(x), name="inner")
    calls, after = ledger.task(lambda x: inner(x), name="calls"), ledger.task(ident)
    made = flow(lambda: after(calls(1)), executor=LocalExecutor(), block_size=block_size)
    run = interrupted_run(made)
    assert kinds(run) == {"calls": "CA", "ident": "CA"}
    assert context.get() is None
    assert ledger.lines() == ["calls", "interrupt_here"]
    sees_to_it_that_all_is_well(LocalExecutor())


def test_a_thread_that_the_task_started(executor):
    """On a worker it would hold the task's thread, so it is refused; unless that has let go."""

    def in_thread():
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(copy_context().run, child, [1]).result()

    def refused():
        try:
            return in_thread()
        except DefinitionError as error:
            return str(error)

    def welcome():
        return child([2]), in_thread()

    made = flow(lambda: (task(refused)(), task(welcome)()), executor=executor)
    told, both = made()
    assert both == (4, 2)
    assert told == 2 or "in a thread that a task started" in told
    assert (told == 2) == isinstance(executor, LocalExecutor)


def test_a_state_handler_may_call_a_flow(play, ledger):
    """It is called where the body is, and a child runs there too."""
    seen = ledger.path + ".seen"

    def note(made, old, new):
        with open(seen, "a") as file:  # noqa: PTH123 - a path as text, for it travels
            file.write(f"{type(new).__name__} {child([1])}\n")

    watched = ledger.task(lambda x: x, name="watched", state_handlers=note)
    assert play(lambda: watched(1)).result() == 1
    with open(seen) as file:  # noqa: PTH123 - the same
        assert file.read() == "Running 2\nSuccess 2\n"


def test_a_child_in_a_graph_of_other_dask_code():
    """There is no worker where Dask's own threads compute, so it runs in this process."""
    made = flow(lambda: parent(3))
    state = made.to_delayed().compute(scheduler="threads")
    assert type(state) is states.Success


LOOSE = """
from pathlib import Path
from daskflow import DaskExecutor, flow, task
from beside import SEEN, Pair, swap_all

@task
def swapped(pairs):
    SEEN.append(1)
    found = swap_all(pairs)
    assert all(type(pair) is Pair for pair in found), found
    return found, len(SEEN)

@task
def twice(n):
    return inner(n)

@task
def late(n):
    import later
    return later.add(n)

@flow
def inner(n):
    return late(n)

@flow(executor=DaskExecutor(address=Path("address").read_text()), block_size=1)
def outer():
    return swapped([Pair(2, 1), Pair(4, 3)]), twice.map([1, 2, 3])

if __name__ == "__main__":
    print(outer())
"""
BESIDE = """
from dataclasses import dataclass
from daskflow import flow, task

SEEN = []

@dataclass
class Pair:
    left: int
    right: int

@task
def swap(pair):
    SEEN.append(2)
    return Pair(pair.right, pair.left)

@flow
def swap_all(pairs):
    return swap.map(pairs)
"""


@pytest.mark.slow
def test_children_of_a_loose_file_on_workers_that_never_saw_its_folder(tmp_path):
    """Flows of the script and of the module beside it are called in tasks; the code is found."""
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir()
    away.mkdir()
    (home / "beside.py").write_text(BESIDE, encoding="utf-8")
    (home / "later.py").write_text("def add(n):\n    return n + 1\n", encoding="utf-8")
    with (
        scheduler(away) as (_, address),
        worker(away, address),
        worker(away, address),
    ):
        (home / "address").write_text(address, encoding="utf-8")
        printed, complaints = script(home, LOOSE)
    assert printed == "(([Pair(left=1, right=2), Pair(left=3, right=4)], 1), [2, 3, 4])\n"
    assert complaints == ""

"""Flows that tasks call, on every executor and each way to say which cluster."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from daskflow import DaskExecutor, DefinitionError, LocalExecutor, context, flow, task
from daskflow.executors.ports import current_port, nested
from daskflow.executors.worker import WorkerPort
from daskflow.runtime import nesting
from tests.contract.waiting import eventually

FACTOR = 10


@task
def scaled(x):
    return FACTOR * x


@flow
def inner(xs):
    return scaled.map(xs)


@task
def outer(n):
    before = context.get()
    found = inner(list(range(n))), inner.run([n]).result(), inner.submit([n]).wait().result()
    assert context.get() is before
    return found


def test_a_body_calls_a_flow_three_times(executor):
    """By a call, by `run`, by `submit`: each gives its value, and nothing is held afterwards."""
    made = flow(lambda: outer.map([1, 2, 3]), executor=executor, block_size=1)
    assert made() == [([10 * x for x in range(n)], [10 * n], [10 * n]) for n in (1, 2, 3)]
    assert nesting.nests == {}
    assert context.get() is None


def test_threads_go_back_to_the_pool(near_cluster):
    """Many bodies that called flows leave a worker with the threads that it had."""
    executor = DaskExecutor(cluster=near_cluster)
    made = flow(lambda: outer.map(list(range(12))), executor=executor, block_size=1)
    assert len(made()) == 12
    (worker,) = near_cluster.workers.values()
    eventually(lambda: len(worker.executors["default"]._threads) <= worker.state.nthreads)


def test_a_thread_of_the_tasks_own_is_refused_on_a_worker(near_cluster):
    """It cannot make room for others; unless the body has called a flow itself before."""

    def body(first):
        if first:
            inner([1])
        with ThreadPoolExecutor(1) as pool:
            try:
                return pool.submit(copy_context().run, inner, [2]).result()
            except DefinitionError as error:
                return str(error)

    made = flow(lambda x: task(body)(x), executor=DaskExecutor(cluster=near_cluster))
    assert made(True) == [20]
    assert made(False).startswith("a flow is called in a thread that a task started")


def test_where_there_is_no_worker():
    """Under Dask's other schedulers, and in the driver, a child runs in this process."""
    port = current_port()
    assert type(port) is WorkerPort
    assert port.worker == ""
    with nested() as executor:
        assert type(executor) is LocalExecutor
        assert executor.threads is None


@pytest.mark.parametrize("threads", [None, 2])
def test_in_this_process_a_child_runs_in_the_thread_that_calls(threads):
    """So it needs no other, whatever all of them are doing."""
    inside = flow(lambda: task(threading.get_ident, name="ident")(), name="inside")
    body = task(lambda: (threading.get_ident(), inside()), name="body")
    mine, childs = flow(lambda: body(), executor=LocalExecutor(threads))()
    assert mine == childs

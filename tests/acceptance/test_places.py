"""One flow in every place that it can be told to run in: the same values, states and attempts."""

import pytest

from daskflow import DaskExecutor, Skip, all_finished, context, flow, shutdown, task
from tests.contract.processes import scheduler, worker


@task(retries=1, retry_delay_seconds=0)
def fetch(day):
    if day == 2 and context.attempt == 1:
        raise TimeoutError("closed for lunch")
    if day == 3:
        raise Skip("a holiday")
    return bytes(10_000) + bytes([day])


@task(priority=1)
def parse(page):
    return 100 // (page[-1] - 4)


@task(trigger=all_finished)
def report(sales):
    return sorted(sale for sale in sales if isinstance(sale, int))


@flow
def week(days):
    return report(parse.map(fetch.map(days)))


@pytest.fixture(params=["LocalCluster", "dask scheduler and two workers", "adaptive from 0"])
def place(request, tmp_path):
    """Each place in turn."""
    match request.param:
        case "LocalCluster":
            yield DaskExecutor(cluster=request.getfixturevalue("cluster"))
        case "adaptive from 0":
            yield DaskExecutor(
                cluster_class="distributed.LocalCluster",
                cluster_kwargs={"threads_per_worker": 1},
                adapt_kwargs={"minimum": 0, "maximum": 2},
            )
            shutdown()
        case _:
            with (
                scheduler(tmp_path) as (_, address),
                worker(tmp_path, address),
                worker(tmp_path, address),
            ):
                yield DaskExecutor(address=address)


@pytest.mark.slow
def test_the_same_flow_in_each_place(place):
    """Its values, and the story of each task run."""
    run = week.with_options(executor=place).run([1, 2, 3, 4, 5])
    assert run.result() == [-50, -34, 100]
    assert [(type(one.state).__name__, one.attempt) for one in run.task_runs] == [
        *[("Success", 1), ("Success", 2), ("Skipped", 1), ("Success", 1), ("Success", 1)],
        *[("Success", 1), ("Success", 1), ("Skipped", 0), ("Failed", 1), ("Success", 1)],
        ("Success", 1),
    ]
    assert all("127.0.0.1" in one.worker for one in run.task_runs)

"""A task that asks for a resource: on a machine with one graphics card, one training at a time."""

import time
from datetime import datetime

from daskflow import DaskExecutor, flow, task

ONE_CARD = DaskExecutor(  # any class of Dask's clusters; this one starts a worker on this machine
    cluster_class="distributed.LocalCluster",
    cluster_kwargs={"n_workers": 1, "threads_per_worker": 4, "resources": {"GPU": 1}},
)


@task
def load(city: str) -> str:
    """Ask for nothing: runs on every thread."""
    time.sleep(0.1)  # stands for reading
    return f"data of {city}"


@task(resources={"GPU": 1})
def train(data: str) -> int:
    """Ask for the card: where one worker has it, its task runs go there, one after another."""
    time.sleep(0.1)  # stands for the work on the card
    return len(data)


@flow(executor=ONE_CARD)
def models(cities: list[str]) -> list[int]:
    return train.map(load.map(cities))


def most_at_a_time(spans: list[tuple[datetime, datetime]]) -> int:
    """Count how many spans of time there are at most in the same moment."""
    return max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans)


if __name__ == "__main__":  # Dask starts workers by importing this file again
    run = models.run(["Bergen", "Lyon", "Malmo", "Porto", "Turin", "Ulm"])
    print(run.state, run.result())
    for node in (load, train):
        spans = [(one.started, one.ended) for one in run[node] if one.started and one.ended]
        print(f"{node.name}: {'one' if most_at_a_time(spans) == 1 else 'several'} at a time")

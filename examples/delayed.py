"""A flow as a part of other Dask code: two regions' checks beside a plain delayed sum."""

import dask

from daskflow import flow, task, unmapped

STOCK = {"north": [12, 7, 30], "south": [4, -1, 9]}


@task(retries=1)
def count(region: str, shelf: int) -> int:
    return STOCK[region][shelf]


@task
def check(number: int) -> int:
    if number < 0:
        raise ValueError(f"there cannot be {number} of anything")
    return number


@flow
def audit(region: str, shelves: list[int]) -> list[int]:
    return check.map(count.map(unmapped(region), shelves))


@dask.delayed
def report(total: int, **states: object) -> list[str]:
    return [f"{total} pieces", *(f"{region}: {state}" for region, state in states.items())]


if __name__ == "__main__":  # Dask's scheduler with processes imports this file in each of them
    total = dask.delayed(sum)(STOCK["north"] + STOCK["south"])
    audits = {region: audit.to_delayed(region, [0, 1, 2]) for region in STOCK}
    print(*report(total, **audits).compute(), sep="\n")  # nothing has run before
    state = audits["south"].compute(scheduler="synchronous")  # and again, in this thread
    print(type(state.exception).__name__, state.exception, sep=": ")

"""What daskflow costs beside bare Dask, as ratios: ``python benchmarks/overhead.py [--pairs 11]``.

Each row runs the same functions twice on one cluster of two worker processes: through
``client.get`` on a flat graph of `dask.task_spec` nodes, and as a flow. The two alternate, so that
whatever else the machine does falls on both; a row's figure is the median of the ratios of its
pairs, with the interval that holds the median with 95 % confidence (order statistics). Prints a
table, then a JSON line for each row.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import dask
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
from dask.task_spec import List, Task, TaskRef
from distributed import Client, LocalCluster

from daskflow import DaskExecutor, flow, task

BareGraph = tuple[dict[Any, Task], list[Any]]
WORKERS = 2


def nothing(x: Any = None) -> Any:
    """Do nothing."""
    return x


def first(x: Any, y: Any = None) -> Any:
    """Return the first of two."""
    return x


def total(xs: Any) -> int:
    """Return how many there are."""
    return len(xs)


def doze(seconds: float) -> None:
    """Sleep."""
    time.sleep(seconds)


def make_100_mb() -> Any:
    """Return a data frame of 100 MB."""
    import numpy as np
    import pandas as pd

    return pd.DataFrame({"x": np.zeros(12_500_000)})


def add_one(frame: Any) -> Any:
    """Return a frame with one added everywhere."""
    return frame + 1


_random = random.Random(1)  # noqa: S311 - the same sleeps each time
SLEEPS = {
    "50 ms": [0.05] * 1000,
    "0 to 400 ms": [_random.uniform(0.0, 0.4) for _ in range(1000)],
}

t_nothing, t_first, t_total = task(nothing), task(first), task(total)


class Keys:
    """Keys of one bare graph, like those of a run of ours; each graph has its own."""

    run = ""

    @classmethod
    def renew(cls) -> None:
        """Begin another graph."""
        cls.run = uuid.uuid4().hex


def _key(name: str, i: int) -> tuple[str, int]:
    return (f"{name}-{Keys.run}", i)


def bare_map(n: int) -> BareGraph:
    """Return independent no-ops and a sum over them."""
    layer = {_key("nothing", i): Task(_key("nothing", i), nothing, i) for i in range(n)}
    end = _key("total", 0)
    return {**layer, end: Task(end, total, List(*map(TaskRef, layer)))}, [end]


def bare_chain(n: int) -> BareGraph:
    """Return one no-op behind the other."""
    layer = {_key("nothing", 0): Task(_key("nothing", 0), nothing, 0)}
    for i in range(1, n):
        layer[_key("nothing", i)] = Task(
            _key("nothing", i), nothing, TaskRef(_key("nothing", i - 1))
        )
    return layer, [_key("nothing", n - 1)]


def bare_tree(leaves: int) -> BareGraph:
    """Return a binary tree of no-ops."""
    level = [_key("nothing", i) for i in range(leaves)]
    layer = {key: Task(key, nothing, 0) for key in level}
    count = 0
    while len(level) > 1:
        above = []
        for left, right in zip(level[::2], level[1::2], strict=True):
            key = _key("first", count)
            layer[key] = Task(key, first, TaskRef(left), TaskRef(right))
            above.append(key)
            count += 1
        level = above
    return layer, level


def bare_map_of_map(n: int) -> BareGraph:
    """Return a no-op over each of the results of no-ops, and a sum."""
    layer: dict[Any, Task] = {}
    for i in range(n):
        layer[_key("nothing", i)] = Task(_key("nothing", i), nothing, i)
        layer[_key("first", i)] = Task(_key("first", i), first, TaskRef(_key("nothing", i)))
    end = _key("total", 0)
    layer[end] = Task(end, total, List(*(TaskRef(_key("first", i)) for i in range(n))))
    return layer, [end]


def bare_maps(n: int, depth: int) -> BareGraph:
    """Return a map of a map of a map, and a count."""
    layer: dict[Any, Task] = {}
    last: list[Any] = list(range(n))
    for level in range(depth):
        keys = [_key(f"level{level}", i) for i in range(n)]
        for key, before in zip(keys, last, strict=True):
            layer[key] = Task(key, nothing, TaskRef(before) if level else before)
        last = keys
    end = _key("total", 0)
    layer[end] = Task(end, total, List(*map(TaskRef, last)))
    return layer, [end]


def bare_sleeps(seconds: list[float]) -> BareGraph:
    """Return tasks that sleep so long each, and a count."""
    keys = [_key("doze", i) for i in range(len(seconds))]
    layer = {key: Task(key, doze, wait) for key, wait in zip(keys, seconds, strict=True)}
    end = _key("total", 0)
    layer[end] = Task(end, total, List(*map(TaskRef, keys)))
    return layer, [end]


def bare_frame(tasks: int) -> BareGraph:
    """Return a data frame of 100 MB, passed through so many tasks, and the number of its rows."""
    layer = {_key("frame", 0): Task(_key("frame", 0), make_100_mb)}
    for i in range(1, tasks):
        layer[_key("frame", i)] = Task(_key("frame", i), add_one, TaskRef(_key("frame", i - 1)))
    end = _key("total", 0)
    layer[end] = Task(end, total, TaskRef(_key("frame", tasks - 1)))
    return layer, [end]


def make_maps(n: int, depth: int) -> Any:
    """Return a flow of a map of a map of a map."""

    def maps() -> Any:
        xs: Any = range(n)
        for _ in range(depth):
            xs = t_nothing.map(xs)
        return t_total(xs)

    return flow(maps)


def make_sleeps(seconds: list[float]) -> Any:
    """Return a flow of tasks that sleep so long each."""
    return flow(lambda: t_total(task(doze).map(seconds)), name="sleeps")


def make_frame(tasks: int) -> Any:
    """Return a flow that passes a data frame of 100 MB through so many tasks."""

    def frame() -> Any:
        made = task(make_100_mb)()
        for _ in range(tasks - 1):
            made = task(add_one)(made)
        return t_total(made)

    return flow(frame)


def make_map(n: int) -> Any:
    """Return a flow of independent no-ops and a sum."""
    return flow(lambda: t_total(t_nothing.map(range(n))), name="map")


def make_chain(n: int) -> Any:
    """Return a flow of one no-op behind the other."""

    def chain() -> Any:
        x = t_nothing(0)
        for _ in range(n - 1):
            x = t_nothing(x)
        return x

    return flow(chain)


def make_tree(leaves: int) -> Any:
    """Return a flow that is a binary tree of no-ops."""

    def tree() -> Any:
        level = [t_nothing(0) for _ in range(leaves)]
        while len(level) > 1:
            level = [t_first(a, b) for a, b in zip(level[::2], level[1::2], strict=True)]
        return level[0]

    return flow(tree)


def make_map_of_map(n: int) -> Any:
    """Return a flow of a no-op over each of the results of no-ops."""
    return flow(lambda: t_total(t_first.map(t_nothing.map(range(n)))), name="map_of_map")


@dataclass
class Row:
    """One comparison."""

    name: str
    task_runs: int
    budget: float
    bare: Callable[[], BareGraph]
    ours: Callable[[], Any]
    block_size: int | None = None  # of ours; 1: no grouping
    is_spread: bool = False  # whether task runs are to be on all workers
    is_dear: bool = False  # takes minutes a pair: only where it is asked for by name


@dataclass
class Figure:
    """What came of one comparison."""

    name: str
    task_runs: int
    ratio: float
    low: float
    high: float
    bare_us: float  # microseconds a task run, median
    ours_us: float
    budget: float
    pairs: int
    saturation: float


def rows(size: int) -> Iterator[Row]:
    """Return the comparisons, those without grouping each of about this many task runs."""
    leaves = 1 << (size.bit_length() - 1)
    half, wide = size // 2, 20 * size
    yield Row(
        "map", size + 1, 1.1, lambda: bare_map(size), lambda: make_map(size), 1, is_spread=True
    )
    yield Row("chain", size, 1.1, lambda: bare_chain(size), lambda: make_chain(size), 1)
    tree = 2 * leaves - 1
    yield Row("tree", tree, 1.1, lambda: bare_tree(leaves), lambda: make_tree(leaves), 1)
    yield Row(
        "map of map",
        2 * half + 1,
        1.1,
        lambda: bare_map_of_map(half),
        lambda: make_map_of_map(half),
        1,
        is_spread=True,
    )
    two = 2 * size
    yield Row(
        "map, grouped", two + 1, 0.5, lambda: bare_map(two), lambda: make_map(two), is_spread=True
    )
    yield Row("frame", 11, 1.05, lambda: bare_frame(10), lambda: make_frame(10))
    yield Row(
        "wide map",
        wide + 1,
        0.02,
        lambda: bare_map(wide),
        lambda: make_map(wide),
        is_spread=True,
        is_dear=True,
    )
    deep = 6 * size
    yield Row(
        "map of map of map",
        3 * deep + 1,
        0.02,
        lambda: bare_maps(deep, 3),
        lambda: make_maps(deep, 3),
        is_spread=True,
        is_dear=True,
    )
    for name, seconds in SLEEPS.items():
        yield Row(
            name,
            len(seconds) + 1,
            1.05,
            lambda seconds=seconds: bare_sleeps(seconds),
            lambda seconds=seconds: make_sleeps(seconds),
            is_spread=True,
            is_dear=True,
        )


def run_bare(client: Client, row: Row) -> float:
    """Return the seconds that bare Dask takes."""
    Keys.renew()
    start = time.perf_counter()
    layer, keys = row.bare()
    graph = HighLevelGraph({"bare": MaterializedLayer(layer)}, {"bare": set()})
    client.get(graph, keys)
    return time.perf_counter() - start


def run_ours(executor: DaskExecutor, row: Row) -> float:
    """Return the seconds that daskflow takes; tracing included."""
    definition = row.ours().with_options(executor=executor, block_size=row.block_size)
    start = time.perf_counter()
    run = definition.run()
    seconds = time.perf_counter() - start
    states = {type(child.state).__name__ for child in run.task_runs}
    workers = {child.worker for child in run.task_runs}
    is_spread = len(workers) >= WORKERS or not row.is_spread  # a chain stays where it is
    if len(run.task_runs) != row.task_runs or states != {"Success"} or not is_spread:
        msg = f"{row.name}: {run}, states {states}, on {workers}"
        raise RuntimeError(msg)
    return seconds


def compare(client: Client, executor: DaskExecutor, row: Row, pairs: int, sat: float) -> Figure:
    """Run one row's pairs, one to warm up before them."""
    ratios, bare, ours = [], [], []
    for pair in range(pairs + 1):
        gc.collect()
        times = {}
        for name in ("bare", "ours") if pair % 2 else ("ours", "bare"):
            times[name] = run_bare(client, row) if name == "bare" else run_ours(executor, row)
        if pair:
            ratios.append(times["ours"] / times["bare"])
            bare.append(times["bare"])
            ours.append(times["ours"])
    return summarize(row.name, row.task_runs, row.budget, ratios, bare, ours, sat)


def summarize(  # noqa: PLR0913, PLR0917 - a column each
    name: str,
    task_runs: int,
    budget: float,
    ratios: list[float],
    bare: list[float],
    ours: list[float],
    saturation: float,
) -> Figure:
    """Return the median of the ratios with its interval."""
    ratios = sorted(ratios)
    pairs = len(ratios)
    rank = max(0, int((pairs - 1.96 * pairs**0.5) / 2))
    micro = 1e6 / task_runs
    return Figure(
        name,
        task_runs,
        round(statistics.median(ratios), 3),
        round(ratios[rank], 3),
        round(ratios[pairs - 1 - rank], 3),
        round(statistics.median(bare) * micro, 1),
        round(statistics.median(ours) * micro, 1),
        budget,
        pairs,
        saturation,
    )


def compare_imports(pairs: int) -> Figure:
    """Compare the time that ``import daskflow`` takes with that of ``import dask``."""

    def run(module: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
        return time.perf_counter() - start

    empty = min(run("sys") for _ in range(5))
    bare, ours = [], []
    for _ in range(pairs):
        bare.append(run("dask") - empty)
        ours.append(run("daskflow") - empty)
    ratios = sorted(mine / theirs for mine, theirs in zip(ours, bare, strict=True))
    return summarize("import", 1, 1.3, ratios, bare, ours, 0.0)


def show(f: Figure) -> None:
    """Print one line of the table."""
    told = "" if f.ratio <= f.budget else f"  over {f.budget}"
    print(
        f"{f.name:<18}{f.task_runs:>10}{f.ratio:>8.3f}{f.low:>8.3f}-{f.high:.3f}"
        f"{f.bare_us:>10.1f}{f.ours_us:>10.1f}{told}",
        flush=True,
    )


def main() -> None:
    """Run the comparisons and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=11, help="pairs in each row")
    parser.add_argument("--size", type=int, default=5000, help="task runs in a row, about")
    parser.add_argument("--workers", type=int, default=WORKERS, help="worker processes")
    parser.add_argument("--saturation", type=float, default=1.1, help="Dask's worker-saturation")
    parser.add_argument("--only", help="the row of this name; those of minutes run only so")
    given = parser.parse_args()
    with (
        dask.config.set({"distributed.scheduler.worker-saturation": given.saturation}),
        LocalCluster(
            n_workers=given.workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster) as client,
    ):
        executor = DaskExecutor(address=cluster.scheduler_address)
        figures = []
        print(
            f"{'work':<18}{'task runs':>10}{'ratio':>8}{'95 %':>16}{'bare us':>10}{'ours us':>10}"
        )
        for row in rows(given.size):
            if (given.only and given.only != row.name) or (row.is_dear and not given.only):
                continue
            figures.append(compare(client, executor, row, given.pairs, given.saturation))
            show(figures[-1])
    if given.only in (None, "import"):
        figures.append(compare_imports(given.pairs))
        show(figures[-1])
    for f in figures:
        print(json.dumps(asdict(f)))


if __name__ == "__main__":
    main()

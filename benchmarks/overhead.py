"""What daskflow costs beside bare Dask, as ratios: ``python benchmarks/overhead.py [--pairs 3]``.

Each row runs the same functions twice on one cluster: through ``client.get`` on a flat graph of
`dask.task_spec` nodes, and as a flow whose history goes to a SQLite file. The two alternate, so
that whatever else the machine does falls on both; a row's figure is the median of the ratios of
its pairs, with the interval that holds the median with 95 % confidence (order statistics; of fewer
than six pairs the lowest and the highest). Before the pairs a small one warms up. Prints a table,
then a JSON line for each row.

Scheduler and workers have a process each, as on a cluster that is not only this program's.
``--inside`` has the scheduler in this process, where it and a driver share Python's lock.
``--scale 0.1`` shrinks both sides alike where bare Dask takes minutes; such a row says so.
Some rows are no ratios: what one long child costs the others, and what reaches the driver.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import dask
import pairs
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
from distributed import Client, LocalCluster, SpecCluster, SubprocessCluster

from daskflow import DaskExecutor, flow, task, unmapped

_WARM = 0.02  # scale of the pair that comes before those that count
_BLOCK_SECONDS = 0.5  # daskflow's default budget of a block
_GLANCE_SECONDS = 0.05


@dataclass(frozen=True)
class Row:
    """One comparison, of one size."""

    name: str
    task_runs: int
    budget: float
    bare: Callable[[], pairs.BareGraph]
    ours: Callable[[], Any]
    block_size: int | None = None  # of ours; 1: no grouping
    is_spread: bool = False  # whether task runs are to be on all workers
    is_long: bool = False  # bare Dask takes minutes
    scale: float = 1.0


@dataclass(frozen=True)
class Figure:
    """What came of one comparison."""

    name: str
    task_runs: int
    figure: float  # a ratio where `bare_us` is none
    low: float
    high: float
    budget: float
    pairs: int
    unit: str = "ratio"
    scale: float = 1.0
    bare_us: float | None = None  # microseconds a task run, median
    ours_us: float | None = None
    saturation: float | None = None
    workers: int | None = None


def _maps(name: str, n: int, depth: int, budget: float, block_size: int | None = None) -> Row:
    return Row(
        name,
        n * depth + 1,
        budget,
        lambda: pairs.bare_maps(n, depth),
        lambda: pairs.make_maps(n, depth),
        block_size,
        is_spread=True,
        is_long=n > 10_000,
    )


def _chain(name: str, n: int, budget: float, block_size: int | None = None) -> Row:
    bare, ours = (lambda: pairs.bare_chain(n)), (lambda: pairs.make_chain(n))
    return Row(name, n, budget, bare, ours, block_size)


def _tree(name: str, leaves: int, budget: float, block_size: int | None = None) -> Row:
    leaves = 1 << max(1, leaves.bit_length() - 1)
    bare, ours = (lambda: pairs.bare_tree(leaves)), (lambda: pairs.make_tree(leaves))
    return Row(name, 2 * leaves - 1, budget, bare, ours, block_size, is_long=leaves > 10_000)


def _sleeps(name: str, n: int) -> Row:
    seconds = pairs.SLEEPS[name][:n]
    bare, ours = (lambda: pairs.bare_sleeps(seconds)), (lambda: pairs.make_sleeps(seconds))
    return Row(f"sleep {name}", len(seconds) + 1, 1.05, bare, ours, is_spread=True)


def rows(scale: float, *, is_fast: bool) -> Iterator[Row]:
    """Return the comparisons; those that need no scale to be over soon have another budget."""
    few = max(40, int(5000 * scale))
    yield _maps("map, not grouped", few, 1, 1.10, 1)
    yield _chain("chain, not grouped", few, 1.10, 1)
    yield _tree("tree, not grouped", few, 1.10, 1)
    yield _maps("map of map, not grouped", few // 2, 2, 1.10, 1)
    yield _maps("map", int(100_000 * scale), 1, 0.05 if is_fast else 0.02)
    yield _maps("map of map of map", int(30_000 * scale), 3, 0.05 if is_fast else 0.02)
    yield _chain("chain", few, 0.01)
    yield _tree("tree", int(65_536 * scale), 0.15)
    for name in pairs.SLEEPS:
        yield _sleeps(name, max(20, int(1000 * scale)))
    frame = Row("frame", 11, 1.05, lambda: pairs.bare_frame(10), lambda: pairs.make_frame(10))
    yield frame


def run_bare(client: Client, row: Row) -> float:
    """Return the seconds that bare Dask takes."""
    pairs.Keys.renew()
    start = time.perf_counter()
    layer, keys = row.bare()
    graph = HighLevelGraph({"bare": MaterializedLayer(layer)}, {"bare": set()})
    client.get(graph, keys)
    return time.perf_counter() - start


@dataclass(frozen=True)
class Ours:
    """Runs flows on the cluster, their history kept in a SQLite file."""

    executor: DaskExecutor
    store: str
    workers: int

    def run(self, row: Row) -> float:
        """Return the seconds that daskflow takes; tracing included."""
        words = {"executor": self.executor, "store": self.store, "block_size": row.block_size}
        start = time.perf_counter()
        run = row.ours().with_options(**words).run()
        seconds = time.perf_counter() - start
        states = {type(child.state).__name__ for child in run.task_runs}
        used = {child.worker for child in run.task_runs}
        is_spread = len(used) >= min(2, self.workers) or not row.is_spread or row.scale <= _WARM
        if len(run.task_runs) != row.task_runs or states != {"Success"} or not is_spread:
            msg = f"{row.name}: {run}, states {states}, on {used}"
            raise RuntimeError(msg)
        return seconds


def settle(client: Client) -> None:
    """Wait until nothing is left of what ran before: to let 100,000 tasks go takes seconds.

    First on the scheduler, then on the workers, where it takes some more.
    """
    gc.collect()
    while client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)):
        time.sleep(_GLANCE_SECONDS)
    while any(client.run(lambda dask_worker: len(dask_worker.state.tasks)).values()):
        time.sleep(_GLANCE_SECONDS)


def compare(client: Client, ours: Ours, row: Row, small: Row, count: int) -> Figure:
    """Run one row's pairs, a small one to warm up before them."""
    times: dict[str, list[float]] = {"bare": [], "ours": []}
    for pair in range(count + 1):
        now = row if pair else small
        for name in ("bare", "ours") if pair % 2 else ("ours", "bare"):
            settle(client)
            seconds = run_bare(client, now) if name == "bare" else ours.run(now)
            times[name] += [seconds] if pair else []
    ratios = [mine / theirs for mine, theirs in zip(times["ours"], times["bare"], strict=True)]
    micro = 1e6 / row.task_runs
    bare, mine = (round(statistics.median(times[name]) * micro, 1) for name in ("bare", "ours"))
    return summarize(
        row.name, row.task_runs, row.budget, ratios, scale=row.scale, bare_us=bare, ours_us=mine
    )


def summarize(name: str, task_runs: int, budget: float, found: list[float], **more: Any) -> Figure:
    """Return the median of what was found, with its interval."""
    found = sorted(found)
    count = len(found)
    rank = max(0, int((count - 1.96 * count**0.5) / 2))
    middle, low, high = statistics.median(found), found[rank], found[count - 1 - rank]
    return Figure(
        name, task_runs, round(middle, 4), round(low, 4), round(high, 4), budget, count, **more
    )


def hold_up(x: int, held: int, seconds: float) -> float:
    """Sleep for one of the children."""
    if x == held:
        time.sleep(seconds)
    return time.time()


def lateness(ours: Ours, scale: float, place: float) -> tuple[float, float]:
    """Return how late the last of 10,000 children but one was, which slept for 10 s.

    Against the same flow in which nobody sleeps: in seconds, until its body had ended, and until
    the driver knew.
    """
    n = max(100, int(10_000 * scale))
    held = int(place * n)
    made = flow(
        lambda seconds: task(hold_up).map(range(n), unmapped(held), unmapped(seconds)),
        name="one-long",
        executor=ours.executor,
        store=ours.store,
    )
    ended, known = [], []
    for seconds in (0.0, max(3.0, 10.0 * scale)):
        began = time.time()
        run = made.submit(seconds)
        while sum(child.state.is_finished() for child in run.task_runs) < n - 1:
            time.sleep(_GLANCE_SECONDS)
        known.append(time.time() - began)
        run.wait()
        ends = [value for at, value in enumerate(run.result()) if at != held]
        ended.append(max(ends) - began)
    return ended[1] - ended[0], known[1] - known[0]


def long_child(ours: Ours, scale: float, count: int) -> Iterator[Figure]:
    """Tell what one long child costs the others: the first of its block, and one amid it."""
    n = max(100, int(10_000 * scale))
    for where, place in (("first", 0.0), ("amid", 0.4567)):
        found = [lateness(ours, scale, place) for _ in range(count)]
        for what, late in zip(("ended", "known"), zip(*found, strict=True), strict=True):
            name = f"one long, {where}: others {what}"
            yield summarize(name, n, 2 * _BLOCK_SECONDS, list(late), unit="s later", scale=scale)


def frame_in_driver(ours: Ours) -> Figure:
    """Tell by how much this process grew at most while ten frames of 100 MB were made."""
    row = next(row for row in rows(1.0, is_fast=False) if row.name == "frame")
    ours.run(row)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = _memory("VmRSS")
    ours.run(row)
    grown = (_memory("VmHWM") - before) / 1e6
    return summarize("frame: growth of the driver", 11, 10.0, [grown], unit="MB")


def _memory(what: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(what)).split()[1])


def compare_imports(count: int) -> Figure:
    """Compare the time that ``import daskflow`` takes with that of ``import dask``."""

    def run(module: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
        return time.perf_counter() - start

    empty = min(run("sys") for _ in range(5))
    found = []
    for _ in range(max(5, count)):
        bare = run("dask") - empty
        found.append((run("daskflow") - empty) / bare)
    return summarize("import", 1, 1.3, found)


def show(f: Figure) -> None:
    """Print one line of the table."""
    told = "" if f.figure <= f.budget else f"  over {f.budget}"
    scaled = f"  at {f.scale:g} of its size" if f.scale != 1.0 else ""
    each = f"{f.bare_us:>10.1f}{f.ours_us:>10.1f}" if f.bare_us is not None else " " * 20
    print(
        f"{f.name:<32}{f.task_runs:>9}{f.figure:>9.3f} {f.unit:<8}{f.low:>8.3f} -{f.high:>7.3f}"
        f"{each}{told}{scaled}",
        flush=True,
    )


def measure(client: Client, ours: Ours, given: argparse.Namespace) -> Iterator[Figure]:
    """Return the figures, one after the other."""
    is_fast = given.saturation > 2

    def wanted(name: str) -> bool:
        return not given.rows or name in given.rows

    for row, small in zip(
        rows(given.scale, is_fast=is_fast), rows(_WARM * given.scale, is_fast=False), strict=True
    ):
        if wanted(row.name):
            sized = Row(**{**vars(row), "scale": 1.0 if row.name == "frame" else given.scale})
            warm = Row(**{**vars(small), "scale": _WARM})
            pairs_of_it = given.few if row.is_long and given.few else given.pairs
            yield compare(client, ours, sized, warm, pairs_of_it)
    if wanted("one long"):
        yield from long_child(ours, given.scale, given.pairs)
    if wanted("frame"):
        yield frame_in_driver(ours)
    if wanted("import"):
        yield compare_imports(given.pairs)


@contextmanager
def start_cluster(workers: int, saturation: float, *, is_inside: bool) -> Iterator[SpecCluster]:
    """Start a cluster of worker processes of one thread each.

    For bare Dask all of its processes have to find what the flat graphs are made of.
    """
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    name = "distributed.scheduler.worker-saturation"
    os.environ["DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION"] = str(saturation)
    made = LocalCluster if is_inside else SubprocessCluster
    words = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with (
        dask.config.set({name: saturation}),
        # what is held at the end is lost with the workers, of course
        made(
            n_workers=workers, threads_per_worker=1, silence_logs=logging.ERROR, **words
        ) as cluster,
    ):
        yield cluster


def main() -> None:
    """Run the comparisons and print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3, help="pairs in each row")
    parser.add_argument("--few", type=int, help="pairs in rows in which bare Dask takes minutes")
    parser.add_argument("--scale", type=float, default=1.0, help="a part of the task runs")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    parser.add_argument(
        "--saturation", type=float, default=1.1, help="Dask's worker-saturation; inf: no queueing"
    )
    parser.add_argument("--inside", action="store_true", help="the scheduler in this process")
    parser.add_argument("--rows", nargs="*", help="only those of these names")
    given = parser.parse_args()
    figures = []
    with (
        tempfile.TemporaryDirectory() as folder,
        start_cluster(given.workers, given.saturation, is_inside=given.inside) as cluster,
        Client(cluster) as client,
    ):
        executor = DaskExecutor(address=cluster.scheduler_address)
        ours = Ours(executor, f"sqlite:///{folder}/runs.db", given.workers)
        print(
            f"{'work':<32}{'task runs':>9}{'figure':>9} {'':<8}{'95 %':>16}"
            f"{'bare us':>10}{'ours us':>10}"
        )
        for figure in measure(client, ours, given):
            figures.append(figure)
            show(figure)
    for figure in figures:
        more = {"saturation": given.saturation, "workers": given.workers, "inside": given.inside}
        print(json.dumps(asdict(figure) | more))


if __name__ == "__main__":
    main()

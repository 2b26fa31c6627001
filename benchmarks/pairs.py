"""The same work twice: as a flat graph of `dask.task_spec` nodes, and as a flow.

Both are made of the same functions. Each pair takes its size, so that both can be shrunk alike.
"""

from __future__ import annotations

import random
import time
import uuid
from typing import Any

from dask.task_spec import List, Task, TaskRef

from daskflow import flow, task

BareGraph = tuple[dict[Any, Task], list[Any]]


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

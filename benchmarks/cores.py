"""Which cores of this machine a process may use.

In a cluster, the driver, the scheduler and those who look on have cores of their own. Where all
shares two, a process that only sleeps may wait for tenths of seconds, and a benchmark that asks how
long something waits would measure that. So what only makes the load gets the last core, and what
is measured the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

*OURS, _LAST = sorted(os.sched_getaffinity(0))


def move(cores: list[int]) -> None:
    """Let all threads of this process, and those processes that it starts, use these cores."""
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def move_to_last() -> None:
    """Leave the other cores to those who are measured."""
    move([_LAST])


@contextmanager
def of_others() -> Iterator[None]:
    """Start processes meanwhile that leave our cores to us."""
    os.sched_setaffinity(0, [_LAST])
    try:
        yield
    finally:
        move(OURS)

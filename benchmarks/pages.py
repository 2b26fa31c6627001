"""What the Flows pages cost: ``python -m benchmarks.pages [--children 100000] [--seconds 15]``.

Another process writes the history of a run into a SQLite store: a mapped task of very many
children, which end while a browser looks. Here is the server of the pages. How long each step of
its loop takes is measured, for in a scheduler it is the scheduler that waits so long.

* first paint: until the browser has painted anything, and until the table is there
* update: time of the loop for each time that the page shows something new
* blocked: the longest time in which the loop did nothing but one step

Whoever looks at a page has a computer of their own. Here the browser and the writer get the last
core, the server the others: on shared ones a process that only sleeps, too, waits for a second at
times while the browser paints. How late such a process was is printed beside, as a control.

Needs a Chromium and playwright, as the tests of the pages do, and two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import shutil
import statistics
import tempfile
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks.cores import of_others
from daskflow.dashboard.run_page import RunPanel
from daskflow.dashboard.serving import PagesServer
from daskflow.entries import SegmentTold, SpaceOpened
from daskflow.events import Note, Segment
from daskflow.garbage import spare_collector
from daskflow.settings import Settings
from daskflow.states import Failed, Running, Success
from daskflow.stores.choice import choose_store
from daskflow.stores.history import Holder, RunRow, RunStore

RUN_ID = "ab" * 16
BLOCK = 500  # task runs of one report
WORKERS = 8
GRAPH = {
    "nodes": {"numbers": {}, "work": {"space": "work"}, "total": {}},
    "edges": [["numbers", "work", "n", [], "m"], ["work", "total", "values", [], ""]],
    "spaces": {"work": {"parent": "", "depth": 1, "givers": [["n", [["numbers", [], False]]]]}},
    "references": ["total"],
}


def store_in(folder: str) -> RunStore:
    """Return the store of this measurement."""
    return choose_store(f"sqlite:///{folder}/runs.db", Settings())


def report(start: int, began: float) -> Segment:
    """Return what a block tells of its task runs: a millisecond each, the first of them failed."""
    codes = bytearray([Success.code]) * BLOCK
    notes = {}
    for offset in range(0, BLOCK, BLOCK):
        codes[offset] = Failed.code
        notes[offset] = Note(f"ValueError: no {start + offset}", trace="Traceback\nValueError")
    begun = array("d", (began + offset * 0.001 for offset in range(BLOCK)))
    ended = array("d", (instant + 0.001 for instant in begun))
    return Segment(
        "work", start, codes, array("H", [1] * BLOCK), begun, ended, [None] * BLOCK, notes
    )


def write(folder: str, children: int, seconds: float, may_begin: Any) -> None:
    """Write the history of the run, evenly over so many seconds."""
    store = store_in(folder)
    lease = store.lease(RUN_ID, Holder("ada", "tower", 1))
    began = time.time()
    opened = SpaceOpened("work", 0, children)
    store.write(lease, [opened], "open", {"state": Running(), "started": began})
    half = children // BLOCK // 2
    for number in range(children // BLOCK):
        if number == half:  # the page is opened when half of them are there
            may_begin.wait()
        worker = f"tcp://10.0.0.{number % WORKERS + 1}:4000"
        told = SegmentTold(number + 1, worker, report(number * BLOCK, time.time()))
        store.write(lease, [told], f"block {number}")
        if number >= half:
            time.sleep(seconds / half)
    lease.release()


class Steps:
    """How long each step of the event loops of this process took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure meanwhile."""
        run = asyncio.Handle._run

        def run_measured(handle: asyncio.Handle) -> None:
            began = time.perf_counter()
            run(handle)
            self.seconds.append(time.perf_counter() - began)

        asyncio.Handle._run = run_measured  # type: ignore[method-assign]
        try:
            yield
        finally:
            asyncio.Handle._run = run  # type: ignore[method-assign]


class Updates:
    """How often the page has shown something new."""

    def __init__(self) -> None:
        self.number = 0
        paint = RunPanel._paint

        def counted(panel: RunPanel, seen: Any) -> None:
            self.number += seen is not None
            paint(panel, seen)

        RunPanel._paint = counted  # type: ignore[method-assign]


@contextmanager
def served(store: RunStore) -> Iterator[str]:
    """Serve the pages meanwhile, in a thread."""
    told: dict[str, Any] = {}
    is_there = threading.Event()

    async def serve() -> None:
        server = PagesServer(store, port=0)
        spare_collector()  # as `daskflow dashboard` does
        told.update(url=server.url, loop=asyncio.get_running_loop(), end=asyncio.Event())
        is_there.set()
        await told["end"].wait()
        await server.close()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    is_there.wait()
    try:
        yield told["url"].rpartition("/")[0]
    finally:
        told["loop"].call_soon_threadsafe(told["end"].set)
        thread.join()


def sleep_lightly(may_end: Any, told: Any) -> None:
    """Tell how late the latest of very many short sleeps ended, in seconds."""
    latest = 0.0
    while not may_end.is_set():
        began = time.perf_counter()
        time.sleep(0.005)
        latest = max(latest, time.perf_counter() - began - 0.005)
    told.put(latest)


PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def looked_at(base: str, children: int, writer: Any, may_begin: Any) -> None:
    """Look at the page of the run while it goes on, and print what that took."""
    steps, updates = Steps(), Updates()
    with ExitStack() as stack:
        with of_others():
            browser = stack.enter_context(sync_playwright()).chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
        context = browser.new_context()
        for visit in ("the first time", "again"):
            page = context.new_page()
            began = time.perf_counter()
            page.goto(f"{base}/flow-run?id={RUN_ID}")
            page.locator("table.task-runs").wait_for()
            told = f"{time.perf_counter() - began:.2f} s until the table is there"
            print(f"first paint, {visit}: {page.evaluate(PAINTED) / 1000:.2f} s; {told}")
        may_begin.set()
        with steps.measured():
            writer.join()
            page.get_by_text(f"{children:,} of {children + 2:,} task runs finished").wait_for()
        browser.close()
    each = 1000 * sum(steps.seconds) / updates.number
    print(f"update: {each:.1f} ms of the loop for each of {updates.number}, on two open pages")
    longest = sorted(steps.seconds)[-5:][::-1]
    print("blocked: at most", *(f"{1000 * seconds:.0f} ms" for seconds in longest))
    print(f"a step in the middle: {1000 * statistics.median(steps.seconds):.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--children", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=15.0)
    asked = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        store = store_in(folder)
        made = time.time()
        store.create(RunRow(RUN_ID, "busy-owl", "busy", Running(), made, graph=GRAPH), "made")
        may_begin = spawn.Event()
        arguments = (folder, asked.children, asked.seconds, may_begin)
        writer = spawn.Process(target=write, args=arguments)
        may_end, lateness = spawn.Event(), spawn.Queue()
        control = spawn.Process(target=sleep_lightly, args=(may_end, lateness))
        with of_others():
            writer.start()
        control.start()
        half = asked.children // BLOCK // 2
        while len(store.entries(RUN_ID, with_values=False)) <= half:
            time.sleep(0.1)
        with served(store) as base:
            looked_at(base, asked.children, writer, may_begin)
        may_end.set()
        print(f"control: a process beside it that sleeps was {1000 * lateness.get():.0f} ms late")


if __name__ == "__main__":
    main()

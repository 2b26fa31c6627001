"""The Flows pages in a real browser, over a store."""

from __future__ import annotations

import re
from array import array
from dataclasses import replace
from itertools import pairwise

import pytest

from daskflow import LocalExecutor, Skip, flow, get_run_logger, task, unmapped
from daskflow.entries import SegmentTold, SpaceOpened
from daskflow.events import Note, Segment
from daskflow.states import Failed, Success
from daskflow.stores.history import Holder, Wanted
from daskflow.stores.memory import MemoryStore
from tests.acceptance.conftest import served
from tests.contract.waiting import Gate
from tests.unit.dashboard.test_markup import HOSTILE

MANY = 100_000
BEGAN = 1_700_000_000.0
ME = Holder("ada", "tower", 7)


@task
def load(day: int) -> int:
    if day == 2:
        raise Skip("a holiday")
    return 10 // (day - 3)


@task
def report(sales: list[int]) -> int:
    return sum(sales)


@flow(run_name="long week")
def week(days: list[int]) -> int:
    return report(load.map(days))


@task
def numbers(n: int) -> list[int]:
    return list(range(n))


@task
def hold(n: int, gate: Gate) -> int:
    get_run_logger().info("%s waits", n)
    gate.wait()
    get_run_logger().warning("%s goes on", n)
    return n


@flow
def held(n: int, gate: Gate):
    return hold.map(numbers(n), unmapped(gate))


@pytest.fixture(scope="module")
def store():
    """A store without a file, with a run that failed."""
    store = MemoryStore()
    week.with_options(store=store, executor=LocalExecutor()).run(days=[1, 2, 3, 4])
    return store


@pytest.fixture(scope="module")
def pages(store):
    """The address of the first page over it."""
    with served(store) as url:
        yield url


def told(store, run, node, codes, *, worker="tcp://10.0.0.1:4000", notes=None):
    """Let a store tell of task runs of a node, a millisecond each, one behind the other."""
    size = len(codes)
    starts = array("d", (BEGAN + n / 1000 for n in range(size)))
    ends = array("d", (BEGAN + (n + 1) / 1000 for n in range(size)))
    segment = Segment(
        node, 0, bytearray(codes), array("H", [1] * size), starts, ends, [None] * size, notes or {}
    )
    entries = [SegmentTold(store.run(run.id).version + 1, worker, segment)]
    if size > 1:
        entries.insert(0, SpaceOpened(node, 0, size))
    lease = store.lease(run.id, ME)
    store.write(lease, entries, f"{run.id} {node}", {"started": BEGAN})
    lease.release()


def test_from_the_runs_to_a_traceback(browse, pages):
    """Who is shown only the pages finds what failed, where, why, and what did not run for it."""
    page = browse(pages)
    page.get_by_role("link", name="long week").click()
    story = page.locator("section", has_text="failed (1)")
    assert re.search(r"load\[2\] on \S+: ZeroDivisionError", story.inner_text())
    assert "1 task run (report) did not start because of that" in story.inner_text()
    assert "a holiday" in page.locator("section", has_text="skipped (1)").inner_text()
    story.get_by_role("link", name="load[2]").click()
    trace = page.locator("section", has_text="traceback")
    assert "return 10 // (day - 3)" in trace.inner_text()
    assert "Running" in page.locator("section", has_text="states").inner_text()
    page.go_back()
    page.locator("table.task-runs").get_by_role("link", name="report").click()
    why = page.locator("section", has_text="why")
    assert re.search(
        r"report.*TriggerFailed.*because load\[2\].*Failed", why.inner_text(), re.DOTALL
    )
    why.get_by_role("link", name="load[2]").click()
    page.get_by_role("heading", name="load[2]").wait_for()


def test_the_table_is_filtered_and_sorted(browse, pages):
    """By what is chosen above it, and by its heads."""
    page = browse(pages)
    page.get_by_role("link", name="long week").click()
    table = page.locator("table.task-runs")
    table.wait_for()
    assert "days=" not in page.locator("body").inner_text()  # parameters may be secret
    names = table.locator("tbody tr td:first-child")
    names.nth(4).wait_for()
    assert names.all_inner_texts() == ["load[0]", "load[1]", "load[2]", "load[3]", "report"]
    table.get_by_role("button", name="state").click()
    table.locator("th[aria-sort=ascending]", has_text="state").wait_for()
    assert names.all_inner_texts()[0] == "load[2]"
    table.get_by_role("button", name="state").click()
    table.locator("th[aria-sort=descending]").wait_for()
    assert names.all_inner_texts()[0] == "load[0]"
    page.get_by_label("state", exact=True).select_option("skipped")
    page.get_by_text("1 of 5 task runs", exact=True).wait_for()
    assert names.all_inner_texts() == ["load[1]"]
    page.get_by_label("state", exact=True).select_option("all")
    page.get_by_label("name, worker or message").fill("division")
    page.keyboard.press("Enter")
    page.get_by_text("2 of 5 task runs", exact=True).wait_for()


def test_a_click_on_the_graph_shows_the_task_runs_of_a_node(browse, pages):
    """The table below is filtered by it."""
    page = browse(pages)
    page.get_by_role("link", name="long week").click()
    page.get_by_text("5 of 5 task runs", exact=True).wait_for()
    graph = page.locator(".flow-graph canvas").first
    box = graph.bounding_box()
    place = page.evaluate(IN_GRAPH, "report")
    page.mouse.click(box["x"] + place[0], box["y"] + place[1])
    page.get_by_text("1 of 5 task runs", exact=True).wait_for()
    assert page.get_by_label("task", exact=True).input_value() == "report"


IN_GRAPH = """(name) => {  // where a box of the graph stands in its canvas
  const plot = Bokeh.documents[0].get_model_by_name("flow-graph")
  const data = plot.renderers.map((one) => one.data_source.data).find((one) => one.states)
  const at = data.name.indexOf(name), x = plot.x_range, y = plot.y_range
  const right = (data.middle[at] - x.start) / (x.end - x.start) * plot.inner_width
  const down = (data.states_y[at] - y.end) / (y.start - y.end) * plot.inner_height
  return [right, down + plot.outer_height - plot.inner_height]
}"""


def test_states_and_logs_come_while_a_run_goes_on(browse, serve, tmp_path):
    """Pages that are open follow the run, without being loaded again."""
    store, gate = MemoryStore(), Gate(tmp_path / "gate")
    run = held.with_options(store=store, executor=LocalExecutor(threads=2)).submit(n=3, gate=gate)
    page = browse(serve(store))
    page.get_by_role("link", name=run.name).click()
    page.get_by_role("heading", name="Running").wait_for()
    page.get_by_text("1 of 4 task runs finished").wait_for()
    other = browse(
        page.locator("table.task-runs")
        .get_by_role("link", name="hold[0]")
        .evaluate("one => one.href")
    )
    logs = other.locator("table.logs")
    logs.get_by_text("0 waits").wait_for()
    gate.open()
    page.get_by_role("heading", name="Success").wait_for()
    page.get_by_text("4 of 4 task runs finished").wait_for()
    logs.get_by_text("0 goes on").wait_for()
    other.get_by_role("heading", name="Success").wait_for()
    page.get_by_role("link", name="Flows").click()
    page.locator("table.runs").get_by_text("Success").wait_for()
    run.wait()


def test_a_map_of_very_many_is_shown_whole(browse, store, pages):
    """Its counts, its timeline and its table are of all of them."""
    row = replace(
        kept_row(store), id="ab" * 16, name="very many", state=Success(), ended=BEGAN + 200
    )
    store.create(row, "many")
    codes = bytearray([Success.code]) * MANY
    codes[77_777] = Failed.code
    notes = {77_777: Note("ValueError: this one", trace="Traceback\nValueError: this one")}
    told(store, row, "load", codes, notes=notes)
    page = browse(f"{pages.rpartition('/')[0]}/flow-run?id={row.id}")
    page.get_by_text(f"{MANY:,} of {MANY + 1:,} task runs finished").wait_for()
    assert "load[77777]" in page.locator("section", has_text="failed (1)").inner_text()
    page.get_by_text("Many ran here").wait_for()
    drawn = page.evaluate(TIMELINE)
    assert drawn["count"] == MANY
    assert drawn["bars"] < 1_000
    assert page.evaluate(COLOURS) == ["fill", "colour"]
    page.get_by_role("button", name="last").click()
    page.get_by_text("page 4,001 of 4,001").wait_for()
    assert page.locator("table.task-runs tbody tr").last.inner_text().startswith("report")


COLOURS = """() => {
  const plot = Bokeh.documents[0].get_model_by_name("flow-graph")
  return plot.renderers.map((one) => one.glyph.fill_color?.field).filter(Boolean)
}"""
TIMELINE = """() => {
  const plot = Bokeh.documents[0].get_model_by_name("flow-timeline")
  const told = plot.renderers.flatMap((one) => Array.from(one.data_source.data.told))
  const number = (one) => Number(one.match(/([\\d,]+) task/)[1].replaceAll(",", ""))
  const sum = told.reduce((all, one) => all + number(one), 0)
  return {bars: told.length, count: sum}
}"""


def kept_row(store):
    """The row of the run that failed."""
    return store.run(store.runs(Wanted(called="long week"))[0].id)


def test_hostile_names_and_messages_are_text(browse, serve):
    """Whatever a flow, a run, a worker, a tag is called, and whatever went wrong: it is shown."""
    store = MemoryStore()
    tasks = [f"task-{place}" for place in range(len(HOSTILE))]
    edges = [[one, other, "x", [], ""] for one, other in pairwise(tasks)]
    every = " ".join(HOSTILE)
    row = replace(
        kept_row(seeded(store)),
        id="cd" * 16,
        name=HOSTILE[0],
        **dict.fromkeys(("flow_name", "target", "user", "host"), every),
        tags=frozenset(HOSTILE),
        state=Failed(every),
        graph={"nodes": {name: {} for name in tasks}, "edges": edges},
        ended=BEGAN + 1,
    )
    store.create(row, "hostile")
    for place, name in enumerate(HOSTILE):
        note = {0: Note(name, trace=f"Traceback\n{name}")}
        told(store, row, tasks[place], [Failed.code], worker=name, notes=note)
    page = browse(serve(store))
    page.get_by_role("link", name=HOSTILE[0]).click()
    table = page.locator("table.task-runs")
    table.wait_for()
    page.get_by_label("timeline").select_option("by task")
    shown = " ".join(table.inner_text().split())
    assert all(" ".join(name.split()) in shown for name in HOSTILE[:25])
    assert page.evaluate(FOREIGN) == []
    table.get_by_role("link", name=tasks[2], exact=True).click()
    page.locator("section", has_text="traceback").wait_for()
    assert HOSTILE[2] in page.locator("pre").first.inner_text()
    assert page.evaluate(FOREIGN) == []


FOREIGN = """() => {  // elements that nobody of ours has made, in all shadow roots
  const found = []
  const walk = (root) => {
    for (const one of root.querySelectorAll("*")) {
      if (one.matches("iframe, form, base, meta[http-equiv], math, textarea, img[src=x], marquee"))
        found.push(one.outerHTML)
      for (const attribute of one.attributes)
        if (attribute.name.startsWith("on")) found.push(one.outerHTML)
      if (one.shadowRoot) walk(one.shadowRoot)
    }
  }
  walk(document)
  return window.MathJax ? ["MathJax", ...found] : found
}"""


def seeded(store):
    """A store in which a run is kept, to be copied."""
    week.with_options(store=store, executor=LocalExecutor()).run(days=[1])
    return store


def test_a_new_user_is_told_what_to_do(browse, serve):
    """There being no runs, the page says how to make one, and shows it when it is there."""
    store = MemoryStore()
    page = browse(serve(store))
    page.get_by_text("daskflow run hello.py:hello").wait_for()
    seeded(store)
    page.get_by_role("link", name="long week").wait_for()


def test_nothing_is_cut_off(browse, pages):
    """From 1024 pixels up a page fits into the window; its letters stand out from its ground."""
    page = browse(pages, 1024, "dark")
    page.get_by_role("link", name="long week").click()
    page.locator("table.task-runs").wait_for()
    page.locator(".flow-graph canvas").first.wait_for()
    for width, scheme, ink in (
        (1024, "dark", "#e4e8ec"),
        (1440, "dark", "#e4e8ec"),
        (1440, "light", "#1f2933"),
        (1024, "light", "#1f2933"),
    ):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"({LETTERS})() === '{ink}'")
        page.wait_for_function(f"document.documentElement.scrollWidth <= {width}")


LETTERS = """() => {
  const plot = Bokeh.documents[0].get_model_by_name("flow-graph")
  const texts = plot.renderers.map((one) => one.glyph).filter((one) => one.type === "Text")
  return texts.at(-1).text_color.value
}"""


def test_pages_that_ask_for_what_is_not_there_say_so(browse, store, pages):
    """A run that was forgotten, and a task that never was."""
    base, known = pages.rpartition("/")[0], kept_row(store).id
    page = browse(f"{base}/flow-run?id=nobody")
    page.get_by_text("no run is called 'nobody'").wait_for()
    page.goto(f"{base}/flow-task?run={known}&task=load[99]")
    page.get_by_text("there are 4 of these").wait_for()

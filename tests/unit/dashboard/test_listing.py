"""Which runs the page lists, how far they are, and when they will have ended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daskflow import LocalExecutor, flow, task
from daskflow.dashboard import listing
from daskflow.dashboard.listing import (
    PAGE,
    AskedRuns,
    Listing,
    Progress,
    expected_end,
    took_earlier,
)
from daskflow.states import Failed, Running, Success
from daskflow.stores.history import Holder, RunRow
from daskflow.stores.memory import MemoryStore

ME = Holder("me", "here", 1)
ROW = RunRow("1", "calm-owl", "etl", Success(), 100.0, started=100.0, ended=160.0)


@task
def double(n: int) -> int:
    return 2 * n


@flow
def doubles(ns: list[int]):
    return double.map(ns)


@pytest.fixture
def store():
    """A store without a file."""
    return MemoryStore()


def test_the_newest_run_stands_first_with_how_far_it_is(store):
    """Of a run that has ended all task runs are counted, by their states."""
    options = {"store": store, "executor": LocalExecutor(), "tags": {"nightly"}}
    doubles.with_options(**options).run(ns=[1, 2])
    doubles.with_options(**options, run_name="second").run(ns=[1, 2, 3])
    found = Listing(store).look(AskedRuns(), 0.0)
    assert found.runs[0].row.name == "second"
    assert found.runs[0].progress == Progress({"Success": 3}, 3, is_sure=True)
    assert (found.flows, found.tags, found.has_more) == (("doubles",), ("nightly",), False)
    assert not found.is_empty


def test_a_store_without_runs_is_empty(store):
    """There being no runs is told from there being none that are asked for."""
    look = Listing(store)
    assert look.look(AskedRuns(), 0.0).is_empty
    store.create(ROW, "1")
    found = look.look(AskedRuns(flow="another"), 0.0)
    assert (found.runs, found.is_empty) == ((), False)


def test_filters_and_pages(store):
    """By flow, state and tag; a page that is not there is the last one."""
    for n in range(PAGE + 3):
        is_bad = n % 2
        store.create(
            replace(
                ROW,
                id=f"{n:02}",
                created=float(n),
                flow_name="odd" if is_bad else "even",
                state=Failed() if is_bad else Success(),
                tags=frozenset({"t"}) if n < 4 else frozenset(),
            ),
            str(n),
        )
    look = Listing(store).look
    assert [one.row.id for one in look(AskedRuns(), 0.0).runs] == [
        f"{n:02}" for n in range(PAGE + 2, 2, -1)
    ]
    assert look(AskedRuns(), 0.0).has_more
    late = look(AskedRuns(page=9), 0.0)
    assert ([one.row.id for one in late.runs], late.page, late.has_more) == (
        ["02", "01", "00"],
        1,
        False,
    )
    assert {one.row.flow_name for one in look(AskedRuns(flow="odd"), 0.0).runs} == {"odd"}
    assert len(look(AskedRuns(state="Failed"), 0.0).runs) == (PAGE + 3) // 2
    assert [one.row.id for one in look(AskedRuns(tag="t"), 0.0).runs] == ["03", "02", "01", "00"]


def test_a_run_that_nobody_drives_is_crashed(store):
    """What says that it goes on without anybody to do so is seen, and found, as what it is."""
    store.create(replace(ROW, state=Running(), ended=None), "1")
    found = Listing(store).look(AskedRuns(state="Crashed"), 0.0).runs
    assert str(found[0].state).startswith("Crashed('nobody drives it any more")
    assert found[0].expected is None


def test_a_run_that_goes_on_is_read_again_when_it_has_moved(store, monkeypatch):
    """What was read once is not read again as long as nothing has come."""
    store.create(replace(ROW, state=Running(), ended=None), "1")
    lease = store.lease("1", ME)
    reads = []
    whole = store.entries
    monkeypatch.setattr(
        store, "entries", lambda *told, **more: reads.append(told) or whole(*told, **more)
    )
    look = Listing(store)
    look.look(AskedRuns(), 0.0)
    first = len(reads)
    look.look(AskedRuns(), 0.0)
    assert len(reads) == first
    lease.release()


def test_what_there_is_no_time_for_comes_later(store, monkeypatch):
    """A look that has used up its time shows runs without how far they are; the next one tells."""
    store.create(ROW, "1")
    look = Listing(store)
    monkeypatch.setattr(listing, "_BUDGET", -1.0)
    assert look.look(AskedRuns(), 0.0).runs[0].progress is None
    monkeypatch.setattr(listing, "_BUDGET", 1.0)
    assert look.look(AskedRuns(), 0.0).runs[0].progress is not None


def test_only_so_much_is_remembered(store, monkeypatch):
    """A server that stays up for months does not grow with the runs it has shown."""
    monkeypatch.setattr(listing, "_KEPT", 1)
    for n in "12":
        store.create(replace(ROW, id=n), n)
    look = Listing(store)
    look.look(AskedRuns(), 0.0)
    assert len(look._known) == 1


def test_a_run_that_cannot_be_read_does_not_hide_others(store):
    """It may have been forgotten meanwhile, or have been edited so that it makes no sense."""
    store.create(replace(ROW, id="1", graph={"nodes": {"<b>": {}}}), "1")
    store.create(replace(ROW, id="2", graph={"nodes": {"load": {}}}), "2")
    found = {one.row.id: one.progress for one in Listing(store).look(AskedRuns(), 0.0).runs}
    assert found["1"] == Progress({}, 0, is_sure=False)
    assert found["2"] == Progress({"Pending": 1}, 1, is_sure=True)


GOES_ON = replace(ROW, state=Running(), ended=None)
HALF = Progress({"Success": 50, "Pending": 50}, 100, is_sure=True)


@pytest.mark.parametrize(
    ("row", "progress", "earlier", "instant", "end"),
    [
        (GOES_ON, None, [60.0, 80.0, 1000.0], 110.0, 180.0),  # as long as usual
        (GOES_ON, HALF, [60.0], 200.0, 300.0),  # longer than usual: by its pace
        (GOES_ON, HALF, [], 130.0, 160.0),
        (GOES_ON, Progress({"Pending": 9}, 9, is_sure=True), [], 130.0, None),
        (GOES_ON, replace(HALF, is_sure=False), [], 130.0, None),
        (GOES_ON, None, [], 130.0, None),
        (ROW, HALF, [60.0], 130.0, None),  # it has ended
        (replace(GOES_ON, started=None), HALF, [60.0], 130.0, None),
    ],
)
def test_when_a_run_will_have_ended(row, progress, earlier, instant, end):
    """As earlier runs of its flow took, else at its pace, else nobody knows."""
    assert expected_end(row, progress, earlier, instant) == end


def test_how_long_a_flow_usually_takes():
    """The last runs that succeeded tell it: not failures, not other flows."""
    rows = [
        replace(ROW, ended=100.0 + n, state=Failed() if n == 3 else Success()) for n in range(1, 9)
    ]
    assert took_earlier([replace(ROW, flow_name="x"), *rows], "etl") == [1.0, 2.0, 4.0, 5.0, 6.0]
    assert took_earlier([GOES_ON], "etl") == []

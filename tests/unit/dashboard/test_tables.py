"""The table of task runs: filtered, sorted and paged over columns."""

from __future__ import annotations

import numpy as np
import pytest

from daskflow import Skip, flow, task
from daskflow.dashboard.columns import columns_of
from daskflow.dashboard.tables import PAGE, SORTS, Asked, found_in, page_of
from daskflow.runtime.columns import running_on
from daskflow.states import Running
from tests.unit.dashboard.looking import kept


@task
def load(n: int) -> int:
    if n == 3:
        raise ValueError("no Three today")
    if n % 10 == 5:
        raise Skip("five")
    return n


@task(retries=1, retry_delay_seconds=0)
def flaky(n: int, tries: list[int]) -> int:
    tries.append(n)
    if tries == [n]:
        raise OSError("once")
    return n


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@flow
def sums(numbers: list[int]):
    return total(load.map(numbers)), flaky(1, [])


@flow
def nothing():
    return []


@task
def refuse() -> list[int]:
    raise ValueError("no list")


@flow
def unopened():
    return load.map(refuse())


@pytest.fixture(scope="module")
def run():
    """A run of a map of sixty, of a sum that cannot be, and of one that was tried twice."""
    return kept(sums, numbers=list(range(60)))


@pytest.fixture(scope="module")
def columns(run):
    """Its columns."""
    return columns_of(run.record)


def labels(run, columns, **asked):
    return [row.label for row in page_of(run.record, columns, Asked(**asked)).rows]


def test_a_page_of_all(run, columns):
    """Without a question it is the order of the flow, a page at a time."""
    page = page_of(run.record, columns, Asked())
    assert (page.found, page.total, page.pages) == (62, 62, 3)
    assert [row.label for row in page.rows] == [f"load[{n}]" for n in range(PAGE)]
    last = page_of(run.record, columns, Asked(page=2))
    assert [row.label for row in last.rows][-2:] == ["total", "flaky"]


def test_a_page_that_is_not_there_is_the_last_one(run, columns):
    """Task runs that are looked at may become fewer while somebody is on a late page."""
    page = page_of(run.record, columns, Asked(page=7, node="load"))
    assert (page.page, page.pages, page.rows[-1].label) == (2, 3, "load[59]")
    assert page_of(run.record, columns, Asked(page=-1)).page == 0


def test_a_row_tells_all_of_its_task_run(run, columns):
    """State, message, attempt, worker and times are those of the record."""
    row = page_of(run.record, columns, Asked(node="flaky")).rows[0]
    assert (row.node, row.index, row.attempt, row.worker) == ("flaky", (), 2, "MainThread")
    assert row.state.is_successful()
    assert 0 <= row.took < 60
    behind = page_of(run.record, columns, Asked(node="total")).rows[0]
    assert (behind.attempt, behind.started, behind.took) == (0, None, None)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"look": "failed"}, ["load[3]", "total"]),
        ({"look": "skipped"}, [f"load[{n}]" for n in range(5, 60, 10)]),
        ({"look": "skipped", "node": "total"}, []),
        ({"text": "THREE"}, ["load[3]", "total"]),
        ({"text": "fla"}, ["flaky"]),
        ({"text": "nobody has that"}, []),
        ({"node": "unknown"}, []),
        ({"look": "unknown"}, []),
    ],
)
def test_filters(run, columns, asked, found):
    """By task, by how a state looks, by what is in names and messages; all of them at once."""
    assert labels(run, columns, **asked) == found


def test_a_worker_is_found_by_its_name(run, columns):
    """What ran on a worker is found; what nobody ran is not."""
    assert len(found_in(run.record, columns, Asked(text="mainthr"))) >= 61


@pytest.mark.parametrize("sort", SORTS)
def test_sorting_keeps_all_and_turns_round(run, columns, sort):
    """Each order holds every row once; descending, what has something to go by is reversed."""
    pages = [labels(run, columns, sort=sort, page=page) for page in range(3)]
    assert len({label for page in pages for label in page}) == 62
    first = page_of(run.record, columns, Asked(sort=sort, is_descending=True)).rows
    assert len(first) == PAGE


def test_what_asks_for_attention_comes_first(run, columns):
    """By state, failures stand before what was skipped, and successes last."""
    assert labels(run, columns, sort="state")[:3] == ["load[3]", "total", "load[5]"]


def test_the_longest_and_the_most_often_tried(run, columns):
    """Sorted the other way round, the largest stands first; what has no value stands last."""
    assert labels(run, columns, sort="attempt", is_descending=True)[0] == "flaky"
    by_time = page_of(run.record, columns, Asked(sort="took", is_descending=True)).rows
    assert [row.took for row in by_time] == sorted((row.took for row in by_time), reverse=True)
    assert labels(run, columns, sort="took", page=2)[-1] == "total"
    assert labels(run, columns, sort="took", is_descending=True, page=2)[-1] == "total"
    assert labels(run, columns, sort="started", page=2)[-1] == "total"


def test_a_task_run_is_found_by_its_name(run, columns):
    """Its own or the beginning of it, with the index, whatever the case of its letters."""
    label = next(name for name in labels(run, columns) if name.endswith("[3]"))
    found = labels(run, columns, text=label.upper())
    assert found == [label, "total"]  # whose message names it
    assert label in labels(run, columns, text="[3")


def test_an_order_that_is_not_known_is_that_of_the_flow(run, columns):
    """What somebody sends through a web socket is no reason to fail."""
    assert labels(run, columns, sort="; drop table") == labels(run, columns)
    assert labels(run, columns, is_descending=True)[0] == "flaky"


def test_a_mapped_task_without_children_is_a_row():
    """A map over what failed has one row, which says why; it is found by its message."""
    run = kept(unopened)
    columns = columns_of(run.record)
    rows = page_of(run.record, columns, Asked(node="load")).rows
    assert [(row.label, type(row.state).__name__) for row in rows] == [("load", "TriggerFailed")]
    assert labels(run, columns, text="refuse") == ["refuse", "load"]


def test_a_flow_without_tasks_has_no_rows():
    """Nothing to show is no error."""
    run = kept(nothing)
    page = page_of(run.record, columns_of(run.record), Asked(sort="worker", text="x"))
    assert (page.rows, page.found, page.total, page.pages) == ((), 0, 0, 1)


def test_what_runs_has_its_worker_and_its_beginning():
    """Though its block has told nothing of it; how long it took is not known."""
    record = kept(sums, numbers=[0, 1]).record
    record.running["load", 1] = running_on("tcp://w:1", 20.0, 2)
    columns = columns_of(record)
    row = columns.bases[columns.nodes.index("load")] + 1
    assert columns.code[row] == Running.code
    assert columns.workers[columns.worker[row]] == "tcp://w:1"
    assert (columns.started[row], columns.attempt[row]) == (20.0, 2)
    assert np.isnan(columns.took[row])

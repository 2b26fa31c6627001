"""The Flows pages in a real browser, over a store."""

from __future__ import annotations

import re

import pytest

from daskflow import LocalExecutor, Skip, flow, task
from daskflow.stores.memory import MemoryStore
from tests.acceptance.conftest import served


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


@pytest.fixture
def store():
    """A store without a file."""
    return MemoryStore()


def test_from_the_runs_to_what_failed(browse, store):
    """A person who is shown only the pages finds what failed, why, and what did not run for it."""
    week.with_options(store=store, executor=LocalExecutor()).run(days=[1, 2, 3, 4])
    with served(store) as url:
        page = browse(url)
        page.get_by_role("link", name="long week").click()
        page.wait_for_url("**/flow-run?id=*")
        story = page.locator("section", has_text="failed (1)")
        story.wait_for()
        text = story.inner_text()
        assert re.search(r"load\[2\] on \S+.*ZeroDivisionError", text)
        assert "1 task run (report) did not start because of that" in text
        assert "a holiday" in page.locator("section", has_text="skipped (1)").inner_text()

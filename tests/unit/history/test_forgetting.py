"""Which runs are forgotten, and what goes with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from daskflow import LocalExecutor, MemoryStore, context, flow, task
from daskflow.history.forgetting import Rule, forget, forgettable
from daskflow.results.places import place_at
from daskflow.states import Cancelled, Crashed, Failed, Paused, Retrying, Running, Success
from daskflow.stores.history import Holder, RunRow
from daskflow.timing import as_datetime


def row(name, ended=1.0, state=None, flow="etl", caller=""):
    return RunRow(name, name, flow, state or Success(), 0.5, ended=ended, caller=caller)


def names(rows, before=10.0, keep_last=0, held=()):
    found = forgettable(rows, Rule(before, keep_last), lambda row: row.name in held)
    return [row.name for row in found]


def test_runs_that_ended_long_ago_are_forgotten():
    """Those that ended at the instant, or later, are not."""
    assert names([row("c", 10.0), row("b", 9.9), row("a", 1.0)]) == ["b", "a"]


def test_the_newest_of_each_flow_stay():
    """However old they are."""
    rows = [row("d"), row("c", flow="other"), row("b"), row("a")]
    assert names(rows, keep_last=1) == ["b", "a"]
    assert names(rows, keep_last=2) == ["a"]


def test_what_somebody_drives_stays():
    """Whatever its row says."""
    assert names([row("b"), row("a")], held={"b"}) == ["a"]


@pytest.mark.parametrize("state", [Failed(), Cancelled(), Crashed(), Running()])
def test_however_it_ended(state):
    """Also where its driver was lost: then since it was last heard of."""
    assert names([row("a", state=state)]) == ["a"]
    late = type(state)(timestamp=as_datetime(11.0))
    assert names([row("b", None, late), row("a", None, state)]) == ["a"]


@pytest.mark.parametrize("state", [Paused(), Retrying()])
def test_what_waits_stays(state):
    """A person, or an instant, may let it go on."""
    assert names([row("a", None, state)]) == []


def test_runs_that_a_task_called_go_with_its_run():
    """With that alone, and in front of it, however deep; they count for no flow's newest."""
    rows = [
        row("grandchild", caller="child/load[3]", ended=99.0),
        row("child", caller="old/call", flow="other"),
        row("kept child", caller="new/call", flow="other"),
        row("new"),
        row("old"),
    ]
    assert names(rows, keep_last=1) == ["grandchild", "child", "old"]
    assert names(rows, keep_last=0, held={"grandchild"}) == ["kept child", "new"]


def test_a_child_whose_parent_is_gone_stands_for_itself():
    """It is as old as it is; one that names itself as well."""
    assert names([row("a", caller="gone/call"), row("b", caller="b/x")]) == ["a", "b"]


@task(persist_result=True)
def large(n: int) -> str:
    return "x" * 10_000 + str(n)


@flow
def many():
    return large.map([1, 2, 3])


class _Cache:
    """A cache with an entry that refers to a file."""

    def __init__(self, url):
        self.url = url

    def files_of(self, run_id):
        return {self.url} if run_id in self.url else ()


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Run a flow with durable results; give store, run and their files."""
    monkeypatch.setenv("DASKFLOW_RESULTS__URL", str(tmp_path / "then"))
    store = MemoryStore()
    run = many.with_options(executor=LocalExecutor(), store=store).run()
    return store, store.run(run.id), [f for f in tmp_path.rglob("*") if f.is_file()]


def test_results_go_with_their_run(kept, tmp_path):
    """Also where they are kept elsewhere by now; nothing is left of their folder."""
    store, run, files = kept
    assert len(files) == 3
    assert forget(store, run, place_at(str(tmp_path / "now")).url) == 3
    assert store.runs() == []
    assert list((tmp_path / "then").iterdir()) == []


def test_results_that_a_cache_refers_to_stay(kept, tmp_path):
    """As long as it does."""
    store, run, files = kept
    store.cache = _Cache(f"file://{files[0]}")
    assert forget(store, run, place_at(str(tmp_path / "then")).url) == 2
    assert [f for f in tmp_path.rglob("*") if f.is_file()] == files[:1]


def test_a_run_that_somebody_drives_keeps_its_results(kept, tmp_path):
    """It was taken in the meantime."""
    store, run, files = kept
    store.lease(run.id, Holder("me", "here", 1))
    assert forget(store, run, place_at(str(tmp_path / "then")).url) is None
    assert all(map(Path.exists, files))


def test_a_flow_that_a_task_calls_knows_its_caller(tmp_path):
    """Its row names the task run; that of its caller nobody."""
    store = MemoryStore()
    inner = flow(lambda: large(1), executor=LocalExecutor(), store=store, name="inner")

    @task
    def call():
        inner()
        return context.task_run_id

    outer = flow(lambda: call(), executor=LocalExecutor(), store=store, name="outer")
    run = outer.run()
    callers = {one.flow_name: one.caller for one in store.runs()}
    assert callers == {"outer": "", "inner": run.result()}

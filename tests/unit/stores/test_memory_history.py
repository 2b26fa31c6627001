"""Histories in memory: how many a process keeps."""

from __future__ import annotations

import gc
from dataclasses import replace
from weakref import ref

import pytest

from daskflow import LocalExecutor, MemoryStore, flow, task
from daskflow.errors import UnknownRunError
from daskflow.states import Paused, Success
from daskflow.stores import memory_history
from daskflow.stores.history import Holder, RunRow
from daskflow.stores.memory_history import MemoryHistory

ENDED = RunRow("0", "calm-owl", "etl", Success(), 100.0)


def test_the_memory_of_a_long_process_does_not_fill():
    """Of the runs that have ended the newest stay; those that wait, or are driven, all do."""
    store = MemoryHistory(most=2)
    store.create(replace(ENDED, id="waits", state=Paused()), "op waits")
    store.create(replace(ENDED, id="driven"), "op driven")
    store.lease("driven", Holder("me", "here", 1))
    for number in range(5):
        store.create(replace(ENDED, id=str(number), created=float(number)), f"op {number}")
    assert {row.id for row in store.runs()} == {"waits", "driven", "2", "3", "4"}
    with pytest.raises(UnknownRunError):
        store.run("1")


def test_large_runs_are_forgotten_sooner():
    """Of those that have ended no more stay than fit; the newest one may be too large as well."""
    store = MemoryHistory(most_bytes=1_000)
    for number in range(4):
        store.create(replace(ENDED, id=str(number), parameters=bytes(400)), f"op {number}")
    assert {row.id for row in store.runs()} == {"1", "2", "3"}


def test_what_was_written_twice_is_known_for_a_while(monkeypatch):
    """Names of operations are remembered, the newest ones."""
    monkeypatch.setattr(memory_history, "_OPS", 2)
    store = MemoryHistory()
    for _ in range(2):
        store.create(ENDED, "one")
    for op in ("two", "three"):
        store.delete([], op)
    assert [*store._ops] == ["two", "three"]


def test_what_failed_is_kept_without_its_frames():
    """Else each run that failed would keep all that its bodies had in hand."""

    class Large:
        pass

    alive = []

    @task
    def fail():
        mine = Large()
        alive.append(ref(mine))
        raise ValueError("so")

    store = MemoryStore()
    case = flow(lambda: fail(), name="case", executor=LocalExecutor(), store=store)
    run = case.run()
    name = run.id
    del run
    gc.collect()
    assert [each() for each in alive] == [None]
    (segment,) = [one.entry.segment for one in store.entries(name) if hasattr(one.entry, "segment")]
    assert repr(segment.notes[0].exception()) == "ValueError('so')"

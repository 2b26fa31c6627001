"""What cannot be true of a run: each thing is found, and nothing is found in a run that is true."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest

from daskflow import LocalExecutor, MemoryStore, Skip, context, flow, manual_only, task
from daskflow.definition.outlining import outline_of
from daskflow.entries import RunMoved, SegmentTold, SpaceOpened, TaskRunMoved
from daskflow.errors import ResultGoneError, StoreBusyError, TamperedError
from daskflow.events import Note, Segment, StoredResult
from daskflow.history.auditing import audit_run
from daskflow.states import (
    Cached,
    Cancelled,
    Crashed,
    Failed,
    Mapped,
    Paused,
    Pending,
    Retrying,
    Running,
    Skipped,
    Success,
)
from daskflow.stores.history import Holder, RunRow


@task(retries=2, retry_delay_seconds=0)
def flaky(n: int) -> int:
    if n == 1:
        raise Skip("no one")
    if context.attempt == 1:
        raise TimeoutError("closed")
    return n


@task(trigger=manual_only)
def publish(values: list[int]) -> int:
    return len(values)


@flow
def nightly(n: int):
    return publish(flaky.map([0, 1, n]))


ROW = RunRow("1" * 32, "owl", "etl", Success(), 1.0, ended=9.0, graph=outline_of(nightly.graph()))
STORED = StoredResult("file:///results/1/2/3", "json", "ab", 4)
BEGUN, ENDED = RunMoved(1.0, Running()), RunMoved(9.0, Success())
OPENED = SpaceOpened("flaky", 0, 3)


def told(*kinds, node="flaky", start=0, block=1, started=1.0, notes=None):
    """Return what a block told of task runs."""
    count = len(kinds)
    columns = (
        bytearray(kind.code for kind in kinds),
        array("H", [1] * count),
        array("d", [started] * count),
        array("d", [2.0] * count),
    )
    return SegmentTold(block, "w", Segment(node, start, *columns, [None] * count, notes or {}))


def moved(state, *, place=0, is_driver=False):
    return TaskRunMoved(3.0, "flaky", (place,), place, state, is_driver)


def audit(*entries, check=lambda _: None, **fields):
    """Write a history; return what is found in it."""
    store = MemoryStore()
    store.create(ROW, "create")
    lease = store.lease(ROW.id, Holder("me", "here", 1))
    store.write(
        lease, [BEGUN, OPENED, *entries, ENDED], "write", {"state": Success(), "ended": 9.0}
    )
    found = audit_run(store, replace(store.run(ROW.id), **fields), check)
    return [f"{one.where} {one.version or '-'}: {one.told}" for one in found]


@pytest.mark.parametrize("is_approved", [True, False])
def test_nothing_is_found_in_a_run_that_is_true(is_approved):
    """Retried, skipped, paused, approved or rejected: it may be so."""
    store = MemoryStore()
    run = nightly.with_options(executor=LocalExecutor(), store=store).run(n=2)
    assert audit_run(store, store.run(run.id), lambda _: None) == []
    (run.approve if is_approved else run.reject)()
    assert run.state.is_successful() is is_approved
    assert audit_run(store, store.run(run.id), lambda _: None) == []


LEGAL = [
    [told(Success, Skipped, Failed)],
    [told(Retrying), moved(Retrying()), told(Success, block=2)],
    [told(Paused), moved(Paused()), moved(Pending("approved"), is_driver=True), told(Success)],
    [moved(Crashed("lost", reason="worker lost"), is_driver=True)],
    [moved(Pending("its worker was lost: it runs again")), told(Success)],
    [told(Success), moved(Pending("its value was not kept"), is_driver=True), told(Success)],
    [moved(Cancelled(), is_driver=True), moved(Pending(), is_driver=True), told(Success)],
    [RunMoved(3.0, Cancelled()), RunMoved(4.0, Running())],
    [RunMoved(3.0, Crashed()), RunMoved(4.0, Running())],
    [RunMoved(3.0, Paused()), RunMoved(4.0, Running())],
    [told(Cached, started=0.0), moved(Cached())],
    [told(Success, block=1), told(Success, start=1, block=(1 << 32) + 5)],
]


@pytest.mark.parametrize("entries", LEGAL)
def test_legal_histories(entries):
    """What drivers write: nothing is found."""
    assert audit(*entries) == []


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        (
            [told(Success), told(Success, block=2)],
            "flaky[0] 4: accepted again, as Success; it was Success",
        ),
        (
            [told(Success), moved(Failed("edited"))],
            "flaky[0] 4: said to be Failed, where its block told of Success",
        ),
        ([told(Mapped, start=1)], "flaky[1] 3: Mapped may not follow Running"),
        ([told(Cached)], "flaky[0] 3: Cached may not follow Running"),
        (
            [told(Failed), moved(Success("edited"), is_driver=True)],
            "flaky[0] 4: Success may not follow Failed",
        ),
        (
            [told(Success, notes={0: Note(stored=STORED)}), moved(Pending(), is_driver=True)],
            "flaky[0] 4: runs again though its result was durable",
        ),
        (
            [RunMoved(3.0, Success()), RunMoved(4.0, Running())],
            "owl 4: Running may not follow Success",
        ),
        (
            [RunMoved(3.0, Failed()), RunMoved(4.0, Running())],
            "owl 4: Running may not follow Failed",
        ),
        ([RunMoved(3.0, Pending())], "owl 3: Pending may not follow Running"),
        ([told(Success, block=2 << 32)], "owl 3: told by driver 2, where the newest was 2 of 1"),
        (
            [told(Success, block=1 << 32), told(Success, start=1)],
            "owl 4: told by driver 0, where the newest was 1 of 1",
        ),
        (
            [told(Success, node="gone", start=3), told(Success, node="gone", start=3)],
            "gone at position 3 4: accepted again, as Success; it was Success",
        ),
    ],
)
def test_what_may_not_follow(entries, found):
    """It is named by run or task run, with the version of the entry."""
    assert audit(*entries) == [found]


def test_a_code_that_is_none():
    """A byte that was flipped in a column of states."""
    entry = told(Success)
    entry.segment.codes[0] = 200
    assert audit(entry) == ["flaky[0] 3: state 200 may not follow Running"]


def test_a_gap():
    """The row knows of more entries than there are."""
    assert audit(version=4) == ["owl -: of 4 entries of its history 1 are missing: 4"]
    (found,) = audit(version=9)
    assert found == "owl -: of 9 entries of its history 6 are missing: 4, 5, 6 and 3 more"


def test_what_came_after_the_row_was_read_is_not_looked_at():
    """A run may go on meanwhile."""
    assert audit(told(Success), version=1, state=Running(), ended=None) == []


def test_a_row_that_says_something_else():
    """Than its history."""
    assert audit(state=Failed()) == ["owl -: its row says Failed, its history ends with Success"]
    assert audit(ended=None) == ["owl -: it is Success, and ended at None"]
    assert audit(state=Running(), ended=None) == [
        "owl -: its row says Running, its history ends with Success"
    ]


def test_a_run_that_has_not_begun():
    """Its history is empty, and it is Pending."""
    store = MemoryStore()
    store.create(replace(ROW, state=Pending(), ended=None), "op")
    assert audit_run(store, store.run(ROW.id), lambda _: None) == []


@pytest.mark.parametrize("kind", [ResultGoneError, TamperedError, StoreBusyError])
def test_a_durable_result_that_is_not_what_it_was(kind):
    """Gone, changed, out of reach: the task run is named; one that was replaced is not asked."""

    def check(stored):
        if stored == STORED:
            msg = "not there"
            raise kind(msg)

    newer = STORED._replace(checksum="cd")
    entry = told(Success, Success, notes={0: Note(stored=newer), 1: Note(stored=STORED)})
    assert audit(entry, check=check) == ["flaky[1] -: not there"]


class _Spoiled(MemoryStore):
    """A store in which somebody has written by hand."""

    def spoiled(self, run_id):
        return [0, 2]

    def parameters(self, run_id):
        msg = "changed"
        raise TamperedError(msg)


def test_what_the_store_says_is_spoiled():
    """The row, an entry, the parameters."""
    store = _Spoiled()
    store.create(replace(ROW, state=Pending(), ended=None), "op")
    found = audit_run(store, store.run(ROW.id), lambda _: None)
    assert [(one.version, one.told.partition(" is not")[0]) for one in found] == [
        (None, "its row"),
        (2, "the entry"),
        (None, "its parameters are not what was written"),
    ]


class _Doubled(MemoryStore):
    """A store with two entries of one version."""

    def entries(self, run_id, behind=0, *, with_values=True):
        found = super().entries(run_id, behind, with_values=with_values)
        return [*found, *found[:1]]


def test_two_entries_of_one_version():
    """A history has one of each."""
    store = _Doubled()
    store.create(ROW, "op")
    lease = store.lease(ROW.id, Holder("me", "here", 1))
    store.write(lease, [BEGUN], "write", {"state": Running(), "ended": None})
    found = audit_run(store, store.run(ROW.id), lambda _: None)
    assert [one.told for one in found] == ["entries of its history have the same version"]

"""What is told of one task run."""

from __future__ import annotations

import pytest

from daskflow import Skip, context, flow, task
from daskflow.dashboard.details import Came, detail_of, summary_of
from daskflow.events import Length, Note, StoredResult
from daskflow.history.watching import WatchedRun
from daskflow.states import Failed, Skipped, Success
from daskflow.stores.memory import MemoryStore
from tests.unit.dashboard.looking import kept


@task
def numbers(n: int) -> list[int]:
    return list(range(n))


@task(retries=1, retry_delay_seconds=0)
def work(n: int, bias: int = 0) -> int:
    if n == 1:
        raise ValueError("one is bad")
    if n == 2:
        raise Skip("two is a holiday")
    if n == 3 and context.attempt == 1:
        raise OSError("once")
    return n + bias


@task
def after(n: int) -> int:
    return n


@task
def total(values: list[int]) -> int:
    return sum(values)


@task
def refuse() -> list[int]:
    raise ValueError("no list")


@flow
def works(n: int):
    done = work.map(numbers(n))
    return total(done, wait_for=[after.map(done)]), work.named("behind").map(refuse())


@pytest.fixture(scope="module")
def run():
    """A run with a failure, a skip, a retry, and what comes behind each of them."""
    return kept(works, n=9).read()


def steps(detail):
    return [(type(step.state).__name__, step.state.attempt) for step in detail.steps]


def test_what_went_well_tells_its_states_its_inputs_and_where_it_ran(run):
    """There is nothing to explain, so nothing is."""
    found = detail_of(run, "work", (0,))
    assert (found.label, found.attempt, found.worker) == ("work[0]", 1, "MainThread")
    assert steps(found) == [("Pending", 0), ("Running", 1), ("Success", 1)]
    assert [step.at for step in found.steps] == sorted(step.at for step in found.steps)
    assert (found.reasons, found.trace, found.children) == ((), "", None)
    assert found.inputs[0].name == "n"
    assert found.inputs[0].came[0][::2] == ("numbers", "element 0 of it: 9 elements")


def test_what_failed_tells_its_traceback_and_all_attempts(run):
    """Each attempt's end is there, in order, with its message."""
    found = detail_of(run, "work", (1,))
    assert [name for name, _ in steps(found)] == ["Pending", "Retrying", "Running", "Failed"]
    assert "one is bad" in found.steps[1].state.message
    assert found.trace.rstrip().endswith("ValueError: one is bad")
    assert found.reasons[0].who == "work[1]"


def test_what_was_retried_tells_so(run):
    """The attempt before stands in front of the one that went well."""
    found = detail_of(run, "work", (3,))
    assert [name for name, _ in steps(found)] == ["Pending", "Retrying", "Running", "Success"]
    assert found.attempt == 2


def test_what_was_skipped_tells_the_first_cause(run):
    """The way leads from what did not run to the task run that said why."""
    found = detail_of(run, "after", (2,))
    assert [name for name, _ in steps(found)] == ["Pending", "Skipped"]
    assert [reason.who for reason in found.reasons] == ["after[2]", "work[2]"]
    assert found.reasons[-1].state.message == "two is a holiday"
    assert (found.started, found.attempt) == (None, 0)


def test_of_many_inputs_the_first_are_told(run):
    """Before others those that did not end well; what is only waited for has no name."""
    found = detail_of(run, "total", ())
    named = {one.name: one for one in found.inputs}
    first = [f"work[{n}]" for n in (1, 0, 2, 3, 4)]
    assert [came.label for came in named["values"].came] == first
    assert (named["values"].more, named[""].more) == (4, 4)
    assert [type(came.state).__name__ for came in named["values"].came][:3:2] == [
        "Failed",
        "Skipped",
    ]


def test_a_mapped_task_tells_of_its_children(run):
    """It has states of its own, and says how many children there are."""
    found = detail_of(run, "work", ())
    assert found.children == 9
    assert type(found.state).__name__ == "Mapped"
    assert "1 of its 9 task runs failed: work[1]" in found.reasons[0].told[0]


def test_a_mapped_task_without_children_leads_to_why(run):
    """What it would have been mapped over failed."""
    found = detail_of(run, "behind", ())
    assert [reason.who for reason in found.reasons] == ["behind", "refuse"]
    assert found.inputs[0].came == (Came("refuse", found.inputs[0].came[0].state, ""),)
    assert [name for name, _ in steps(found)] == ["Pending", "TriggerFailed"]


def test_what_has_not_begun_is_pending():
    """A run of which nothing was told yet has task runs all the same."""
    store = MemoryStore()
    whole = kept(works, store=store, n=2)
    blank = MemoryStore()
    blank.create(store.run(whole.row.id), "1")
    found = detail_of(WatchedRun(blank, "last").read(), "work", ())
    assert type(found.state).__name__ == "Pending"
    assert (found.children, found.attempt, found.worker) == (0, 0, "")


STORED = StoredResult("file:///r/1f/load.parquet", "parquet", "", 2048)


@pytest.mark.parametrize(
    ("state", "note", "told"),
    [
        (Success(), None, ""),
        (Success(), Note(), ""),
        (Success(), Note(stored=STORED), "2.0 kB as parquet in load.parquet"),
        (
            Success(),
            Note(stored=STORED._replace(told="list of 3"), length=Length(3)),
            "list of 3, 2.0 kB as parquet in load.parquet",
        ),
        (Success(), Note(length=Length(None, "an int has no length")), ""),
        (Success(), Note(length=Length(1)), "1 element"),
        (Failed(), Note(stored=STORED), ""),
        (Skipped(), None, ""),
    ],
)
def test_what_is_known_of_a_result(state, note, told):
    """What was noted beside it; nothing is read for it."""
    assert summary_of(state, note) == told


@flow
def secrets(key: str, limit: int = 3):
    return after(limit)


def test_parameters_are_in_words_only_where_settings_say_so(monkeypatch):
    """They may be secret, so they are kept pickled alone, unless somebody wants to see them."""
    assert "parameters" not in kept(secrets, key="s3cret").row.graph
    monkeypatch.setenv("DASKFLOW_DASHBOARD__SHOW_PARAMETERS", "true")
    told = kept(secrets, key="s3cret").row.graph["parameters"]
    assert told == {"key": "'s3cret'", "limit": "3"}

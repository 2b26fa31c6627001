"""The story of a run that has ended: what was retried, skipped, failed, in few lines."""

from __future__ import annotations

import pytest

from daskflow import LocalExecutor, Skip, context, flow, task
from daskflow.cli.outcome import failures_of, outcome_line, remarks_of, seconds_in
from daskflow.runtime.columns import running_on


@task
def number(n: int) -> int:
    return n


@task(retries=1, retry_delay_seconds=0)
def flaky(n: int) -> int:
    if context.attempt == 1:
        raise TimeoutError("no answer")
    return n


@task
def picky(n: int) -> int:
    if n:
        raise Skip("not wanted" if n < 10 else "")
    return n


@task
def broken(n: int) -> int:
    raise ValueError(f"no {n}")


@task
def endless(n: int) -> int:
    return deeper(100)


def deeper(n):
    if n == 0:
        raise ValueError("deep")
    return next(deeper(n - 1) for _ in range(1))  # a frame of another name: else they fold


def run(*tasks, width=1, **options):
    def chain(values):
        for step in tasks:
            values = step.map(values)
        return values

    options = {"executor": LocalExecutor(), "run_name": "night", "name": "etl", **options}
    return flow(**options)(chain).run(values=list(range(1, width + 1)))


def test_the_outcome_of_a_success():
    """Flow, run, state and time."""
    assert outcome_line(run(number)).startswith("etl / night: Success in 0.")


def test_the_outcome_of_a_failure():
    """The reason stands behind the time."""
    line = outcome_line(run(broken))
    assert line.startswith("etl / night: Failed after 0.")
    assert line.endswith(" s: 1 of 1 reference task runs failed: broken[0]")


def test_the_time_in_a_task_is_that_of_its_bodies():
    """The sum over its task runs; none for one that never ran."""
    ended = run(broken, number, width=2)
    bodies = [one.ended - one.started for one in ended[broken]]
    assert seconds_in(ended.record, "broken") == pytest.approx(
        sum(body.total_seconds() for body in bodies), abs=1e-5
    )
    assert seconds_in(ended.record, "number") == 0


def test_the_time_in_a_task_that_runs():
    """What has begun and not ended counts up to the instant at which somebody looks."""
    record = run(number).record
    before = seconds_in(record, "number")
    record.running["number", 0] = running_on("tcp://here:1", 100.0, 1)
    assert seconds_in(record, "number", 102.5) == pytest.approx(before + 2.5)
    assert seconds_in(record, "number", 99.0) == before  # clocks differ
    assert seconds_in(record, "number") == before  # nobody drives it any more


def test_a_retried_task_run_is_told_with_what_failed():
    """Its last state, the attempt, and why there was more than one."""
    remarks, more = remarks_of(run(flaky).record)
    assert [(one.name, one.told) for one in remarks] == [
        ("flaky[0]", "Success at attempt 2; attempt 1 of 2 failed: TimeoutError: no answer")
    ]
    assert more == []


def test_a_skipped_task_run_is_told_and_those_behind_it_are_counted():
    """Only the one that skipped itself is named."""
    remarks, more = remarks_of(run(picky, number, number, width=2).record)
    assert [(one.name, one.told) for one in remarks] == [
        ("picky[0]", "Skipped: not wanted"),
        ("picky[1]", "Skipped: not wanted"),
    ]
    assert more == ["4 task runs behind a skipped one: skipped too"]


def test_many_remarks_are_capped():
    """What is over the limit is a number."""
    remarks, more = remarks_of(run(picky, width=15).record, limit=10)
    assert len(remarks) == 10
    assert more == ["and 5 task runs more"]


def test_a_skip_without_a_reason_is_told_without_one():
    """Nothing is invented."""
    remarks, _ = remarks_of(run(picky, width=10).record)
    assert remarks[-1].told == "Skipped"


def test_failures_are_shown_with_their_tracebacks():
    """The first three in full, the others counted, and what did not start because of them."""
    failures, more = failures_of(run(broken, number, width=5).record)
    assert [one.head for one in failures] == [
        f"broken[{n}]: Failed, attempt 1, on MainThread" for n in range(3)
    ]
    assert failures[0].body.startswith("Traceback (most recent call last):")
    assert failures[0].body.endswith("\nValueError: no 1")
    assert more == [
        "2 task runs failed as well: broken",
        "5 task runs did not start because of that: number",
    ]


def test_no_failure_is_no_line():
    """A run that went well has nothing to tell here."""
    assert failures_of(run(number).record) == ([], [])


def test_the_middle_of_a_long_traceback_is_left_out():
    """Its head and its end are what is read."""
    body = failures_of(run(endless).record)[0][0].body.splitlines()
    assert len(body) == 41
    assert body[0] == "Traceback (most recent call last):"
    assert body[-1] == "ValueError: deep"
    assert any("lines left out" in line for line in body)


def test_a_crash_of_the_run_itself_is_told():
    """Where the executor gives out, every task run is cancelled and the reason is the run's."""

    class Lost(LocalExecutor):
        def open(self, run_id, spec, pack):
            raise_later = super().open(run_id, spec, pack)
            raise_later.submit = lambda *_, **__: 1 / 0
            return raise_later

    ended = run(number, executor=Lost())
    assert "Crashed (driver) after" in outcome_line(ended)
    assert "ZeroDivisionError" in outcome_line(ended)

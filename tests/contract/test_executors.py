"""What a run may expect of a session, whatever the executor: one suite for all of them."""

import os
import time
from queue import SimpleQueue

import pytest

from daskflow import DaskExecutor, LocalExecutor, flow, task, unmapped
from daskflow.executors.local import LocalSession
from tests.contract.blocks import Opened, layer, torn_literal
from tests.contract.waiting import eventually


def boom(number):
    """Fail as a block of ours never should."""
    raise RuntimeError(f"block {number} is torn")


class Once:
    """A value that writes down in which process it was unpickled."""

    def __init__(self, ledger):
        self.ledger = ledger

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.ledger.note(os.getpid())


def test_a_session_tells_how_wide_it_is(begin):
    """The driver cuts blocks by the number of threads, and shows the link."""
    session = begin().session
    assert session.threads >= 1
    assert isinstance(session.link, str)


def test_each_block_is_reported_once(begin):
    """A diamond of four blocks: four reports, each with its block's states and without values."""
    one = begin()
    one.submit({1: (), 2: (1,), 3: (1,), 4: (2, 3)})
    reports = one.hear(4)
    assert one.session.wait(0.05) == []
    assert sorted(report.block for report in reports) == [1, 2, 3, 4]
    for report in reports:
        (segment,) = report.segments
        assert (report.run_id, segment.start) == (one.run_id, report.block)
        assert segment.values is None
        assert report.worker
        assert not report.error


def test_a_report_comes_behind_those_of_the_inputs(begin):
    """Blocks report in an order in which they can have run."""
    one = begin()
    one.submit({1: (), 2: (1,), 3: (2,)})
    assert [report.block for report in one.hear(3)] == [1, 2, 3]


def test_values_of_ends_and_of_inner_blocks_can_be_fetched(begin):
    """A block that others consume is held like one that nobody consumes."""
    one = begin()
    one.submit({1: (), 2: (1,), 3: (1, 2)})
    one.hear(3)
    first, second = (1, (), None), (2, ((1, (), None),), None)
    assert one.fetch(3) == [(3, (first, second), None)]
    assert one.fetch(2, 1) == [second, first]
    assert one.fetch(1, 3, 1) == [first, (3, (first, second), None), first]


def test_a_value_can_be_fetched_as_soon_as_its_report_is_there():
    """In this process too, where whoever waits for the report does not wait for anything else."""
    one = Opened.on(LocalExecutor(threads=2))
    fetched = []

    class Impatient(SimpleQueue):
        def put(self, report):
            fetched.extend(one.fetch(report.block))
            super().put(report)

    one.session._reports = Impatient()
    one.submit({1: ()})
    one.hear(1)
    assert fetched == [(1, (), None)]
    one.session.close()


def test_a_later_submission_takes_what_an_earlier_one_holds(begin):
    """The blocks of a plan may need those of any plan before it, ends and inner ones."""
    one = begin()
    one.submit({1: (), 2: (1,)})
    one.hear(2)
    one.submit({3: (1, 2)}, urgent=True)
    one.hear(3)
    assert one.fetch(3) == [(3, ((1, (), None), (2, ((1, (), None),), None)), None)]


def test_a_later_submission_may_need_what_still_runs(begin, gate):
    """It waits for a block of an earlier plan that has not ended."""
    one = begin()
    one.submit({1: ()}, lambda _: gate.wait())
    one.submit({2: (1,)})
    gate.open()
    assert [report.block for report in one.hear(2)] == [1, 2]


@pytest.mark.parametrize("released", [1, 2], ids=["inner", "end"])
def test_released_values_are_gone(begin, released):
    """What was let go cannot be fetched any more; what was not, can."""
    one = begin()
    one.submit({1: (), 2: (1,)})
    one.hear(2)
    one.release(released)
    with pytest.raises(KeyError):
        one.fetch(released)
    assert one.fetch(3 - released)[0][0] == 3 - released


def test_what_never_was_cannot_be_fetched(begin):
    """The key of no block at all."""
    one = begin()
    one.submit({1: ()})
    one.hear(1)
    with pytest.raises(KeyError):
        one.fetch(1, 77)


def test_releasing_what_is_not_there_is_no_error(begin):
    """Neither a key that never was nor one that was let go before."""
    one = begin()
    one.submit({1: ()})
    one.hear(1)
    one.release(1, 77)
    one.release(1)


def test_a_wait_ends_when_its_time_is_over(begin):
    """Nothing comes: no reports, and not long after the seconds."""
    one = begin()
    before = time.monotonic()
    assert one.session.wait(0.1) == []
    assert 0.05 < time.monotonic() - before < 5.0
    assert one.session.wait(0.0) == []


def test_closing_twice_is_no_error(begin):
    """The run's end and the end of the process may both close a session."""
    one = begin()
    one.submit({1: ()})
    one.hear(1)
    one.session.close()
    one.session.close()


def test_what_was_submitted_may_be_closed_before_it_ran(begin, gate):
    """A session can be closed over blocks that run and blocks that wait."""
    one = begin()
    one.submit(dict.fromkeys(range(1, 6), ()), lambda _: gate.wait())
    one.session.close()
    gate.open()


def test_two_runs_do_not_hear_of_each_other(begin):
    """Two sessions at a time on one executor: each gets the reports of its own blocks."""
    one, other = begin(), begin()
    one.submit({1: (), 2: (1,)})
    other.submit({1: (), 2: (), 3: (1, 2)})
    assert {report.run_id for report in other.hear(3)} == {other.run_id}
    assert {report.run_id for report in one.hear(2)} == {one.run_id}
    one.session.close()
    assert other.fetch(3)[0][0] == 3
    other.submit({4: (3,)})
    assert other.hear(4)[-1].block == 4


def test_urgent_blocks_go_first(begin, ledger, gate):
    """What is urgent runs before what was taken earlier and waits, in its own order."""
    one = begin()
    threads = one.session.threads
    urgent = [str(number) for number in range(31, 39)]
    one.submit(dict.fromkeys(range(1, threads + 1), ()), lambda _: gate.wait())
    one.submit(dict.fromkeys(range(11, 19), ()), ledger.note)
    one.submit({int(number): () for number in urgent}, ledger.note, urgent=True)
    eventually(lambda: one.has_taken(38))
    gate.open()
    one.hear(threads + 16)
    started = ledger.lines()
    ordinary = [line for line in started if line not in urgent]
    at_hand = 0 if isinstance(one.session, LocalSession) else 2 * threads  # before the urgent came
    for line in ordinary[at_hand:]:  # what a thread has begun it may note after the others' next
        before = started[: started.index(line)]
        assert len(set(urgent) - set(before)) < threads
    if threads == 1:
        assert started == [*urgent, *map(str, range(11, 19))]


def test_a_block_that_cannot_end_is_reported_with_the_error(begin):
    """Its consumers as well, and it is told which of them is where it began."""
    one = begin()
    one.submit({1: (), 2: (1,), 3: (2,)}, boom)
    one.submit({4: ()})
    reports = {report.block: report for report in one.hear(4)}
    assert [reports[number].is_origin for number in (1, 2, 3)] == [True, False, False]
    for number in (1, 2, 3):
        assert "block 1 is torn" in reports[number].error
        assert reports[number].segments == ()
    assert not reports[4].error
    assert one.fetch(4) == [(4, (), None)]


def test_a_block_that_needs_what_nobody_holds_is_reported(begin):
    """It never was, or belongs to a block that failed before: nobody waits for it in vain."""
    one = begin()
    one.submit({1: (), 2: ()}, boom)
    one.hear(2)
    one.submit({3: ()})
    one.hear(3)
    one.submit({4: (3, 77), 5: (4,), 6: (1, 2)})
    reports = {report.block: report for report in one.hear(6)}
    assert [number for number in sorted(reports) if not reports[number].error] == [3]
    assert all(reports[number].segments == () for number in (4, 5, 6))
    one.submit({7: (3,)})
    assert not one.hear(7)[-1].error


def test_a_literal_that_cannot_be_read_is_the_fault_of_nobody_before(begin):
    """Each block that needs it begins the trouble, now and later; what needs those does not."""
    one = begin()
    blocks = layer(one.run_id, {1: ("big",), 2: (1,), 3: ()})
    one.session.submit(torn_literal(one.run_id, "big") | blocks, urgent=False, demands={})
    one.hear(3)
    one.submit({4: ("big",), 5: (4,)})
    reports = {report.block: report for report in one.hear(5)}
    assert sorted(reports) == [1, 2, 3, 4, 5]
    assert [number for number in reports if not reports[number].error] == [3]
    for number, is_origin in {1: True, 2: False, 4: True, 5: False}.items():
        assert "literal big is torn" in reports[number].error
        assert reports[number].is_origin is is_origin


def test_a_spec_travels_once_to_each_process(executor, ledger):
    """However many blocks a process runs; where it is the driver's own, the spec stays as it is."""

    @task
    def pid(x, once):
        return os.getpid()

    @flow(executor=executor, block_size=1)
    def pids(xs):
        return pid.map(xs, once=unmapped(Once(ledger)))

    used = set(pids(list(range(20))))
    travels = isinstance(executor, DaskExecutor)
    assert ledger.starts() == ({str(pid): 1 for pid in used} if travels else {})


def test_what_a_closed_session_held_is_gone(begin):
    """Nothing of a run stays when its session is closed."""
    one = begin()
    one.submit({1: (), 2: (1,)})
    one.hear(2)
    one.session.close()
    for number in (1, 2):
        with pytest.raises(KeyError):
            one.fetch(number)

"""The numbered examples that must come out exactly so."""

import time
from pathlib import Path

import pytest

from daskflow import (
    LocalExecutor,
    TaskRunError,
    TriggerFailedError,
    all_failed,
    all_finished,
    all_successful,
    any_failed,
    any_successful,
    context,
    not_all_skipped,
    some_failed,
    some_successful,
    unmapped,
)
from tests.semantics.bodies import kinds, short

L = [1, 2, 3]
DEADLINE = 60  # seconds; only a broken engine ever waits that long


def test_1_a_failure_stops_what_depends_on_it(play, do):
    """Downstream of a failure all the way down is TriggerFailed, and the flow Failed."""

    def case():
        return do.ident(do.ident(do.boom()))

    run = play(case)
    assert kinds(run) == {"boom": "F", "ident": "TF", "ident-2": "TF"}
    assert short(run.state) == "F"


def test_2_a_failure_can_be_handled(play, do):
    """With all_finished a task runs after a failure, and gets the exception itself."""

    def case():
        return do.ident.with_options(trigger=all_finished)(do.boom())

    run = play(case)
    assert kinds(run) == {"boom": "F", "ident": "S"}
    assert repr(run["ident"].result()) == "ValueError('no')"
    assert repr(run.result()) == "ValueError('no')"
    assert short(run.state) == "S"


def test_3_a_skip_skips_what_depends_on_it(play, do):
    """Downstream of a skip all is Skipped, all_finished or not, and the flow a Success."""

    def case():
        return do.ident(do.ident.with_options(trigger=all_finished)(do.skip()))

    run = play(case)
    assert kinds(run) == {"skip": "SK", "ident": "SK", "ident-2": "SK"}
    assert short(run.state) == "S"
    assert run.result() is None


def test_4_a_skip_can_be_passed_over(play, do):
    """With skip_on_upstream_skip=False a task runs after a skip, and gets None."""

    def case():
        return do.collect.with_options(skip_on_upstream_skip=False)([do.skip()])

    run = play(case)
    assert kinds(run) == {"skip": "SK", "collect": "S"}
    assert run["collect"].result() == [None]


@pytest.mark.parametrize(
    ("trigger", "kind"), [(all_failed, "TF"), (any_failed, "S"), (any_successful, "S")], ids=str
)
def test_5_one_failed_and_one_succeeded(play, do, trigger, kind):
    """Of a failure and a success all_failed says no, any_failed and any_successful yes."""

    def case():
        return do.ident.with_options(trigger=trigger)(5, wait_for=[do.boom(), do.ok()])

    assert kinds(play(case)) == {"boom": "F", "ok": "S", "ident": kind}


def test_6_a_trigger_failure_counts_as_failed(play, do):
    """Downstream of a TriggerFailed task all_failed runs."""

    def case():
        return do.ident.with_options(trigger=all_failed)(7, wait_for=[do.ident(do.boom())])

    run = play(case)
    assert kinds(run) == {"boom": "F", "ident": "TF", "ident-2": "S"}
    assert short(run.state) == "S"


def never(states):
    return False


ALL_TRIGGERS = [
    all_successful,
    all_failed,
    all_finished,
    any_successful,
    any_failed,
    not_all_skipped,
    some_successful(at_least=1),
    some_failed(at_least=1.0),
    never,
]


def test_7_with_nothing_upstream_every_trigger_says_yes(play, do):
    """A root runs under every trigger, and so does what comes after an empty map."""

    def case():
        empty = do.inc.map([])
        for i, trigger in enumerate(ALL_TRIGGERS):
            do.ok.with_options(trigger=trigger).named(f"root{i}")()
            do.collect.with_options(trigger=trigger).named(f"after{i}")(empty)

    run = play(case)
    assert {kind for node, kind in kinds(run).items() if node != "inc"} == {"S"}
    assert len(run.task_runs) == 2 * len(ALL_TRIGGERS)
    assert run["after0"].result() == []


def test_8_a_constant_is_not_counted(play, do):
    """A constant argument is no successful task run: all_failed asks the others only."""

    def case():
        return do.ident.with_options(trigger=all_failed)(5, wait_for=[do.boom()])

    run = play(case)
    assert kinds(run) == {"boom": "F", "ident": "S"}
    assert run.result() == 5


@pytest.mark.parametrize(("reference", "kind"), [("boom", "F"), ("ident", "S")])
def test_9_reference_tasks_decide(play, do, reference, kind):
    """The flow ends as its reference tasks did, whatever became of the others."""

    def case():
        return do.ident.with_options(trigger=all_finished)(do.boom())

    assert short(play(case, reference_tasks=[reference]).state) == kind


@pytest.mark.parametrize(("trigger", "kind"), [(all_successful, "TF"), (any_failed, "S")], ids=str)
def test_10_a_failure_outranks_a_skip(play, do, trigger, kind):
    """After a failure and a skip the trigger alone decides; the failure is not masked."""

    def case():
        return do.collect.with_options(trigger=trigger)([do.boom(), do.skip()])

    run = play(case)
    assert kinds(run) == {"boom": "F", "skip": "SK", "collect": kind}
    assert short(run.state) == ("S" if kind == "S" else "F")


def test_12_maps_of_maps_and_a_reduce(play, do):
    """A map over a map goes lane by lane; a plain edge gets the list in order."""

    def case():
        a = do.inc.map(L)
        b = do.inc.map(a)
        return a, b, do.total(b)

    run = play(case)
    assert kinds(run) == {"inc": "M[S,S,S]", "inc-2": "M[S,S,S]", "total": "S"}
    assert run.result() == ([2, 3, 4], [3, 4, 5], 12)
    assert [child.result() for child in run["inc-2"]] == [3, 4, 5]


def test_13_a_failed_lane_stops_its_own_lane(play, do):
    """One failed child costs its lane; a reduce decides by its trigger over all children."""

    def case():
        a = do.fail2.map(L)
        b = do.inc.map(a)
        do.total(b)
        e = do.collect.with_options(trigger=all_finished)(b)
        g = do.ident.with_options(trigger=any_successful)(a)
        return a, b, e, g

    run = play(case)
    assert kinds(run) == {
        "fail2": "M[S,F,S]",
        "inc": "M[S,TF,S]",
        "total": "TF",
        "collect": "S",
        "ident": "S",
    }
    first, failed, last = run["collect"].result()
    assert (first, last) == (2, 4)
    assert isinstance(failed, TriggerFailedError)
    first, failed, last = run["ident"].result()
    assert (first, repr(failed), last) == (1, "ValueError('two')", 3)
    assert short(run.state) == "F"


def test_14_a_skipped_lane_skips_its_own_lane(play, do):
    """One skipped child costs its lane only; a reduce runs and has None in its place."""

    def case():
        return do.collect(do.inc.map(do.skip2.map(L)))

    run = play(case)
    assert kinds(run) == {"skip2": "M[S,SK,S]", "inc": "M[S,SK,S]", "collect": "S"}
    assert run.result() == [2, None, 4]


def test_14_a_reduce_is_skipped_when_all_children_were(play, do):
    """Only when every child was skipped does the edge count as skipped."""

    def case():
        return do.collect(do.skip2.map([2, 2]))

    run = play(case)
    assert kinds(run) == {"skip2": "M[SK,SK]", "collect": "SK"}
    assert short(run.state) == "S"


def test_15_an_empty_map(play, do):
    """A map over nothing has no children, nor has a map over that; a reduce gets []."""

    def case():
        return do.total(do.inc.map(do.inc.map([])))

    run = play(case)
    assert kinds(run) == {"inc": "M[]", "inc-2": "M[]", "total": "S"}
    assert run.result() == 0
    assert run["inc"].result() == []
    assert short(run.state) == "S"


def test_16_lengths_must_agree(play, do):
    """Mapped arguments of different lengths fail the parent, with the lengths; nothing runs."""

    def case():
        return do.add.map([1, 2, 3], [10, 20])

    run = play(case)
    assert kinds(run) == {"add": "F"}
    assert "lengths 3 and 2" in run["add"].state.message
    assert short(run.state) == "F"
    assert len(run["add"]) == 0


def test_17_an_unmapped_argument(play, do):
    """Each child gets an unmapped argument whole."""

    def case():
        return do.add.map(L, unmapped(10))

    run = play(case)
    assert kinds(run) == {"add": "M[S,S,S]"}
    assert run.result() == [11, 12, 13]


def test_18_each_child_asks_what_is_unmapped(play, do):
    """An unmapped upstream that failed stops each child, not the parent."""

    def case():
        return do.ident.map(L, wait_for=[unmapped(do.boom())])

    run = play(case)
    assert kinds(run) == {"boom": "F", "ident": "M[TF,TF,TF]"}
    assert short(run.state) == "F"


def test_20_a_failed_child_fails_the_flow(play, do):
    """A terminal map is judged by its children."""

    def case():
        return do.fail2.map(L)

    run = play(case)
    assert kinds(run) == {"fail2": "M[S,F,S]"}
    assert short(run.state) == "F"


def test_21_a_retry_repeats_one_body_only(play, do, ledger):
    """A task that succeeds at its third attempt leaves sibling and neighbours at one start."""

    def case():
        a = do.inc(0)
        b = do.third_time.with_options(retries=2)(a)
        return do.add(do.inc(b), do.ident(a))

    run = play(case)
    assert set(kinds(run).values()) == {"S"}
    assert run.result() == 3
    assert run["third_time"].attempt == 3
    assert ledger.starts() == {"inc": 1, "third_time": 3, "inc-2": 1, "ident": 1, "add": 1}


def test_22_only_the_exceptions_named_are_retried(play, do):
    """With retry_on=KeyError a ValueError ends the task run at its first attempt."""

    def case():
        return do.boom.with_options(retries=2, retry_on=KeyError)()

    run = play(case)
    assert kinds(run) == {"boom": "F"}
    assert run["boom"].attempt == 1


def test_23_a_retry_in_a_lane(play, do, ledger):
    """Only the child that failed once runs twice; its lane and the reduce run once, after it."""

    def case():
        once = do.fail2_once.with_options(retries=1)
        return do.total(do.inc.map(once.map(L)))

    run = play(case)
    assert kinds(run) == {"fail2_once": "M[S,S,S]", "inc": "M[S,S,S]", "total": "S"}
    assert run.result() == 9
    assert ledger.starts() == {
        "fail2_once[0]": 1,
        "fail2_once[1]": 2,
        "fail2_once[2]": 1,
        "inc[0]": 1,
        "inc[1]": 1,
        "inc[2]": 1,
        "total": 1,
    }


def fail_once_then_open(gate):
    """Fail, and the second time open a gate."""
    if context.attempt == 1:
        raise ValueError("not yet")
    Path(gate).touch()
    return True


def wait_for_gate(gate):
    """Return whether the gate is opened before the deadline."""
    deadline = time.monotonic() + DEADLINE
    while not Path(gate).exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)  # polls for what another process does
    return True


@pytest.mark.parametrize("executor", ["threads", "cluster"], indirect=True)
def test_24_a_retry_starts_when_it_is_due(play, ledger, tmp_path):
    """A retry does not wait for an unrelated task: that one ends only once the retry started."""
    opening = ledger.task(fail_once_then_open, retries=1, retry_delay_seconds=0.3)
    waiting = ledger.task(wait_for_gate)

    def case(gate):
        return opening(gate), waiting(gate)

    run = play(case, str(tmp_path / "gate"))
    assert run.result() == (True, True)
    assert run["fail_once_then_open"].started < run["wait_for_gate"].ended


class Unheard(BaseException):
    """Derives from neither Exception nor any signal."""


def leave(error):
    raise error


@pytest.mark.parametrize(
    "error",
    [SystemExit(3), Unheard("hm"), KeyboardInterrupt("me"), GeneratorExit("out")],
    ids=lambda error: type(error).__name__,
)
def test_32_no_exception_leaves_the_task_run(play, do, ledger, error):
    """What derives from BaseException only is a failure like any other; the flow goes on."""
    leaving = ledger.task(leave, retries=1)

    def case(error):
        do.ident.with_options(trigger=all_finished)(leaving(error), wait_for=[do.ok()])

    run = play(case, error)
    assert kinds(run) == {"leave": "F", "ok": "S", "ident": "S"}
    assert run["leave"].attempt == 2
    assert repr(run["ident"].result()) == repr(error)
    with pytest.raises(TaskRunError) as caught:
        run["leave"].result()
    assert str(caught.value) == f"leave: {type(error).__name__}: {error}"
    assert repr(caught.value.__cause__) == repr(run["leave"].state.exception) == repr(error)


@pytest.mark.parametrize("executor", ["cluster"], indirect=True)
def test_32_a_worker_survives_sys_exit(play, ledger, cluster):
    """The worker processes are the same after tasks have called sys.exit."""
    leaving = ledger.task(leave)
    before = {name: nanny.pid for name, nanny in cluster.workers.items()}

    def case():
        return leaving.map([SystemExit(3)] * 4)

    assert kinds(play(case)) == {"leave": "M[F,F,F,F]"}
    assert {name: nanny.pid for name, nanny in cluster.workers.items()} == before


def test_36_nothing_runs_on_wrong_parameters(do, ledger):
    """Unknown, missing and invalid parameters are refused before anything runs."""
    from daskflow import ParameterError, flow

    @flow(executor=LocalExecutor())
    def case(day: int, limit: int = 3):
        return do.add(day, limit)

    with pytest.raises(ParameterError, match=r"missing: day.*takes \(day: int, limit: int = 3\)"):
        case.run()
    with pytest.raises(ParameterError, match="unknown: dya"):
        case.run(1, dya=2)
    with pytest.raises(ParameterError, match=r"day: .*valid integer.*got 'soon'"):
        case.run("soon")
    with pytest.raises(ParameterError, match="given twice: day"):
        case.run(1, day=2)
    with pytest.raises(ParameterError, match="3 values by position, at most 2"):
        case.run(1, 2, 3)
    assert ledger.starts() == {}

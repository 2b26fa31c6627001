"""Attempts: what is repeated, when, and what stays as it was."""

import os
from datetime import timedelta

import pytest

from daskflow import DefinitionError, Fail, Skip, all_finished, context, task
from tests.semantics.bodies import kinds, short
from tests.semantics.ledger import Ledger
from tests.semantics.test_endings import TwoArgumentsError


def test_retries_are_used_up(play, do):
    """With retries=2 the third failure is final, and the one that is told."""

    def case():
        return do.ident(do.third_time.with_options(retries=1)(0))

    run = play(case)
    assert kinds(run) == {"third_time": "F", "ident": "TF"}
    assert run["third_time"].attempt == 2
    with pytest.raises(ValueError, match="attempt 2"):
        run.result()


def at_second(x):
    if context.attempt == 1:
        raise ValueError("first")
    return x


def double_delay(attempt):
    return 0.02 * attempt


def delta_delay(attempt):
    return timedelta(milliseconds=20 * attempt)


DELAYS = {
    "none": ({}, [0, 0, 0]),
    "number": ({"retry_delay_seconds": 0.03}, [0.03, 0.03, 0.03]),
    "list": ({"retry_delay_seconds": [0.01, 0.04]}, [0.01, 0.04, 0.04]),
    "callable": ({"retry_delay_seconds": double_delay}, [0.02, 0.04, 0.06]),
    "timedelta": ({"retry_delay_seconds": timedelta(milliseconds=30)}, [0.03, 0.03, 0.03]),
    "deltas": ({"retry_delay_seconds": delta_delay}, [0.02, 0.04, 0.06]),
}


def test_delays(play, do):
    """A number, a list whose last entry repeats, a function of the attempt, a timedelta."""

    def case():
        for name, (options, _) in DELAYS.items():
            do.boom.with_options(retries=3, **options).named(name)()

    run = play(case)
    for name, (_, delays) in DELAYS.items():
        states = [event.state for event in run.events() if event.name == name]
        assert [short(state) for state in states] == ["R", "R", "R", "F"]
        waits = [(s.scheduled_for - s.timestamp).total_seconds() for s in states[:3]]
        assert waits == pytest.approx(delays, abs=1e-4)
        assert run[name].attempt == 4
        assert run[name].started >= states[2].scheduled_for


def test_jitter_spreads_the_delay(play, do):
    """The factor adds up to that share of the delay, and not always the same."""

    def case():
        options = {"retries": 1, "retry_delay_seconds": 0.02, "retry_jitter_factor": 0.5}
        ledgered = do.fail2.with_options(**options)
        ledgered.map([2] * 8)

    run = play(case)
    waits = [
        (event.state.scheduled_for - event.state.timestamp).total_seconds()
        for event in run.events()
        if short(event.state) == "R"
    ]
    assert len(waits) == 8
    assert len(set(waits)) > 1
    assert all(0.0199 <= wait <= 0.0301 for wait in waits)


def is_no(error):
    return str(error) == "no"


def is_yes(error):
    return str(error) == "yes"


def fail():
    raise Fail("no", result=7)


def two_arguments():
    raise TwoArgumentsError(1, "one")


def test_which_failures_are_retried(play, do, ledger):
    """retry_on names classes, Fail among them; retry_condition is asked of what they let pass."""
    failing, foreign = ledger.task(fail), ledger.task(two_arguments)
    wanted = {
        "any": (do.boom.with_options(retries=1), 2),
        "class": (do.boom.with_options(retries=1, retry_on=ValueError), 2),
        "base": (do.boom.with_options(retries=1, retry_on=Exception), 2),
        "other": (do.boom.with_options(retries=1, retry_on=KeyError), 1),
        "several": (do.boom.with_options(retries=1, retry_on=(KeyError, ValueError)), 2),
        "agreed": (do.boom.with_options(retries=1, retry_condition=is_no), 2),
        "refused": (do.boom.with_options(retries=1, retry_condition=is_yes), 1),
        "both": (do.boom.with_options(retries=1, retry_on=KeyError, retry_condition=is_no), 1),
        "Fail": (failing.with_options(retries=1), 2),
        "on_Fail": (failing.with_options(retries=1, retry_on=Fail), 2),
        "not_Fail": (failing.with_options(retries=1, retry_on=Exception), 1),
        "Fail_agreed": (failing.with_options(retries=1, retry_condition=is_no), 2),
        "portable": (foreign.with_options(retries=1, retry_on=TwoArgumentsError), 2),
    }

    def case():
        for name, (made, _) in wanted.items():
            made.named(name)()

    run = play(case)
    assert set(kinds(run).values()) == {"F"}
    assert {name: run[name].attempt for name in wanted} == {n: w for n, (_, w) in wanted.items()}


def skip_or(x):
    raise Skip("by the body")


def test_what_is_never_retried(play, do, ledger):
    """A skip ends its task run, and a trigger failure does, however many retries there are."""
    skipping = ledger.task(skip_or, retries=3)

    def case():
        skipping(0)
        do.ident.with_options(retries=3)(do.boom())

    run = play(case)
    assert kinds(run) == {"skip_or": "SK", "boom": "F", "ident": "TF"}
    assert run["skip_or"].attempt == 1
    assert run["ident"].attempt == 0


def skip_second(x):
    if context.attempt == 1:
        raise ValueError("first")
    raise Skip("second")


def test_a_retry_may_end_as_a_skip(play, do, ledger):
    """The state is that of the last attempt."""
    skipping = ledger.task(skip_second, retries=3)

    def case():
        return do.ident(skipping(0))

    run = play(case)
    assert kinds(run) == {"skip_second": "SK", "ident": "SK"}
    assert run["skip_second"].attempt == 2
    assert run["skip_second"].state.message == "second"


def token():
    return os.urandom(16).hex()


class SecondLook:
    """Writes down what it gets, and fails the first time."""

    def __init__(self, diary):
        self.diary = diary

    def look(self, x, y):
        self.diary.note(f"{context.attempt} {x} {y}")
        if context.attempt == 1:
            raise ValueError("once more")
        return x


def test_a_retry_sees_the_values_of_the_first_attempt(play, do, ledger, tmp_path):
    """Upstream tasks are not repeated, and what they returned is the same at each attempt."""
    diary = Ledger(tmp_path / "diary")
    look = SecondLook(diary).look

    def second_look(x, y):
        return look(x, y)

    root, looking = ledger.task(token), ledger.task(second_look, retries=1)

    def case():
        here = root()
        return here, looking(here, [do.ident(here)])

    run = play(case)
    made, seen = run.result()
    assert made == seen
    assert diary.lines() == [f"1 {made} ['{made}']", f"2 {made} ['{made}']"]
    assert run["token"].attempt == 1


def test_a_lane_is_retried_with_its_own_values(play, do, ledger):
    """In a map over a map a retried child meets the element of its own lane again."""
    once = ledger.task(at_second, retries=1)

    def case():
        return do.inc.map(once.map(do.inc.map(do.rng(5))))

    run = play(case)
    assert run.result() == [2, 3, 4, 5, 6]
    assert [child.attempt for child in run["at_second"]] == [2] * 5
    assert [child.attempt for child in run["inc"]] == [1] * 5


def test_a_reduce_is_retried_with_all_values(play, do, ledger):
    """A retried reduce gets the whole list again; no child runs twice."""
    once = ledger.task(at_second, retries=1)

    def case():
        return once(do.inc.map([1, 2, 3]))

    assert play(case).result() == [2, 3, 4]


def test_a_retry_wipes_what_went_wrong_before(play, do):
    """After a success nothing is left of the failed attempt but the number of attempts."""

    def case():
        do.third_time.with_options(retries=2)(0)

    run = play(case)["third_time"]
    assert short(run.state) == "S"
    assert run.state.message == ""
    assert run.traceback == ""
    assert run.state.attempt == 3


def rng_at_second(n):
    if context.attempt == 1:
        raise ValueError("first")
    return list(range(n))


def test_a_map_waits_for_a_retry(play, do, ledger):
    """A map over a value that came at the second attempt has its children then."""
    once = ledger.task(rng_at_second, retries=1)

    def case():
        return do.total(do.inc.map(once(4)))

    assert play(case).result() == 10


def test_a_late_failure_reaches_what_waits_for_it(play, do):
    """When the retries are used up downstream triggers decide, once."""

    def case():
        end = do.boom.with_options(retries=1)()
        do.ident(end)
        do.ident.with_options(trigger=all_finished).named("anyway")(0, wait_for=[end])

    assert kinds(play(case)) == {"boom": "F", "ident": "TF", "anyway": "S"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"retries": -1}, "retries=-1 must be a whole number from 0"),
        ({"retries": 1.5}, "retries=1.5 must be a whole number from 0"),
        ({"retry_delay_seconds": "1"}, "retry_delay_seconds='1' must be a number"),
        ({"max_retries": 1}, "max_retries= is called retries= here"),
        ({"retry_delay": 1}, "retry_delay= is called retry_delay_seconds= here"),
        ({"upstream_tasks": []}, "upstream_tasks= is called wait_for= here"),
        ({"retry": 1}, "no option is called retry="),
        ({"trigger": "all_failed"}, "trigger='all_failed' must be a function"),
        ({"name": "a b"}, "'a b' cannot name a task"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_options_that_make_no_sense(options, told):
    """Options are checked where they are written, and old words name the new ones."""
    with pytest.raises(DefinitionError, match=told):
        task(**options)(at_second)

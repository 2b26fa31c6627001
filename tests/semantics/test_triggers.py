"""Triggers and the skip rule: which upstream states let a task run start."""

import pytest

from daskflow import (
    DefinitionError,
    Fail,
    Skip,
    TaskRunError,
    TriggerFailedError,
    all_failed,
    all_finished,
    all_successful,
    always_run,
    any_failed,
    any_successful,
    not_all_skipped,
    some_failed,
    some_successful,
    states,
)
from tests.semantics.bodies import kinds, short

TRIGGERS = {
    "all_successful": all_successful,
    "all_failed": all_failed,
    "all_finished": all_finished,
    "always_run": always_run,
    "any_successful": any_successful,
    "any_failed": any_failed,
    "not_all_skipped": not_all_skipped,
}
# upstream -> what becomes of a task with each of the triggers
OUTCOMES = {
    "S S": "S TF S S S TF S",
    "F F": "TF S S S TF S TF",
    "S F": "TF TF S S S S TF",
    "S TF": "TF TF S S S S TF",
    "SK SK": "SK TF SK SK SK TF SK",
    "S SK": "SK TF SK SK SK TF S",
    "F SK": "TF TF S S S S TF",
    "TF F": "TF S S S TF S TF",
}
OUTCOMES_WITHOUT_SKIPPING = OUTCOMES | {"SK SK": "S TF S S S TF SK", "S SK": "S TF S S S TF S"}


@pytest.mark.parametrize(
    ("outcomes", "skips"), [(OUTCOMES, True), (OUTCOMES_WITHOUT_SKIPPING, False)], ids=["on", "off"]
)
def test_every_trigger_on_every_pair_of_states(play, do, outcomes, skips):
    """The trigger is asked first; then any skip and no failure skips, unless that is off."""
    wanted = {}

    def case():
        ends = {"S": do.ok(), "F": do.boom(), "SK": do.skip(), "TF": do.ident(do.boom())}
        for row, (upstream, row_outcomes) in enumerate(outcomes.items()):
            waited = [ends[kind] for kind in upstream.split()]
            if upstream in ("S S", "F F", "SK SK"):  # two task runs, not one twice
                body = {"S": do.ok, "F": do.boom, "SK": do.skip}[upstream.split()[0]]
                waited[1] = body.named(f"second{row}")()
            for (name, trigger), kind in zip(TRIGGERS.items(), row_outcomes.split(), strict=True):
                wanted[f"{name}-{row}"] = kind
                asked = do.ident.with_options(trigger=trigger, skip_on_upstream_skip=skips)
                asked.named(f"{name}-{row}")(0, wait_for=waited)

    found = kinds(play(case))
    assert {name: found[name] for name in wanted} == wanted


BOUNDS = [  # of four upstream task runs one failed
    (some_successful(at_least=3), "S"),
    (some_successful(at_least=4), "TF"),
    (some_successful(at_most=3), "S"),
    (some_successful(at_most=2), "TF"),
    (some_successful(at_least=1), "S"),
    (some_successful(at_least=1.0), "TF"),
    (some_successful(at_least=0.75), "S"),
    (some_successful(at_least=0.76), "TF"),
    (some_successful(at_most=0.75), "S"),
    (some_successful(at_most=0.5), "TF"),
    (some_successful(0.5, 1.0), "S"),
    (some_failed(at_least=1), "S"),
    (some_failed(at_least=2), "TF"),
    (some_failed(at_most=0), "TF"),
    (some_failed(at_most=0.0), "TF"),
    (some_failed(at_most=1), "S"),
    (some_failed(at_least=0.25), "S"),
    (some_failed(at_least=0.26), "TF"),
    (some_failed(at_least=1, at_most=0.5), "S"),
    (some_failed(at_least=1.0), "TF"),
]


def test_some_successful_and_some_failed(play, do):
    """An int counts task runs, a float is a share of them; both bounds are included."""

    def case():
        upstream = [do.ok(), do.ok(), do.boom(), do.ok()]
        for i, (trigger, _) in enumerate(BOUNDS):
            do.ident.with_options(trigger=trigger).named(f"bound{i}")(0, wait_for=upstream)

    found = kinds(play(case))
    assert [(t, found[f"bound{i}"]) for i, (t, _) in enumerate(BOUNDS)] == BOUNDS


def fail_below(x, limit):
    if x < limit:
        raise ValueError(x)
    return x


def test_a_share_is_exact(play, do, ledger):
    """7 of 25 are 0.28, and 29 of 100 are 0.29, whatever the floats' last digits say."""
    failing = ledger.task(fail_below)

    def case():
        few = failing.map(list(range(25)), [7] * 25)
        many = failing.map(list(range(100)), [29] * 100)
        do.ident.with_options(trigger=some_failed(at_least=0.28)).named("least")(few)
        do.ident.with_options(trigger=some_failed(at_most=0.29)).named("most")(many)

    found = kinds(play(case))
    assert (found["least"], found["most"]) == ("S", "S")


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ({}, "needs at_least= or at_most="),
        ({"at_least": 1.5}, "a float is a share from 0.0 to 1.0; an int counts"),
        ({"at_most": -1}, "must not be negative"),
    ],
    ids=["none", "share", "negative"],
)
def test_bounds_that_make_no_sense(bounds, told):
    """Bounds are checked where they are written."""
    for make in (some_successful, some_failed):
        with pytest.raises(DefinitionError, match=told):
            make(**bounds)


def test_constants_never_count(play, do):
    """Shares and counts are of task runs; constants beside them change nothing."""

    def case():
        trigger = some_successful(at_least=1.0, at_most=1)
        return do.collect.with_options(trigger=trigger)([1, 2, do.ok(), "three"])

    assert play(case).result() == [1, 2, 1, "three"]


def test_a_trigger_counts_the_children_of_a_map(play, do):
    """Over a plain edge the trigger is asked about each child."""

    def case():
        children = do.fail2.map([1, 2, 3, 4])
        do.ident.with_options(trigger=some_failed(at_least=1, at_most=1)).named("one")(children)
        do.ident.with_options(trigger=some_successful(at_least=0.75)).named("share")(children)
        do.ident.with_options(trigger=all_successful).named("all")(children)

    found = kinds(play(case))
    assert (found["one"], found["share"], found["all"]) == ("S", "S", "TF")


def tell(asked):
    """Skip with a message that says what a trigger is asked about."""
    raise Skip(
        "; ".join(
            f"{edge.upstream}{list(edge.map_index)}->{edge.downstream}.{edge.key} {short(state)}"
            for edge, state in asked.items()
        )
    )


def test_what_a_trigger_of_the_users_is_asked(play, do):
    """It gets {Edge: State}, an edge for each upstream task run, and none for a constant."""

    def case():
        children = do.fail2.map([1, 2])
        told = do.add.with_options(trigger=tell)
        told.named("plain")(do.ok(), 5, wait_for=[do.boom()])
        told.named("whole")(children, y=do.skip())
        told.named("child").map([1, 2], [3, 4], wait_for=[children, do.ok()])
        told.named("root")(1, 2)

    run = play(case)
    assert run["plain"].state.message == "ok[]->plain.x S; boom[]->plain.None F"
    assert run["whole"].state.message == (
        "fail2[0]->whole.x S; fail2[1]->whole.x F; skip[]->whole.y SK"
    )
    assert short(run["child"].state) == "SK"  # of the parent only what gives the width is asked
    assert run["child"].state.message == "fail2[]->child.None M[]"
    assert short(run["root"].state) == "S"


def lets_values_be_seen(asked):
    """Skip with a message that says how upstream failed."""
    raise Skip(", ".join(repr(state.exception) for state in asked.values()))


def test_a_trigger_sees_the_exceptions(play, do):
    """The state of a failed upstream carries its exception."""

    def case():
        do.ident.with_options(trigger=lets_values_be_seen)(0, wait_for=[do.boom()])

    assert play(case)["ident"].state.message == "ValueError('no')"


def raise_value_error(asked):
    raise ValueError("bad trigger")


def raise_skip(asked):
    raise Skip("by trigger")


def raise_fail(asked):
    raise Fail("by trigger")


def raise_exit(asked):
    raise SystemExit(3)


def say_no(asked):
    return 0


def say_yes(asked):
    return "anything true"


@pytest.mark.timeout(20)  # a trigger that ends a thread of the engine's would hang the run
def test_triggers_of_the_users(play, do):
    """A truth value decides, a signal gives its state; any other exception is a TriggerFailed."""
    wanted = {
        say_yes: "S",
        say_no: "TF",
        raise_value_error: "TF",
        raise_skip: "SK",
        raise_fail: "F",
        raise_exit: "TF",
    }

    def case():
        upstream = do.ok()
        for trigger in wanted:
            do.ident.with_options(trigger=trigger, retries=2).named(trigger.__name__)(upstream)

    run = play(case)
    found = kinds(run)
    assert {trigger: found[trigger.__name__] for trigger in wanted} == wanted
    assert run["raise_skip"].state.message == "by trigger"
    assert run["raise_fail"].state.message == "by trigger"
    assert "say_no said no: of 1 upstream task runs 0 failed" in run["say_no"].state.message
    assert "ValueError('bad trigger')" in run["raise_value_error"].state.message


def test_a_trigger_failure_carries_the_exception(play, do):
    """The state of a task run whose trigger raised has what it raised."""

    def case():
        do.ident.with_options(trigger=raise_value_error)(do.ok())

    run = play(case)
    assert repr(run["ident"].state.exception) == "ValueError('bad trigger')"
    with pytest.raises(TriggerFailedError, match="bad trigger"):
        run["ident"].result()


def test_a_trigger_that_raises_fail_fails_its_task_run(play, do):
    """Its state has the signal itself; who asks for the value gets an error that names it."""

    def case():
        do.ident.with_options(trigger=raise_fail)(do.ok())

    run = play(case)
    with pytest.raises(TaskRunError, match=r"^ident: Fail: by trigger$") as caught:
        run["ident"].result()
    assert isinstance(caught.value.__cause__, Fail)
    assert isinstance(run["ident"].state.exception, Fail)


@pytest.mark.timeout(20)  # a trigger that ends a thread of the engine's would hang the run
def test_triggers_of_the_users_on_a_mapped_parent(play, do):
    """A parent whose trigger raises ends like any task run, whatever is raised."""
    wanted = {
        say_yes: "M[S,S]",
        say_no: "TF",
        raise_value_error: "TF",
        raise_skip: "SK",
        raise_fail: "F",
        raise_exit: "TF",
    }

    def case():
        upstream = do.rng(2)
        for trigger in wanted:
            do.ident.with_options(trigger=trigger).named(trigger.__name__).map(upstream)

    found = kinds(play(case))
    assert {trigger: found[trigger.__name__] for trigger in wanted} == wanted


def test_the_states_are_the_public_ones(play, do):
    """A run shows states of the kinds in daskflow.states, with attempt and time."""

    def case():
        return do.ident(do.ok())

    run = play(case)
    state = run["ident"].state
    assert type(state) is states.Success
    assert state.attempt == 1
    assert state.timestamp.utcoffset().total_seconds() == 0
    assert run["ok"].state.timestamp <= run["ident"].started <= state.timestamp

"""What can never run, and only what is certain."""

from __future__ import annotations

import pytest

from daskflow import (
    all_failed,
    all_successful,
    any_failed,
    any_successful,
    case,
    flatten,
    flow,
    not_all_skipped,
    some_failed,
    some_successful,
    task,
    unmapped,
)
from daskflow.checking.reach import Reach


@task
def t(*given, **named): ...


@flow
def sub(x, y=0):
    return t(t(x), y)


def found(function):
    case = flow(function, name="case")
    return [str(finding) for finding in Reach(case.definition()).find()]


def rule(trigger):
    """Make a task that takes anything and has this trigger."""
    return t.with_options(name="r", trigger=trigger)


def no(states):
    return False


EMPTY = "never runs: it is mapped over args[0], which is empty"
UNEVEN = "maps over sequences of different lengths:"
LENGTHS = f"{UNEVEN} args[0] has 3, args[1] has 2"
MAPS = {
    "an empty constant": (lambda: t.map([]), [f"error: t: {EMPTY}"]),
    "what is mapped over that": (lambda: t.map(t.map([])), [f"error: t: {EMPTY}"]),
    "an empty range": (lambda: t.map(range(0)), [f"error: t: {EMPTY}"]),
    "an empty sub-flow": (
        lambda: sub.map([]),
        ["error: sub: never runs: it is mapped over x, which is empty"],
    ),
    "different lengths": (lambda: t.map([1, 2, 3], [1, 2]), [f"error: t: {LENGTHS}"]),
    "different lengths of maps": (
        lambda: t.map(t.map([1, 2, 3]), t.map(range(2))),
        [f"error: t-3: {LENGTHS}"],
    ),
    "lists of nodes": (lambda x: t.map([t(), t(), x], (t(), 1)), [f"error: t-4: {LENGTHS}"]),
    "equal lengths": (lambda: t.map([1, 2], t.map([1, 2]), unmapped([])), []),
    "parameters": (lambda x, y: t.map(x, y, [1, 2]), []),
    "results": (lambda: t.map(t(), [1, 2]), []),
    "flattened": (lambda: t.map(flatten(t.map([1])), [1, 2]), []),
    "elements": (lambda xs: lanes.map(xs), []),
    "maps in lanes": (
        lambda xs: uneven.map(xs),
        [f"error: uneven.t-3: {UNEVEN} args[0] has 2, args[1] has 3"],
    ),
    "waited for lane by lane": (lambda: t(t.map([1, 2], wait_for=[t.map([1, 2])])), []),
}


@flow
def lanes(x):
    return t.map(x, [1, 2])


@flow
def uneven(x):
    return t.map(t.map([1, 2], unmapped(x)), t.map([1, 2, 3]))


@pytest.mark.parametrize(("function", "told"), MAPS.values(), ids=MAPS)
def test_maps(function, told):
    """Over nothing, or over lengths that do not fit; what is not known is not told."""
    assert found(function) == told


def never(node, trigger, rest):
    return f"error: {node}: never runs: its trigger {trigger} cannot say yes{rest}"


def twice():
    one = t()
    return rule(THREE)(one, one, wait_for=[one])


THREE = some_failed(at_least=3)
BOTH = some_successful(at_least=0.9, at_most=0.1)
TRIGGERS = {
    "too few to fail": (
        lambda: rule(THREE)(t(), t()),
        [never("r", THREE, " to 2 upstream task runs")],
    ),
    "one is too few": (lambda: rule(THREE)(t()), [never("r", THREE, " to 1 upstream task run")]),
    "enough": (lambda: rule(THREE)(t(), t(), wait_for=[t()]), []),
    "one twice": (
        twice,
        [never("r", THREE, " to 1 upstream task run")],
    ),
    "enough children": (lambda: rule(THREE)(t.map([1, 2, 3])), []),
    "too few children": (
        lambda: rule(THREE)(t.map([1, 2])),
        [never("r", THREE, " to 2 upstream task runs")],
    ),
    "unknown children": (lambda xs: rule(THREE)(t.map(xs)), []),
    "a lane sees one": (
        lambda xs: rule(THREE).map(t.map(xs)),
        [never("r", THREE, " to 1 upstream task run")],
    ),
    "a flattened one sees one": (lambda xs: rule(any_failed).map(flatten(t.map(xs))), []),
    "bounds that exclude each other": (
        lambda: rule(BOTH)(t()),
        [never("r", BOTH, " to 1 upstream task run")],
    ),
    "very many": (lambda: rule(BOTH)(t.map(range(1000))), []),
    "what follows": (
        lambda: t(t(rule(THREE)(t()), 1)),
        [
            never("r", THREE, " to 1 upstream task run"),
            never("t-2", all_successful, " to 1 upstream task run behind r, which cannot run"),
            never("t-3", all_successful, " to 1 upstream task run behind t-2, which cannot run"),
        ],
    ),
    "what follows with unknown others": (
        lambda xs: t(rule(THREE)(t()), t.map(xs)),
        [
            never("r", THREE, " to 1 upstream task run"),
            never("t-3", all_successful, " behind r, which cannot run"),
        ],
    ),
    "a function": (lambda: rule(no)(t()), []),
    "nothing before": (
        lambda: rule(any_failed)(1),
        ["note: r: always runs: nothing comes before it that any_failed could ask"],
    ),
    "only empty maps before": (
        lambda: rule(all_failed)(t.map([])),
        [
            f"error: t: {EMPTY}",
            "note: r: always runs: nothing comes before it that all_failed could ask",
        ],
    ),
    "nothing before, and it does not matter": (lambda: rule(not_all_skipped)(1), []),
}


@pytest.mark.parametrize(("function", "told"), TRIGGERS.values(), ids=TRIGGERS)
def test_triggers(function, told):
    """Those that say no however the tasks before end, and what hangs on them."""
    assert found(function) == told


@pytest.mark.parametrize("trigger", [any_failed, all_failed, some_failed(at_least=1)])
def test_what_waits_for_failures_may_run_behind_what_never_runs(trigger):
    """For that counts as failed."""
    assert found(lambda: rule(trigger).named("s")(rule(THREE)(t()))) == [
        never("r", THREE, " to 1 upstream task run")
    ]


def test_success_of_any_is_enough():
    """One that never runs beside one that may succeed."""
    assert found(lambda: rule(any_successful).named("s")(rule(THREE)(t()), t())) == [
        never("r", THREE, " to 1 upstream task run")
    ]


def test_a_trigger_that_skips_is_asked_without_skips():
    """It raises only where all were skipped."""
    assert found(lambda: rule(not_all_skipped)(t())) == []


def test_an_element_of_a_flattened_map_comes_of_one_task_run():
    """However deep the maps are that are flattened; such a trigger can be set by hand only."""
    definition = flow(lambda: flatten(lanes.map([1, 2])), name="case").definition()
    node = definition.graph.nodes["flatten"]
    definition.graph.nodes["flatten"] = node._replace(task=rule(some_failed(at_least=2)))
    (finding,) = Reach(definition).find()
    assert finding.what.endswith("cannot say yes to 1 upstream task run")


def test_a_constant_that_cannot_be_mapped_over():
    """In a graph made by hand it is left to the run to say so."""
    definition = flow(lambda: t.map([1]), name="case").definition()
    definition.literals["t.args[0]"] = "text"
    assert list(Reach(definition).find()) == []


def test_what_is_in_a_case_that_is_never_decided():
    """It never runs either; and a case is no upstream task run that a trigger could ask."""

    def lost():
        with case(rule(all_failed).with_options(name="never", trigger=some_failed(2))(t()), 1):
            t.named("inside")()

    def alone():
        with case(1, 1):
            rule(any_failed)()

    first, second, third = found(lost)
    assert first.startswith("error: never: never runs: its trigger some_failed")
    assert second.startswith("error: case: never runs")
    assert third == "error: inside: never runs: it is in case, which cannot run"
    assert found(alone) == [
        "note: r: always runs: nothing comes before it that any_failed could ask"
    ]

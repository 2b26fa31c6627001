"""Random flows end as a plain recursion says they must, with as many bodies started."""

import tempfile

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

import daskflow
from daskflow import LocalExecutor, Skip, context, flow, unmapped
from daskflow.lowering import lower, verify
from daskflow.runtime import driver
from tests.properties.reference import Call, Reading
from tests.semantics.bodies import short
from tests.semantics.ledger import Ledger

MORE_TRIGGERS = {
    "two_successful": daskflow.some_successful(at_least=2),
    "half_failed": daskflow.some_failed(at_least=0.5),
}
TRIGGERS = [
    "all_successful",
    "all_successful",  # the usual one, more often
    "all_failed",
    "all_finished",
    "any_successful",
    "any_failed",
    "not_all_skipped",
    *MORE_TRIGGERS,
]
FAULTS = ["F", "FF", "FFF", "K", "FK"]  # failures and a skip, attempt by attempt; then success
WIDTHS = st.sampled_from([2, 2, 2, 3, 3, 0, 1, 4])  # mostly such that maps can be zipped


@st.composite
def calls(draw):
    """Draw a flow: each call takes what some of the calls before it return."""
    found = []
    for i in range(draw(st.integers(1, 12))):
        earlier = st.integers(0, i - 1)
        is_map = draw(st.booleans())
        inputs = []
        if is_map:
            inputs.append(draw(_width_givers(earlier if i else None)))
        if i:
            more = ["unmapped", "wait", "wait_all", "mapped"] if is_map else ["unmapped", "wait"]
            pairs = st.tuples(st.sampled_from(more), earlier)
            inputs += draw(st.lists(pairs, min_size=not is_map, max_size=3))
        found.append(
            Call(
                is_map,
                tuple(inputs),
                draw(st.sampled_from(TRIGGERS)),
                draw(st.booleans()),
                draw(st.integers(0, 2)),
                draw(st.dictionaries(st.integers(0, 3), st.sampled_from(FAULTS), max_size=2)),
                draw(WIDTHS),
            )
        )
    return found


def _width_givers(earlier):
    """Draw what gives a map its width: a constant, a node, a list of nodes."""
    constant = st.tuples(st.just("const"), WIDTHS)
    if earlier is None:
        return constant
    several = st.lists(earlier, min_size=2, max_size=3).map(tuple)
    mapped = st.tuples(st.just("mapped"), earlier)
    return st.one_of(mapped, mapped, constant, st.tuples(st.just("list"), several))


def make_flow(drawn, ledger):
    """Return the drawn calls as a function to be traced."""

    def case():
        made = []
        for i, call in enumerate(drawn):
            body = ledger.task(
                body_of(call),
                name=f"n{i}",
                trigger=MORE_TRIGGERS.get(call.trigger) or getattr(daskflow, call.trigger),
                skip_on_upstream_skip=call.skips,
                retries=call.retries,
            )
            if call.trigger == "not_all_skipped":  # its own rule for skips stands as it is
                body = body.with_options(skip_on_upstream_skip=True)
            args, waited = arguments(call, made)
            made.append((body.map if call.is_map else body)(*args, wait_for=waited))

    return case


def arguments(call, made):
    """Return what a drawn call gives to its task, and what it waits for."""
    args, waited = [], []
    for how, what in call.inputs:
        if how in ("wait", "wait_all"):
            waited.append(unmapped(made[what]) if how == "wait_all" else made[what])
        elif how == "const":
            args.append(list(range(what)))
        elif how == "list":
            args.append([made[i] for i in what])
        else:
            whole = how == "unmapped" and call.is_map
            args.append(unmapped(made[what]) if whole else made[what])
    return args, waited


def body_of(call):
    """Return a body that fails and skips as drawn, and returns a list of the drawn width."""

    def body(*args):
        at = context.map_index[0] if context.map_index else 0
        fault = call.faults.get(at, "")[context.attempt - 1 : context.attempt]
        if fault == "F":
            raise ValueError(f"{at}, attempt {context.attempt}")
        if fault == "K":
            raise Skip
        return list(range(call.width))

    return body


def told(state):
    """Return the kind of a node as the reference tells it."""
    return (
        [short(child) for child in state.children] if hasattr(state, "children") else short(state)
    )


def wanted_state(drawn, ends):
    """Return how the flow must end: Failed where anything that nothing depends on failed."""
    used = {
        i
        for call in drawn
        for how, what in call.inputs
        if how != "const"
        for i in (what if how == "list" else [what])
    }
    last = [
        kind
        for i, end in enumerate(ends)
        if i not in used
        for kind in (end if isinstance(end, list) else [end])
    ]
    return "F" if {"F", "TF"} & set(last) else "S"


@pytest.mark.parametrize("executor", [LocalExecutor(), LocalExecutor(threads=2)], ids=str)
@settings(
    max_examples=60,
    derandomize=True,  # CI draws the same flows each time
    deadline=None,  # two busy cores
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(drawn=calls(), block_size=st.sampled_from([1, 2, None]))
def test_states_and_starts_are_those_of_the_reference(executor, drawn, block_size):
    """Whatever the flow and the block size: the same states, as many starts, only sound plans."""
    problems = []

    def checked(graph, known, *rest):
        plan = lower(graph, known, *rest)
        problems.extend(verify(plan, graph, known))
        return plan

    # The plans of a run are not to be had from outside, and each pass makes one: so the driver is
    # given a `lower` that looks at what it returns.
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver, "lower", checked)
        ledger = Ledger(f"{folder}/starts")
        run = flow(make_flow(drawn, ledger), executor=executor, block_size=block_size).run()
        starts = ledger.starts()
    reading = Reading(drawn)
    ends = reading.ends
    note(f"engine: {list(run.task_runs)}")
    assert [told(run[f"n{i}"].state) for i in range(len(drawn))] == ends
    assert starts == {
        f"n{i}[{at}]" if drawn[i].is_map else f"n{i}": count
        for (i, at), count in reading.starts.items()
    }
    assert starts == {r.name: r.attempt for r in run.task_runs if r.attempt}
    assert short(run.state) == wanted_state(drawn, ends)
    assert problems == []

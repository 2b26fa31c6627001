"""Where a run of the engine and the reference differ."""

from collections import defaultdict

import pytest

from daskflow import LocalExecutor, context, flow
from daskflow.definition import mapping
from daskflow.lowering import lower, verify
from daskflow.runtime import driver
from daskflow.states import Mapped, Paused
from tests.properties.making import Making, Tally, plain
from tests.properties.reference import Reading
from tests.semantics.bodies import SHORT

MOST_APPROVALS = 20  # of which each may be of many task runs


def difference(drawn, executor=None, ledger=None, reading=None):
    """Return what is different, by what; empty: nothing."""
    ledger = Tally() if ledger is None else ledger
    executor = LocalExecutor(threads=drawn.threads) if executor is None else executor
    made = flow(
        Making(drawn.items, ledger), name="drawn", executor=executor, block_size=drawn.block_size
    )
    with pytest.MonkeyPatch.context() as patch:
        problems = look_at_plans(patch)
        patch.setenv("DASKFLOW_ENGINE__RETRY_WINDOW", "0")
        patch.setenv("DASKFLOW_ENGINE__BLOCK_SECONDS", str(drawn.block_seconds))
        patch.setenv("DASKFLOW_ENGINE__WINDOW", str(drawn.window))
        if drawn.is_thrifty:
            spare(patch)
        run = made.run()
        for _ in range(MOST_APPROVALS):
            if isinstance(run.state, Paused):
                run.approve()
        found = seen(run, made.graph(), ledger)
    wanted = expected(reading or Reading(drawn.items), made.graph())
    different = {what: (found[what], told) for what, told in wanted.items() if found[what] != told}
    return different | ({"plans": problems} if problems else {})


def look_at_plans(patch):
    """Have each plan verified; return the list of what is wrong.

    The plans of a run are not to be had from outside, and each pass makes one: so the driver is
    given a `lower` that looks at what it returns.
    """
    problems = []

    def checked(graph, known, *rest):
        plan = lower(graph, known, *rest)
        problems.extend(verify(plan, graph, known))
        return plan

    patch.setattr(driver, "lower", checked)
    return problems


def spare(patch):
    """Let every value go the way of the large ones."""
    patch.setattr(mapping, "_LARGE", 0)
    patch.setenv("DASKFLOW_ENGINE__LITERAL_BYTES", "0")
    patch.setenv("DASKFLOW_ENGINE__SMALL_RESULT_BYTES", "0")


def seen(run, graph, ledger):
    """Return what a run tells."""
    starts, histories = ledger.starts(), defaultdict(list)
    for event in run.events():
        histories[event.name].append(SHORT.get(type(event.state), "PA"))
    runs = list(run.task_runs)
    return {
        "states": {name: tree(run[name].state) for name in graph.nodes},
        "starts": starts,
        "attempts": {one.name: one.attempt for one in runs if one.name in starts},
        "histories": {one.name: histories[one.name] for one in runs if one.name in histories},
        "values": {name: plain(run.values.at(name)) for name in graph.terminals()},
        "flow": SHORT[type(run.state)],
    }


def expected(reading, graph):
    """Return the same as the reference has it."""
    names = list(graph.nodes)  # by the number of the call
    last = [names.index(name) for name in graph.terminals()]

    def label(n, at):
        return context.run_label(names[n], at)

    ends = {kind for n in last for kind in flat(reading.tree(n))}
    return {
        "states": {name: reading.tree(n) for n, name in enumerate(names)},
        "starts": {label(*run): fate.starts for run, fate in reading.fates.items()},
        "attempts": {label(*run): fate.attempts for run, fate in reading.fates.items()},
        "histories": {label(*run): history for run, history in reading.histories().items()},
        "values": {names[n]: reading.read(n) for n in last},
        "flow": "F" if {"F", "TF"} & ends else "S",
    }


def tree(state):
    """Return the kind of a node as the reference tells it."""
    if isinstance(state, Mapped):
        return [tree(child) for child in state.children]
    return SHORT[type(state)]


def flat(tree):
    """Return the leaves of lists of lists."""
    return [leaf for one in tree for leaf in flat(one)] if isinstance(tree, list) else [tree]

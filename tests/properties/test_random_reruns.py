"""Random flows, run and made anew: all ends as before, and what is kept does not start again."""

import pytest

from daskflow import LocalExecutor, MemoryStore, flow
from daskflow.states import Paused
from tests.properties.comparing import MOST_APPROVALS, flat, look_at_plans, seen, spare
from tests.properties.making import Making, Tally
from tests.properties.searching import search

EXAMPLES = 40  # for each group
GOOD = {"S", "C", "SK"}
COMPARED = ("states", "attempts", "values", "flow")


def ended(run):
    """Approve what waits, until the run has ended."""
    for _ in range(MOST_APPROVALS):
        if isinstance(run.state, Paused):
            run.approve()
    return run


def played(drawn, number):
    """Run a flow, then what failed of it, then one node and what hangs on it; tell of each."""
    ledger = Tally()
    made = flow(
        Making(drawn.items, ledger),
        name="drawn",
        executor=LocalExecutor(threads=drawn.threads),
        block_size=drawn.block_size,
        store=MemoryStore(),
        persist_result=drawn.is_thrifty,
    )
    with pytest.MonkeyPatch.context() as patch:
        problems = look_at_plans(patch)
        patch.setenv("DASKFLOW_ENGINE__RETRY_WINDOW", "0")
        patch.setenv("DASKFLOW_RESULTS__URL", "memory://reruns")
        if drawn.is_thrifty:
            spare(patch)
        graph = made.graph()
        names = list(graph.nodes)
        name = names[number % len(names)]
        run = ended(made.run())
        told = [all_of(run, graph, ledger)]
        for words in ({"failed": True}, {"from_task": name}):
            ledger.noted = []
            told.append(all_of(ended(made.rerun(run.id, **words)), graph, ledger))
    return told, problems, name, graph


def all_of(run, graph, ledger):
    """Return what a run tells, also of task runs that did not start in it."""
    return seen(run, graph, ledger) | {"attempts": {r.name: r.attempt for r in run.task_runs}}


def behind(graph, name):
    """Return the nodes that hang on one, and itself."""
    found, ahead = set(), [name]
    while ahead:
        one = ahead.pop()
        if one not in found:
            found.add(one)
            ahead += graph.after(one)
    return found


def check(drawn):
    """See that a rerun ends as the run did, and starts nothing without need."""
    (first, failed, some), problems, name, graph = played(drawn, drawn.threads + len(drawn.items))
    assert problems == [], problems
    for again in (failed, some):
        assert {what: again[what] for what in COMPARED} == {what: first[what] for what in COMPARED}
    kinds = {node: set(flat([tree])) for node, tree in first["states"].items()}
    asked = behind(graph, name)
    for node in graph.nodes:
        mine = {run: count for run, count in first["starts"].items() if named(run) == node}
        if node == name:
            assert {run: some["starts"].get(run) for run in mine} == mine
        if node not in asked:
            assert not any(named(run) == node for run in some["starts"])
        if all(found <= GOOD for found in kinds.values()):
            assert failed["starts"] == {}


def named(run):
    """Return the node of a task run's name."""
    return run.partition("[")[0]


@pytest.mark.parametrize(
    "group",
    [pytest.param(n, marks=[pytest.mark.slow, pytest.mark.heavy] if n else []) for n in range(3)],
)
def test_a_rerun_ends_as_the_run_did(group):
    """Whether what failed is repeated or a node: states, attempts and values are what they were."""
    search(100 + group, EXAMPLES, check)

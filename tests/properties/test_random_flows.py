"""Random flows end as a plain recursion says they must: states, histories, values and starts."""

import pytest

from daskflow import DaskExecutor
from tests.properties.comparing import difference
from tests.properties.features import NODES
from tests.properties.reference import Reading
from tests.properties.searching import search
from tests.semantics.ledger import Ledger

GROUPS, EXAMPLES = 6, 250  # 1,500 in all
ON_A_CLUSTER = {GROUPS + 1: 100, GROUPS: 200}


MARKS = [[], *[[pytest.mark.slow, pytest.mark.heavy]] * (GROUPS - 1)]


@pytest.mark.parametrize("group", [pytest.param(n, marks=MARKS[n]) for n in range(GROUPS)])
def test_runs_end_as_the_reference_says(group, shares):
    """Here, in order or in threads, in blocks of whatever size: the same, and by sound plans."""

    def check(flow):
        reading = Reading(flow.items)
        shares.count(flow, reading)
        assert difference(flow, reading=reading) == {}

    search(group, EXAMPLES, check)
    assert shares.rare() == []
    assert shares.median() >= NODES


@pytest.mark.slow
@pytest.mark.timeout(400)  # half a minute where nobody else is at work
@pytest.mark.parametrize("group", [GROUPS + 1, pytest.param(GROUPS, marks=pytest.mark.heavy)])
def test_runs_on_a_cluster_end_as_the_reference_says(group, cluster, tmp_path, shares):
    """The same on a cluster of two processes, each body that was started noted in a file."""
    executor = DaskExecutor(address=cluster.scheduler_address)

    def check(flow):
        reading = Reading(flow.items)
        shares.count(flow, reading)
        ledger = Ledger(tmp_path / f"starts-{len(shares.nodes)}")
        assert difference(flow, executor, ledger, reading) == {}

    search(group, ON_A_CLUSTER[group], check)
    assert shares.rare() == []
    assert shares.median() >= NODES

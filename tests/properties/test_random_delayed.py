"""Random flows as graphs for other Dask code end as the same recursion says."""

import tempfile

import dask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daskflow import context, flow
from tests.properties.reference import Reading
from tests.properties.test_random_flows import Making, flat, flows
from tests.semantics.bodies import short
from tests.semantics.ledger import Ledger


@settings(
    max_examples=25,
    derandomize=True,  # CI draws the same flows each time
    deadline=None,  # two busy cores
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(drawn=flows(), block_size=st.sampled_from([1, 2, None]))
def test_a_delayed_flow_ends_as_the_reference(drawn, block_size):
    """Whatever is left to the last node and tried again: the same end, as many bodies started."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(f"{folder}/starts")
        made = flow(Making(drawn, ledger), name="case", block_size=block_size)
        (state,) = dask.compute(made.to_delayed(), scheduler="synchronous")
        starts = ledger.starts()
    reading, names = Reading(drawn), list(made.graph().nodes)
    last = map(names.index, made.graph().terminals())
    ends = {kind for n in last for kind in flat(reading.tree(n))}
    assert short(state) == ("F" if {"F", "TF"} & ends else "S")
    assert starts == {
        context.run_label(names[n], at): count for (n, at), count in reading.starts.items()
    }

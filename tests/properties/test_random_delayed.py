"""Random flows as graphs for other Dask code end as the same recursion says."""

import tempfile

import dask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daskflow import flow
from tests.properties.reference import Reading
from tests.properties.test_random_flows import calls, make_flow, wanted_state
from tests.semantics.bodies import short
from tests.semantics.ledger import Ledger


@settings(
    max_examples=25,
    derandomize=True,  # CI draws the same flows each time
    deadline=None,  # two busy cores
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(drawn=calls(), block_size=st.sampled_from([1, 2, None]))
def test_a_delayed_flow_ends_as_the_reference(drawn, block_size):
    """Whatever is left to the last node and tried again: the same end, as many bodies started."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(f"{folder}/starts")
        made = flow(make_flow(drawn, ledger), block_size=block_size)
        (state,) = dask.compute(made.to_delayed(), scheduler="synchronous")
        starts = ledger.starts()
    reading = Reading(drawn)
    assert short(state) == wanted_state(drawn, reading.ends)
    assert starts == {
        f"n{i}[{at}]" if drawn[i].is_map else f"n{i}": count
        for (i, at), count in reading.starts.items()
    }

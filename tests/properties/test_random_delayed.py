"""Random flows as graphs for other Dask code end as the same recursion says."""

import dask

from daskflow import context, flow
from tests.properties.comparing import flat
from tests.properties.drawing import drawn
from tests.properties.making import Making
from tests.properties.reference import Reading
from tests.properties.searching import search
from tests.semantics.bodies import short
from tests.semantics.ledger import Ledger

EXAMPLES = 40


def test_a_delayed_flow_ends_as_the_reference(tmp_path):
    """Whatever is left to the last node and tried again: the same end, as many bodies started."""
    ledgers = (Ledger(tmp_path / f"starts-{n}") for n in range(10**6))

    def check(flow_drawn):
        ledger = next(ledgers)
        made = flow(
            Making(flow_drawn.items, ledger), name="drawn", block_size=flow_drawn.block_size
        )
        (state,) = dask.compute(made.to_delayed(), scheduler="synchronous")
        reading, names = Reading(flow_drawn.items), list(made.graph().nodes)
        last = map(names.index, made.graph().terminals())
        ends = {kind for n in last for kind in flat(reading.tree(n))}
        assert short(state) == ("F" if {"F", "TF"} & ends else "S")
        assert ledger.starts() == {
            context.run_label(names[n], at): fate.starts for (n, at), fate in reading.fates.items()
        }

    search(7, EXAMPLES, check, draw=lambda data: drawn(data, without="P"))

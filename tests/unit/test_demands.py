"""What a task asks of a worker."""

from __future__ import annotations

import pytest

from daskflow.demands import NO_DEMAND, Demand


@pytest.mark.parametrize(
    "demand", [Demand((("GPU", 1.0),)), Demand(priority=-1), Demand(workers=("alpha",))]
)
def test_a_demand_is_true_where_it_asks_for_anything(demand):
    """None is the same as one with all defaults."""
    assert demand
    assert demand != NO_DEMAND
    assert not Demand()
    assert Demand() == NO_DEMAND

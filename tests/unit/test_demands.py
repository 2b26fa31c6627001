"""What a task may ask of a worker, and what it may not."""

from __future__ import annotations

import pytest

from daskflow.demands import NO_DEMAND, Demand, make_demand
from daskflow.errors import DefinitionError


def test_who_asks_for_nothing():
    """No words, or words that say nothing, make no demand."""
    assert make_demand() is not None
    assert make_demand(None, 0, None) == make_demand({}) == NO_DEMAND
    assert not make_demand()
    assert make_demand(priority=-1)


@pytest.mark.parametrize(
    ("asked", "demand"),
    [
        ({"resources": {"b": 1, "a": 0.5}}, Demand((("a", 0.5), ("b", 1)))),
        ({"priority": 5}, Demand(priority=5)),
        ({"workers": "big"}, Demand(workers=("big",))),
        ({"workers": ["b", "a", "b"]}, Demand(workers=("a", "b"))),
        ({"workers": (name for name in ("a",))}, Demand(workers=("a",))),
    ],
)
def test_equal_demands_are_equal(asked, demand):
    """In whatever order they are written; so their task runs may share blocks."""
    assert make_demand(**asked) == demand


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"resources": "GPU"}, "resources='GPU' must name amounts above zero, as {'GPU': 1} does"),
        ({"resources": {"GPU": 0}}, "must name amounts above zero"),
        ({"resources": {"GPU": "1"}}, "must name amounts above zero"),
        ({"resources": {"GPU": True}}, "must name amounts above zero"),
        ({"resources": {"GPU": float("inf")}}, "must name amounts above zero"),
        ({"resources": {"": 1}}, "must name amounts above zero"),
        ({"resources": {1: 1}}, "must name amounts above zero"),
        ({"priority": 1.5}, "priority=1.5 must be a whole number; a higher one goes first"),
        ({"priority": True}, "priority=True must be a whole number"),
        ({"priority": None}, "priority=None must be a whole number"),
        ({"workers": []}, r"workers=\[\] must be the name, host or address of a worker"),
        ({"workers": ""}, "must be the name, host or address of a worker, or a list of them"),
        ({"workers": 3}, "workers=3 must be the name"),
        ({"workers": ["a", 3]}, "must be the name, host or address"),
    ],
)
def test_what_cannot_be_asked_for(asked, told):
    """The message repeats what was written and says what it may be."""
    with pytest.raises(DefinitionError, match=told):
        make_demand(**asked)

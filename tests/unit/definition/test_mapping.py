"""What can be mapped over, how long it is, and how its elements are taken."""

from __future__ import annotations

from collections import deque

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from daskflow import DefinitionError, unmapped
from daskflow.definition.mapping import element_getter, measure, take

FIVE = [
    [0, 1, 2, 3, 4],
    (0, 1, 2, 3, 4),
    range(5),
    deque(range(5)),
    np.arange(5),
    pd.Series(range(5), index=list("edcba")),
    pd.Index(range(5)),
    pa.array(range(5)).to_numpy(),
]


@pytest.mark.parametrize("value", FIVE, ids=lambda value: type(value).__name__)
def test_a_mappable_value_has_a_length_and_elements_by_position(value):
    """Sequences, arrays and series are taken by position, whatever their own index is."""
    assert measure(value) == 5
    get = element_getter(value)
    assert [get(i) for i in range(5)] == [0, 1, 2, 3, 4]
    assert list(take(value, 1, 4)) == [1, 2, 3]


@pytest.mark.parametrize("value", [[], (), range(0), np.array([]), pd.Series(dtype=int)])
def test_an_empty_value_has_no_children(value):
    """Empty is mappable."""
    assert measure(value) == 0


@pytest.mark.parametrize(
    "value",
    [v for v in FIVE if not isinstance(v, deque)],
    ids=lambda value: type(value).__name__,
)
def test_a_part_is_of_the_same_kind(value):
    """A slice of a list is a list, of an array an array."""
    assert type(take(value, 1, 4)) is type(value)


class TwoDimensions:
    """Tells only its shape, as some data frames do."""

    shape = (3, 2)

    def __len__(self):
        return 3

    def __getitem__(self, place):
        return place


NO_LENGTH = (
    "it has no length or no elements by position; make it a list, "
    r"or wrap it in unmapped\(\) to give it whole to each child"
)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "over a NoneType: the task before it returned None"),
        ("abc", r"over a str: wrap it in a list, or in unmapped\(\)"),
        (b"abc", "over a bytes: wrap it"),
        (bytearray(b"abc"), "over a bytearray: wrap it"),
        ({"a": 1}, r"over a dict: map over list\(d.items\(\)\)"),
        ({1}, r"over a set: a set has no order; map over sorted\(s\)"),
        (frozenset({1}), "over a frozenset: a set has no order"),
        ({"a": 1}.keys(), "over a dict_keys: a set has no order"),
        (iter([1]), "over a list_iterator: it can be read only once; make it a list"),
        ((x for x in [1]), "over a generator: it can be read only once"),
        (np.zeros((2, 2)), r"over a ndarray: its rows or its columns\?"),
        (pd.DataFrame({"x": [1]}), r"over a DataFrame: its rows or its columns\?"),
        (pa.table({"x": [1], "y": [2]}), r"over a Table: its rows or its columns\?"),
        (TwoDimensions(), r"over a TwoDimensions: its rows or its columns\?"),
        (np.float64(3), "over a float64: it has no length or no elements by position"),
        (np.array(3), f"over a ndarray: {NO_LENGTH}$"),
        (3, "over an int: it has no length"),
        (object(), "over an object: it has no length"),
    ],
)
def test_what_cannot_be_mapped_over(value, told):
    """The message names the kind of the value and says what to do."""
    with pytest.raises(DefinitionError, match=f"^cannot map {told}"):
        measure(value)


def test_unmapped_shows_what_it_holds():
    """The mark of an argument is readable."""
    assert repr(unmapped([1])) == "unmapped([1])"

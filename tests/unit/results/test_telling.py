"""What a value is, in a few words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from daskflow.results.storage import ResultStorage
from daskflow.results.telling import told_of


class Broken:
    """Has a length that nobody can ask for."""

    def __len__(self):
        raise RuntimeError


class Odd:
    """Has a shape that is none."""

    shape = "round"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "None"),
        (7, "int"),
        ({"a": 1}, "dict of 1"),
        (np.zeros((1_000, 3)), "ndarray of 1,000 x 3"),
        (np.float64(1.5), "float64"),
        (pd.DataFrame({"x": [1, 2], "y": [3, 4]}), "DataFrame of 2 x 2"),
        (pd.Series([1, 2]), "Series of 2"),
        (Broken(), "Broken"),
        (Odd(), "Odd"),
        (type("x" * 100, (), {})(), "x" * 60),
    ],
)
def test_what_a_value_is(value, told):
    """Its type, with its shape or its length; whatever its class does."""
    assert told_of(value) == told


def test_it_is_kept_beside_a_result(tmp_path):
    """Who looks at the history knows it, and it is copied with the result."""
    storage = ResultStorage(str(tmp_path / "a"), "ab12", key=b"secret")
    stored = storage.write([1, 2, 3], "load", 0, attempt=1)
    assert stored.told == "list of 3"
    other = ResultStorage(str(tmp_path / "b"), "cd34", key=b"other")
    assert other.copy(stored, storage).told == "list of 3"

"""Whether a value can travel, and the bytes of a small one."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pandas as pd
import pytest

from daskflow.results.serializers import small_bytes

LIMIT = 100


class Plain:
    """A class of an importable module."""

    def __init__(self, size=0):
        self.data = "x" * size


@pytest.mark.parametrize(
    "value",
    [None, True, 7, 2.5, 1j, "text", b"bytes", [1, {"a": (2,)}], 10**99, {1}, np.float64(1)],
    ids=repr,
)
def test_a_small_value_comes_back(value):
    """The bytes of a small value are its pickle."""
    data = small_bytes(value, LIMIT * 2)
    assert pickle.loads(data) == value
    assert type(pickle.loads(data)) is type(value)


def test_a_small_array_comes_back():
    """An array within the limit travels with its buffer."""
    data = small_bytes(np.arange(3.0), 1000)
    assert pickle.loads(data).tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    "value",
    [
        "x" * 101,
        b"x" * 101,
        list(range(100)),
        Plain(200),
        np.zeros(1000),
        pd.Series(range(1000)),
        pd.DataFrame({"x": range(1000)}),
        pickle.PickleBuffer(b"x" * 200),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_large_value_has_no_small_bytes(value):
    """What is over the limit stays where it is."""
    assert small_bytes(value, LIMIT) is None


def test_the_limit_is_one_of_bytes():
    """A value of exactly the limit is small, one byte more is not."""
    size = len(pickle.dumps([1, 2, 3], 5))
    assert small_bytes([1, 2, 3], size) is not None
    assert small_bytes([1, 2, 3], size - 1) is None


def test_a_function_made_here_is_small_too():
    """What plain pickle cannot take by name travels by value."""
    data = small_bytes(lambda x: x + 1, 10_000)
    assert pickle.loads(data)(1) == 2


@pytest.mark.parametrize(
    "value",
    [
        threading.Lock(),
        [1, threading.Lock()],
        (x for x in [1]),
        np.array([threading.Lock()] * 100, dtype=object),
    ],
    ids=["lock", "inside", "generator", "array"],
)
def test_what_cannot_travel_is_told(value):
    """A value that cannot be pickled raises, however deep the reason lies."""
    with pytest.raises(TypeError, match="cannot pickle"):
        small_bytes(value, LIMIT)


def test_a_large_array_is_not_looked_at():
    """Numbers of a trusted library pass without being copied."""

    class Watched(np.ndarray):
        def __reduce_ex__(self, protocol):
            pytest.fail("a large array was pickled")

    Watched.__module__ = "numpy"
    assert small_bytes(np.zeros(1000).view(Watched), LIMIT) is None

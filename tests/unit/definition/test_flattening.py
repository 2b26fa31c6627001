"""`flatten` and `successful` outside of flows, where they do the same to values."""

from __future__ import annotations

import numpy as np
import pytest

from daskflow import DefinitionError, flatten, successful


@pytest.mark.parametrize(
    ("values", "flat"),
    [
        ([], []),
        ([[], [1], (2, 3)], [1, 2, 3]),
        ([[[1], [2]], [[3]]], [[1], [2], [3]]),
        ([["ab"], "cd", b"ef"], ["ab", "cd", b"ef"]),
        ((range(2), np.arange(2)), [0, 1, 0, 1]),
    ],
)
def test_one_level_is_taken_out(values, flat):
    """Whatever can be mapped over is taken apart, once; texts and bytes are elements."""
    assert flatten(values) == flat


@pytest.mark.parametrize("values", [5, {1: [2]}, [[1], 5], [[1], None], [{1, 2}], "text"])
def test_what_cannot_be_taken_apart(values):
    """An element that could not be mapped over is refused with the same cure."""
    with pytest.raises(DefinitionError, match="cannot map over"):
        flatten(values)


def test_what_stands_for_failed_and_skipped_children_is_left_out():
    """In a list of results those are exceptions and None; other empty values stay."""
    assert successful([0, None, "", ValueError("no"), [], 1]) == [0, "", [], 1]

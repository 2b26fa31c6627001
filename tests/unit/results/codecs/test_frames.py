"""When two frames cannot be told apart."""

from __future__ import annotations

import pandas as pd
import pytest

from daskflow.results.codecs.frames import is_same

FRAME = pd.DataFrame({"c": pd.Categorical(["a", "b"]), "x": [1.0, None]}, index=[3, 4])


def changed(**attrs):
    made = FRAME.copy()
    made.attrs.update(attrs)
    return made


def test_a_copy_is_the_same():
    """Missing values and categories are the same as themselves."""
    assert is_same(FRAME, FRAME.copy())
    assert is_same(FRAME["c"], FRAME["c"].copy())


@pytest.mark.parametrize(
    "other",
    [
        FRAME["x"],
        FRAME.iloc[:1],
        changed(unit="m"),
        FRAME.copy().set_flags(allows_duplicate_labels=False),
        FRAME.rename_axis("id"),
        FRAME.set_axis([3, 5]),
        FRAME.set_axis([3.0, 4.0]),
        FRAME.set_axis(pd.RangeIndex(3, 5)),
        FRAME.rename(columns={"x": "y"}),
        FRAME.assign(x=[1.0, 2.0]),
        FRAME.assign(x=pd.array([1.0, None], dtype="Float64")),
        FRAME.assign(c=FRAME["c"].cat.reorder_categories(["b", "a"])),
        FRAME.assign(c=FRAME["c"].cat.as_ordered()),
        FRAME.assign(c=pd.Categorical(["b", "a"])),
    ],
    ids=str,
)
def test_a_difference_is_seen(other):
    """Whatever can be seen of a frame counts."""
    assert not is_same(FRAME, other)


def test_the_beat_of_an_index_counts():
    """Two indexes of days differ where one says how they follow each other."""
    days = pd.date_range("2024-01-01", periods=2)
    one = pd.Series([1, 2], index=days)
    assert not is_same(one, one.set_axis(pd.DatetimeIndex(list(days))))
    assert not is_same(one, one.rename("other"))

"""Who may have been the cause when a worker died, from what is known of a block's fate."""

import pytest

from daskflow.events import AT_BEGIN, ENDED, NOT_BEGUN, UNKNOWN, Fate
from daskflow.runtime.suspects import investigate

SPANS = [("a", 0, 2), ("b", 0, 2), ("c", 0, 1)]
WALK = [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("c", 0)]


def found(place, lost=WALK, *, is_apart=False, **fate):
    fate = {"beside": 0, "kin": 0, **fate}
    return investigate(SPANS, lost, Fate("w", place=place, **fate), is_apart=is_apart)


@pytest.mark.parametrize(
    ("place", "begun", "suspects"),
    [
        (NOT_BEGUN, [], []),
        (AT_BEGIN, [], WALK),
        (3, WALK[:3], WALK[2:3]),
        (5, WALK, WALK[4:]),
        (ENDED, WALK, WALK),
        (UNKNOWN, WALK, WALK),
    ],
)
def test_what_was_at_work_is_suspected(place, begun, suspects):
    """What was before it in the walk had begun too; where nobody knows, all of it."""
    assert found(place)[:2] == (begun, suspects)
    assert found(place).begun + found(place).rest == WALK


def test_what_the_block_had_told_of_is_not_lost():
    """It is neither a suspect, nor to be run again, nor counted in the place."""
    lost = WALK[2:]
    assert found(3, lost) == (WALK[2:3], WALK[2:3], True, WALK[3:])
    assert found(UNKNOWN, lost).suspects == lost


@pytest.mark.parametrize(
    ("place", "fate", "is_apart", "is_charged"),
    [
        (3, {}, False, True),
        (3, {"beside": 1}, False, False),
        (3, {"beside": 1}, True, True),
        (3, {"beside": 1, "kin": 1}, True, False),
        (UNKNOWN, {}, False, False),
        (UNKNOWN, {}, True, True),
    ],
)
def test_who_is_charged(place, fate, is_apart, is_charged):
    """One suspect with none beside it; or what was set apart, with none of its run beside it."""
    assert found(place, is_apart=is_apart, **fate).is_charged is is_charged


@pytest.mark.parametrize("place", [3, UNKNOWN])
def test_nobody_is_suspected_where_a_worker_left_in_order(place):
    """What it had begun is another attempt all the same."""
    assert found(place, is_expected=True).suspects == []
    assert found(place, is_expected=True).begun == found(place).begun

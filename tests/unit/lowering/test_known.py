"""What the driver knows: index spaces, and for each node a column with an entry per task run."""

from __future__ import annotations

import pytest

from daskflow.lowering.known import OWNED, Column, Known
from daskflow.lowering.spaces import Space
from daskflow.states import KINDS, Failed, Pending, Retrying, Skipped, Success
from tests.unit.lowering.desk import Desk, a, b


def column(*kinds):
    """Return the column of a mapped node whose children are in these kinds of state."""
    made = Column(Space(Space()))
    made.space.open(0, len(kinds))
    made.grow()
    made.codes[:] = bytes(getattr(kind, "code", kind) for kind in kinds)
    return made


def test_children_begin_as_open():
    """A column grows with its space, by task runs that are all Pending."""
    made = Column(Space(Space()))
    assert made.grow() == 0
    made.space.open(0, 3)
    assert made.grow() == 3
    assert made.open() == bytes([1, 1, 1])
    assert made.finished() == bytes(3)
    assert list(made.blocks) == list(made.attempts) == [0, 0, 0]


def test_a_copy_grows_by_itself():
    """Lowering looks at columns that are wider than what the driver has so far."""
    made = column(Success)
    made.blocks[0] = 7
    wide = made.space.copy(made.space.parent)
    wide.size = 3
    grown = made.grown(wide)
    assert (len(made.codes), list(made.blocks)) == (1, [7])
    assert (bytes(grown.codes), list(grown.blocks)) == (bytes([Success.code, 0, 0]), [7, 0, 0])


def test_what_is_open_and_what_is_finished():
    """A task run in a block is neither, nor is one that waits for its retry."""
    made = column(Success, OWNED, Retrying, Pending, Failed)
    assert made.open() == bytes([0, 0, 0, 1, 0])
    assert made.finished() == bytes([1, 0, 0, 0, 1])


@pytest.mark.parametrize(
    ("codes", "finished"),
    [
        ([], True),
        ([Success, Skipped, Failed], True),
        ([Success, Pending], False),
        ([Retrying], False),
    ],
)
def test_a_node_is_finished_when_each_task_run_is(codes, finished):
    """All children count, and an empty map is finished at once."""
    assert column(*codes).is_finished() is finished


def test_a_node_without_children_yet_is_not_finished():
    """A mapped node is unfinished until its width is known, or until it ended without."""
    made = Column(Space(Space()))
    assert not made.is_finished()
    made.space.decided[0] = Failed()
    assert made.is_finished()


def test_before_a_run_only_the_root_is_known():
    """A task run for each unmapped node, none for a mapped one, and each space in its parent."""
    known = Known.nothing(Desk(lambda xs: b.map(a.map(xs), a())).graph)
    assert {name: len(column.codes) for name, column in known.columns.items()} == {
        "a": 0,
        "a-2": 1,
        "b": 0,
    }
    assert list(known.spaces) == ["", "a", "b"]
    assert all(known.columns[name].space is known.spaces[name] for name in "ab")
    assert known.spaces["a"].parent is known.columns["a-2"].space is known.spaces[""]


def test_owned_is_no_kind_of_state():
    """The mark of a task run in a block cannot be taken for a state's code."""
    assert OWNED not in {kind.code for kind in KINDS}

"""What the driver knows of a node: a column with an entry for each task run."""

from __future__ import annotations

import pytest

from daskflow.lowering.known import OWNED, Column
from daskflow.states import KINDS, Failed, Pending, Retrying, Skipped, Success


def test_children_begin_as_open():
    """A column that is widened has room for so many task runs, all of them Pending."""
    column = Column()
    assert column.width is None
    column.widen(3)
    assert column.width == 3
    assert column.open() == bytes([1, 1, 1])
    assert column.finished() == bytes(3)
    assert list(column.blocks) == list(column.attempts) == [0, 0, 0]


def test_what_is_open_and_what_is_finished():
    """A task run in a block is neither, nor is one that waits for its retry."""
    column = Column()
    column.widen(5)
    column.codes[:] = bytes([Success.code, OWNED, Retrying.code, Pending.code, Failed.code])
    assert column.open() == bytes([0, 0, 0, 1, 0])
    assert column.finished() == bytes([1, 0, 0, 0, 1])


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
    column = Column()
    column.widen(len(codes))
    column.codes[:] = bytes(kind.code for kind in codes)
    assert column.is_finished() is finished


def test_a_node_without_children_yet_is_not_finished():
    """A mapped node is unfinished until its width is known, or until it ended without."""
    assert not Column().is_finished()
    assert Column(decided=Failed()).is_finished()


def test_owned_is_no_kind_of_state():
    """The mark of a task run in a block cannot be taken for a state's code."""
    assert OWNED not in {kind.code for kind in KINDS}

"""What a task can read about the task run it is in."""

from __future__ import annotations

import pytest

from daskflow import context
from daskflow.context import TaskRunContext, run_label

HERE = TaskRunContext("etl", "ab12", "calm-otter", "clean", "clean-2", (3,), 2, frozenset({"io"}))


@pytest.fixture
def running():
    """Be inside of a task run meanwhile."""
    token = context.current.set(HERE)
    yield HERE
    context.current.reset(token)


def test_its_fields_are_read_from_the_module(running):
    """Inside of a task each field is an attribute of the module."""
    assert (context.flow_name, context.run_id, context.run_name) == ("etl", "ab12", "calm-otter")
    assert (context.task_name, context.node, context.map_index) == ("clean", "clean-2", (3,))
    assert (context.attempt, context.tags) == (2, {"io"})
    assert context.task_run_name == "clean-2[3]"
    assert context.get() is running


def test_outside_of_a_task_there_is_none():
    """Where no task runs `get` returns None and a field raises, naming it."""
    assert context.get() is None
    with pytest.raises(RuntimeError, match=r"context\.attempt can be read only while a task runs"):
        _ = context.attempt


def test_an_unknown_field_is_an_attribute_error(running):
    """A wrong name is told as Python does, so that hasattr works."""
    with pytest.raises(AttributeError, match=r"'daskflow\.context' has no attribute 'atempt'"):
        _ = context.atempt


@pytest.mark.parametrize(
    ("index", "label"), [((), "clean"), ((3,), "clean[3]"), ((3, 1), "clean[3, 1]")]
)
def test_the_name_of_a_task_run(index, label):
    """The node's name, and the map index in brackets where it is mapped."""
    assert run_label("clean", index) == label

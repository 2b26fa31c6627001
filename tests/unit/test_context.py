"""What a task can read about the task run it is in."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from daskflow import context, get_run_logger
from daskflow.context import RunContext, TaskRunContext, run_label

RUN = RunContext(
    "etl",
    "ab12",
    "calm-otter",
    {"day": 3},
    datetime(2026, 1, 2, tzinfo=UTC),
    frozenset({"nightly"}),
)
HERE = TaskRunContext(RUN, "clean", "clean-2", (3,), 2, frozenset({"io"}), 1, "so far")


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
    assert (context.attempt, context.tags) == (2, {"io", "nightly"})
    assert (context.task_run_name, context.task_run_id) == ("clean-2[3]", "ab12/clean-2[3]")
    assert (context.parameters, context.scheduled_for.year) == ({"day": 3}, 2026)
    assert (context.loop_count, context.loop_result, context.resumed) == (1, "so far", False)
    assert list(context.upstream) == []
    assert (context.parent_run_id, context.printed) == (None, None)
    assert context.logger.extra["daskflow_task_run_id"] == "ab12/clean-2[3]"
    assert context.logger.threshold is None
    assert context.get() is running


def test_the_place_is_a_worker_or_a_thread(running):
    """The worker's address while a block of Dask's runs, in which nothing runs as yet."""
    assert context.worker == threading.current_thread().name
    with context.at_place("tcp://10.0.0.7:40001"):
        assert context.get() is None
        with context.at_place(""):
            assert HERE.worker == "tcp://10.0.0.7:40001"
    assert context.get() is running


def test_the_parent_is_the_innermost():
    """Of those that called a flow the last one's run is its parent."""
    run = replace(RUN, parents=("aa/outer", "bb/inner[2]"))
    assert HERE._replace(run=run).parent_run_id == "bb"


def test_a_run_logger_outside_of_a_task():
    """It is there, for a task called as its function, and knows no task run."""
    assert get_run_logger().extra == {}


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

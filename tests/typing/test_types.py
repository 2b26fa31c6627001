"""The types of the public face, as a type checker sees them: mypy is the judge of this file.

Each ``type: ignore`` is a claim too: mypy is told to warn where one is not needed.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, assert_type

import pytest
from dask.delayed import Delayed

from daskflow import (
    DefinitionError,
    Edge,
    Flow,
    FlowRun,
    LocalExecutor,
    MappedTaskRun,
    ParameterError,
    Task,
    TaskRun,
    any_failed,
    flow,
    some_failed,
    task,
    unmapped,
)
from daskflow.states import State


@task
def length(text: str, /) -> int:
    return len(text)


@task(retries=2, retry_delay_seconds=[0.1, timedelta(seconds=1)], trigger=any_failed)
def repeat(text: str, times: int = 2) -> str:
    return text * times


@flow
def lengths(texts: list[str], times: int = 1) -> list[int]:
    return length.map(repeat.map(texts, unmapped(times)))


@flow(executor=LocalExecutor(), run_name="named {text}", tags={"a"}, block_size=1)
def one(text: str) -> int:
    return length(text)


def test_a_task_keeps_the_types_of_its_function() -> None:
    """Decorated with or without options, a call takes and gives what the function does."""
    assert_type(length, Task[[str], int])
    assert_type(length("a"), int)
    assert_type(repeat("a"), str)
    assert_type(repeat("a", times=3), str)
    with pytest.raises(TypeError):
        length(5)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        repeat("a", tims=3)  # type: ignore[call-overload]


def test_waiting_keeps_the_result_type() -> None:
    """A call with wait_for gives what the function gives."""

    @flow
    def case() -> None:
        first = length("a")
        assert_type(length("b", wait_for=[first]), int)

    assert len(case.graph()) == 2


def test_map_gives_a_list() -> None:
    """A map is typed as the list of what its children return."""

    @flow
    def case() -> list[int]:
        texts = repeat.map(["a", "b"], unmapped(3))
        assert_type(texts, list[str])
        found = length.map(texts, wait_for=[texts])
        assert_type(found, list[int])
        return found

    assert len(case.graph()) == 2


def test_options_and_names_keep_the_types() -> None:
    """with_options and named give a task of the same types."""
    assert_type(length.with_options(retries=1), Task[[str], int])
    assert_type(length.named("other"), Task[[str], int])
    assert_type(length.named("other")("a"), int)
    assert_type(one.with_options(run_name="x")("abc"), int)
    assert_type(one.with_options(run_name="x").run(text="abc"), FlowRun)
    with pytest.raises(DefinitionError):
        length.with_options(retires=1)  # type: ignore[call-arg]
    with pytest.raises(DefinitionError):
        one.with_options(executer=None)  # type: ignore[call-arg]


def test_a_decorator_with_options_takes_any_function() -> None:
    """task(...) and flow(...) wait for a function and keep its types."""

    def shout(text: str, /) -> str:
        return text.upper()

    as_task: Callable[[Callable[[str], str]], Task[[str], str]] = task(retries=1)
    assert_type(as_task(shout), Task[[str], str])
    assert_type(flow(name="f")(shout), Flow[[str], str])
    with pytest.raises(DefinitionError):
        task(retires=1)(shout)  # type: ignore[call-overload]
    with pytest.raises(DefinitionError):
        task("retries")  # type: ignore[call-overload]


def test_a_flow_takes_the_parameters_of_its_function() -> None:
    """Called, run and submitted with its own parameters and nothing else."""
    assert_type(one("abc"), int)
    assert_type(one.run("abc"), FlowRun)
    assert_type(one.submit(text="abc"), FlowRun)
    assert_type(one.to_delayed("abc"), Delayed)
    with pytest.raises(ParameterError):
        one.run()  # type: ignore[call-arg]
    with pytest.raises(ParameterError):
        one.run(5)  # type: ignore[arg-type]
    with pytest.raises(ParameterError):
        one("a", executor=None)  # type: ignore[call-arg]
    with pytest.raises(ParameterError):
        one.submit("a", 2)  # type: ignore[call-arg]
    with pytest.raises(ParameterError):
        one.to_delayed()  # type: ignore[call-arg]


def test_a_run_is_typed() -> None:
    """What is read of a run has a type."""
    run = lengths.with_options(executor=LocalExecutor()).run(["a"], times=2)
    assert_type(run.state, State)
    assert_type(run.wait(), FlowRun)
    assert_type(run.result(), Any)
    assert_type(run.task_runs[0], TaskRun)
    assert_type(run.task_runs[:2], Sequence[TaskRun])
    children = run[length]
    assert isinstance(children, MappedTaskRun)
    assert_type(children[0], TaskRun)
    assert_type(children[1:], Sequence[TaskRun])
    assert_type(children.lane, tuple[int, ...])
    assert_type(children.state, State)
    assert_type(children.result(), list[Any])


def test_a_flow_in_a_flow_is_typed() -> None:
    """A flow called inside a flow gives what it returns, to be passed on."""

    @flow
    def outer(text: str) -> int:
        found = one(text)
        assert_type(found, int)
        return found

    assert len(outer.graph()) == 1


def test_a_trigger_is_any_function_of_states() -> None:
    """Triggers of the user's are typed by what they get."""

    def two_failed(states: dict[Edge, State]) -> bool:
        return sum(state.is_failed() for state in states.values()) == 2

    def with_wrong_states(states: int) -> bool:
        return bool(states)

    assert_type(length.with_options(trigger=some_failed(at_least=1)), Task[[str], int])
    length.with_options(trigger=two_failed)  # type: ignore[arg-type] # it gets a Mapping
    length.with_options(trigger=with_wrong_states)  # type: ignore[arg-type]

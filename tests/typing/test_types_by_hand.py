"""The types of flows by hand and of static parameters: mypy is the judge of this file."""

from collections.abc import Iterable
from typing import Any, assert_type

import pytest

from daskflow import (
    DefinitionError,
    Flow,
    FlowRun,
    LocalExecutor,
    Parameter,
    ParameterError,
    Static,
    Task,
    flow,
    task,
)


@task
def length(text: str) -> int:
    return len(text)


@task
def split(text: str) -> tuple[str, int]:
    return text, len(text)


class Repeat(Task[[str], str]):
    """A task of a class, with its types."""

    def __init__(self, times: int) -> None:
        super().__init__(retries=1)
        self.times = times

    def run(self, text: str) -> str:
        return text * self.times


class Bare(Task[..., Any]):
    """A task of a class, without."""

    def run(self, text: str) -> str:
        return text


@flow(executor=LocalExecutor())
def repeated(times: Static[int], text: str) -> str:
    for _ in range(times):
        text = Repeat(2)(text)
    return text


def test_a_flow_by_hand_takes_anything() -> None:
    """Its parameters are not known to the type checker; what it makes is."""
    f = Flow("f", executor=LocalExecutor(), block_size=2)
    assert_type(f, Flow[..., Any])
    assert_type(f.with_options(run_name="x"), Flow[..., Any])
    with f as entered:
        assert_type(entered, Flow[..., Any])
        text = Parameter("text", default="abc", annotation=str)
        assert_type(text, str)
        assert_type(Parameter("anything"), Any)
        assert_type(length(text), int)
    node = f.add_task(length, text, name="other")
    f.add_edge("length", node)
    f.set_returned({"length": node})
    assert_type(f.run(anything=1), FlowRun)
    assert f(anything=1) == {"length": 3}
    with pytest.raises(DefinitionError):
        Flow("g", executer=None)  # type: ignore[call-overload]
    with pytest.raises(DefinitionError):
        f.add_task(len)  # type: ignore[arg-type]


def test_classes_are_typed_where_they_say_so() -> None:
    """A class of `Task[[str], str]` takes a text and gives one."""
    assert_type(Repeat(2)("a"), str)
    assert_type(Bare()("a"), Any)
    assert_type(Repeat(2).with_options(retries=2)("a"), str)
    assert_type(Task(len)("a"), int)


def test_unpacking_keeps_the_types() -> None:
    """What an annotation says of a tuple's parts holds for its nodes."""

    @flow
    def case() -> list[int]:
        text, size = split("abc")
        assert_type(text, str)
        assert_type(size, int)
        assert_type(size + 1, int)
        return [size + 1, length(text)]

    assert len(case.graph()) == 6


def test_static_is_typed_as_its_value() -> None:
    """`Static[int]` is an int, where it is given and where it is used."""
    assert_type(repeated(2, "a"), str)
    assert repeated(2, "a") == "aaaa"
    assert repeated.graph(times=1).order() == ["Repeat"]
    with pytest.raises(ParameterError):
        repeated("many", "a")  # type: ignore[arg-type]

    def takes(values: Static[Iterable[int]] = ()) -> int:
        return sum(values)

    assert takes([1, 2]) == 3

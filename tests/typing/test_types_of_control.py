"""The types of branches and resources; mypy is the judge of this file."""

from typing import Any, assert_type

import pytest

from daskflow import (
    DefinitionError,
    case,
    flow,
    ifelse,
    merge,
    resource_manager,
    switch,
    tags,
    task,
)


@task
def one() -> int:
    return 1


@task
def text() -> str:
    return "a"


class FolderKind:
    def __init__(self, name: str, depth: int = 0) -> None:
        self.name, self.depth = name, depth

    def setup(self) -> str:
        return self.name

    def cleanup(self, folder: str) -> None:
        assert folder == self.name


class CountKind:
    def setup(self) -> int:
        return 1

    def cleanup(self, count: int, /) -> None:
        assert count == 1


# mypy takes a decorated class for the class itself, so here it is called
Folder = resource_manager(FolderKind)
Count = resource_manager(name="Count", setup={"retries": 1}, cleanup={"tags": ["late"]})(CountKind)


def test_branches_are_typed() -> None:
    """A merge gives what its branches give; what a switch gives is not known."""

    @flow
    def choose(p: str) -> int:
        with case(p, "a"), tags("x"):
            a = one()
        b = one()
        assert_type(merge(a, b), int)
        assert_type(switch(p, {"a": one, "b": text}), Any)
        assert_type(ifelse(p, a, b), Any)
        return merge(a, b)

    assert len(choose.graph()) > 0


def test_resources_are_typed() -> None:
    """A `with` gives what setup returns, and takes what the class takes."""
    with Folder("a", depth=2) as folder:
        assert_type(folder, str)
    with Count() as count:
        assert_type(count, int)
    with pytest.raises(TypeError), Folder(depth=2):  # type: ignore[call-arg]
        pass
    with pytest.raises(DefinitionError, match="retry="):
        resource_manager(setup={"retry": 1})(CountKind)  # type: ignore[call-overload]


def test_a_class_must_fit() -> None:
    """What cleanup takes is what setup returns."""

    class Wrong:
        def setup(self) -> str:
            return "a"

        def cleanup(self, count: int) -> None:
            raise NotImplementedError

    resource_manager(Wrong)  # type: ignore[misc] # not what setup returns

"""What a task run can learn of those it depends on; made when somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, overload

from daskflow.context import UpstreamRun
from daskflow.graph import Edge
from daskflow.states import State


class LazyStates(Mapping[Edge, State]):
    """The states of the upstream task runs, built when a trigger looks at the first of them."""

    def __init__(self, build: Callable[[], Mapping[Edge, State]]) -> None:
        self._build = build

    @cached_property
    def _states(self) -> Mapping[Edge, State]:
        return self._build()

    def __getitem__(self, edge: Edge) -> State:
        return self._states[edge]

    def __iter__(self) -> Iterator[Edge]:
        return iter(self._states)

    def __len__(self) -> int:
        return len(self._states)


class UpstreamRuns(Sequence[UpstreamRun]):
    """All upstream task runs with their states, built when a body looks at the first of them."""

    def __init__(self, build: Callable[[], Iterable[UpstreamRun]]) -> None:
        self._build = build

    @cached_property
    def _runs(self) -> tuple[UpstreamRun, ...]:
        return tuple(self._build())

    @overload
    def __getitem__(self, index: int) -> UpstreamRun: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[UpstreamRun]: ...
    def __getitem__(self, index: Any) -> Any:
        return self._runs[index]

    def __iter__(self) -> Iterator[UpstreamRun]:
        return iter(self._runs)  # by position an error in making them would look like their end

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        return repr(list(self._runs))

"""What is shown of a run while it goes on, whoever drives it: this process, or another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from daskflow.events import StateChanged
from daskflow.runtime.record import RunRecord
from daskflow.runtime.views import NodeProgress
from daskflow.states import State


class FollowedRun(Protocol):
    """A run that can be followed: a `FlowRun`, or a `WatchedRun`."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def flow_name(self) -> str:
        """The name of its flow."""

    @property
    def link(self) -> str:
        """The address of a page that shows what goes on; empty: none is known."""

    @property
    def state(self) -> State:
        """The state of the flow run."""

    @property
    def started_at(self) -> float:
        """The instant at which it began."""

    @property
    def ended_at(self) -> float | None:
        """The instant at which it ended; None: it has not."""

    @property
    def record(self) -> RunRecord:
        """All of its task runs."""

    def progress(self) -> Sequence[NodeProgress]:
        """Return how far each node is, in the order of the flow."""

    def events(self) -> Iterator[StateChanged]:
        """Iterate over what happened, and on until nothing more will."""

    def wait(self) -> Any:
        """Return when it has ended, or waits for a person."""

"""One task run on a worker: what the steps are given, and what they find out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from daskflow import context
from daskflow.caching import CacheKey
from daskflow.definition.nodes import NodeSpec
from daskflow.events import NOTHING_BEFORE, Before, Note
from daskflow.runtime.scopes import CancelScope
from daskflow.runtime.spec import RunSpec
from daskflow.runtime.tapes import Tape, open_tape, outbox
from daskflow.runtime.upstream import UpstreamRuns
from daskflow.runtime.wiring import Wire
from daskflow.signals import Signal
from daskflow.triggers import NO_UPSTREAM, Counts


@dataclass(eq=False)
class TaskRun:
    """One task run on its walk through the steps, and what they found out.

    What most of them never have is of the class until then, which makes them cheap.
    """

    spec: RunSpec
    node: NodeSpec
    wire: Wire
    position: int
    index: tuple[int, ...]
    is_local: bool  # whether the driver lives in this process
    codes: list[bytes]  # kinds of the states of all upstream task runs, in columns
    scope: CancelScope  # of its block
    before: Before = NOTHING_BEFORE  # what the bodies called so far have left
    counts: Counts = field(default=NO_UPSTREAM, init=False)  # of the upstream task runs
    # brings what the iteration begins with
    carry: Callable[[], Any] | None = field(default=None, init=False)
    loop_result: Any = field(default=None, init=False)  # what the iteration begins with
    started: float = field(default=0.0, init=False)  # instant; 0.0: the body was not started
    ended: float = field(default=0.0, init=False)
    value: Any = field(default=None, init=False)  # what a consumer gets
    size: int = field(default=0, init=False)  # bytes of the value, as far as anybody knows
    small: bytes | None = field(default=None, init=False)  # the value, pickled, where it is small
    note: Note | None = field(default=None, init=False)
    exception: BaseException | None = field(default=None, init=False)  # what the body raised
    signal: Signal | None = field(default=None, init=False)  # the same, where that was one
    # whether handlers and hooks have seen what became of it
    is_told: bool = field(default=False, init=False)
    # under what its result is found and kept
    cache: CacheKey | None = field(default=None, init=False)
    not_cached: str = field(default="", init=False)  # why its result is not kept, was it to be
    # takes what it logs; None: it has not logged anything
    tape: Tape | None = field(default=None, init=False)

    def remark(self, **fields: Any) -> None:
        """Add to what is worth saying of it."""
        self.note = (self.note or Note())._replace(**fields)

    def open_tape(self) -> Tape | None:
        """Return what takes the lines of this attempt; None: nobody would hear of them."""
        attempt = self.before.attempts, self.before.loops
        with outbox.opening:
            if self.tape is None or self.tape.attempt != attempt:
                self.tape = open_tape(self.spec, self.label(), attempt, self.tape)
            return self.tape

    def upstream(self) -> UpstreamRuns:
        """Return all that it depends on, for a body that asks."""
        return UpstreamRuns(lambda: self.wire.upstream(self.position))

    def label(self) -> str:
        """Return its name for people."""
        return context.run_label(self.node.name, self.index)

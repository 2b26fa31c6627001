"""One task run on a worker: what the steps are given, and what they find out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from daskflow import context
from daskflow.caching import CacheKey
from daskflow.definition.nodes import NodeSpec
from daskflow.events import NOTHING_BEFORE, Before, Note
from daskflow.runtime.scopes import CancelScope
from daskflow.runtime.spec import RunSpec
from daskflow.runtime.tapes import Tape, open_tape, outbox
from daskflow.runtime.wiring import Wire
from daskflow.signals import Signal
from daskflow.triggers import NO_UPSTREAM, Counts


@dataclass(slots=True)
class TaskRun:
    """One task run on its walk through the steps, and what they found out."""

    spec: RunSpec
    node: NodeSpec
    wire: Wire
    position: int
    index: tuple[int, ...]
    is_local: bool  # whether the driver lives in this process
    codes: list[bytes]  # kinds of the states of all upstream task runs, in columns
    scope: CancelScope  # of its block
    before: Before = NOTHING_BEFORE  # what the bodies called so far have left
    counts: Counts = NO_UPSTREAM  # of the upstream task runs
    carry: Callable[[], Any] = lambda: None  # brings what the iteration begins with
    loop_result: Any = None  # what the iteration begins with
    started: float = 0.0  # instant; 0.0: the body was not started
    ended: float = 0.0
    value: Any = None  # what a consumer gets
    size: int = 0  # bytes of the value, as far as anybody knows
    small: bytes | None = None  # the value, pickled, where it is small
    note: Note | None = None
    exception: BaseException | None = None  # what the body raised
    signal: Signal | None = None  # the same, where that was one
    is_told: bool = False  # whether handlers and hooks have seen what became of it
    cache: CacheKey | None = None  # under what its result is found and kept
    not_cached: str = ""  # why its result is not kept though it was to be
    tape: Tape | None = None  # takes what it logs; None: it has not logged anything

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

    def label(self) -> str:
        """Return its name for people."""
        return context.run_label(self.node.name, self.index)

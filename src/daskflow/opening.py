"""Opens what a run has on an executor; once more, where its scheduler was lost meanwhile.

A temporary cluster is started anew. A scheduler that was given by its address, or with a client or
a cluster, may come back there within a while. What a task called has its parent's cluster, and goes
down with it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from daskflow import context
from daskflow.errors import ExecutorError, SchedulerLostError
from daskflow.executors.base import Executor, PackedSpec, Session
from daskflow.executors.choice import choose_executor
from daskflow.executors.local import LocalExecutor
from daskflow.garbage import collected
from daskflow.runtime.code import OwnCode
from daskflow.runtime.driver import Assignment
from daskflow.runtime.nesting import executor_of_children
from daskflow.runtime.spec import RunSpec, own_code_by_value, pack_spec
from daskflow.settings import Settings
from daskflow.signals import RunInterrupted
from daskflow.timing import monotonic, watch

if TYPE_CHECKING:
    from daskflow.definition.flows import Flow

_LOOK_SECONDS = 0.2  # between two attempts to reach a scheduler
_log = logging.getLogger("daskflow")


@dataclass(frozen=True)
class Opener:
    """Opens sessions for one run."""

    flow: Flow[..., object]
    settings: Settings
    spec: RunSpec
    assignment: Assignment

    def open(self) -> Session:
        """Begin on the executor that is meant.

        Raises
        ------
        ExecutorError
            It cannot be reached, or refuses.
        """
        return _open(executor_of(self.flow, self.settings), self.spec, self.assignment)

    def again(
        self, lost: SchedulerLostError, is_over: Callable[[], bool]
    ) -> tuple[Session, Assignment]:
        """Begin anew where a scheduler was lost, under a name that no cluster knows yet.

        Parameters
        ----------
        is_over
            Whether nobody wants the run to go on any more.

        Raises
        ------
        SchedulerLostError
            There was none in time, or the last one was left on purpose.
        RunInterrupted
            It is over.
        """
        if self.spec.parents or lost.is_final:
            raise lost
        seconds = self.settings.engine.scheduler_timeout
        _log.warning("%s; the run goes on if there is one within %g s", lost, seconds)
        spec = replace(self.spec, session_id=f"{self.spec.run_id}{uuid.uuid4().hex[:8]}")
        code = OwnCode(spec.session)
        assignment = replace(self.assignment, run_id=spec.session, code=code, placed=frozenset())
        deadline = monotonic() + seconds
        while True:
            try:
                executor = executor_of(self.flow, self.settings)
                return _open(executor, spec, assignment), assignment
            except (ExecutorError, OSError, RuntimeError) as error:  # a client that is closing
                if monotonic() > deadline:
                    msg = f"{lost}, and within {seconds:g} s there was no other: {error}"
                    raise SchedulerLostError(msg) from error
            with collected():
                is_interrupted = watch(is_over, _LOOK_SECONDS)
            if is_interrupted:
                raise RunInterrupted


def _open(executor: Executor, spec: RunSpec, assignment: Assignment) -> Session:
    def pack(spec: RunSpec) -> PackedSpec:
        with own_code_by_value(assignment.functions):
            return pack_spec(spec, assignment.code)

    return executor.open(spec.session, spec, pack)


def executor_of(flow: Flow[..., object], settings: Settings) -> Executor:
    """Return where a flow runs; one that a task calls, where that task runs.

    What a flow names itself counts for child runs too. Settings do not: they would send a child
    elsewhere than its parent.
    """
    named: Executor | None = flow.options.get("executor")
    if context.get() is None:
        return named or choose_executor(settings)
    if isinstance(named, LocalExecutor):
        return named
    same = executor_of_children()  # asked in any case: the task waits for whatever cluster it is
    return named or same

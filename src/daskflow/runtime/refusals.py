"""Workers that cannot load a run's code: whatever they were given goes to others, if there are any.

They joined after the run had begun; those that were there before have been asked. A worker that
refuses is quick, so it would get one block after the other: from then on blocks are sent to those
that have not refused.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from daskflow.demands import Demand
from daskflow.errors import CodeMissingError
from daskflow.events import Report, Span
from daskflow.executors.base import Session
from daskflow.lowering.plan import Plan
from daskflow.runtime.record import RunRecord

_log = logging.getLogger("daskflow")


class Refusals:
    """Who has refused a run, and where its blocks may go."""

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self.unfit: set[str] = set()  # addresses of workers

    def fold(self, report: Report, session: Session) -> bool:
        """Open what a worker refused; return False where it stays: nobody else can run it."""
        if not report.error.startswith(CodeMissingError.MARK):
            return False
        if report.worker not in self.unfit:
            _log.warning("%s", report.error.removeprefix(CodeMissingError.MARK))
        self.unfit.add(report.worker)
        spans = self._record.in_flight.get(report.block, ())
        if self._names_workers(spans) or not self._fit(session):
            return False
        self._record.give_back(report.block)
        return True

    def _names_workers(self, spans: Iterable[Span]) -> bool:
        nodes = self._record.graph.nodes
        return any(nodes[name].task.rules.demand.workers for name, _, _ in spans)

    def _fit(self, session: Session) -> list[str]:
        """Return the workers that have not refused."""
        return [worker for worker in session.workers() if worker not in self.unfit]

    def demands(self, plan: Plan, session: Session) -> Mapping[Any, Demand]:
        """Return what the nodes of a plan demand: now to be where nobody has refused."""
        found = plan.demands()
        if self.unfit and (fit := tuple(self._fit(session))):
            for block in plan.blocks:
                if not block.demand.workers:
                    found[block.key] = block.demand._replace(workers=fit, is_wish=True)
        return found

"""The loop that drives a run: lower, submit, fold what comes back, lower again.

There is one mechanism. The first pass lowers what can run at once; every later pass, whatever made
it necessary (a length became known, a retry is due, a block gave task runs back or was lost), is
another call of `lower`. The driver's thread is the only one that changes the record. Nothing waits
on a thread or a worker's slot meanwhile: a task run that is Retrying exists only in the record.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from daskflow.definition.nodes import FlowGraph
from daskflow.demands import Demand
from daskflow.errors import DaskflowError
from daskflow.events import Report
from daskflow.executors.base import Session
from daskflow.garbage import collected, uncollected
from daskflow.lowering import AtHand, Plan, Target, lower
from daskflow.questions import Answerer, answer_nothing
from daskflow.runtime.code import OwnCode
from daskflow.runtime.given import Given
from daskflow.runtime.inputs import cut_piece
from daskflow.runtime.losses import Losses
from daskflow.runtime.record import RunRecord
from daskflow.runtime.refusals import Refusals
from daskflow.runtime.restoring import lost_runs, reopen
from daskflow.runtime.shim import run_block, unpack_literal, within_run
from daskflow.runtime.spec import own_code_by_value
from daskflow.runtime.uprooting import uproot
from daskflow.signals import RunInterrupted
from daskflow.timing import now, skip_to, stands_still

_FEW = 4  # blocks for each thread that are on the executor, however long they take
_GLIMPSE = 0.1  # seconds within which a throughput is no more than a guess
_QUICK = 0.005  # seconds of lowering that are worth no thought
_LEAVING = 0.01  # seconds in which a plan that was submitted is on its way
_REST = 3  # times as long as lowering took the driver does something else before it lowers again
_log = logging.getLogger("daskflow")
_LONGEST_WAIT = 0.2  # seconds after which the driver looks whether the user wants it to end


Order = Callable[[RunRecord], None]  # what somebody decided, to be carried out by the driver


@dataclass(frozen=True)
class Assignment:
    """What the driver has to get done."""

    run_id: str
    graph: FlowGraph
    literals: Mapping[str, Any]  # parameters and constants
    large: frozenset[str]  # those of them that do not travel with the spec
    block_size: int | None = None
    retry_window: float = 0.05  # seconds in which due retries are gathered
    functions: Sequence[Any] = ()  # whose own folder's code travels by value
    given: Given = field(default_factory=dict)  # states that are known before the start
    placed: frozenset[str] = frozenset()  # large literals that are on the executor already
    first_block: int = 1  # number of the first block that is still to be made
    code: OwnCode = field(default_factory=lambda: OwnCode(""))  # which modules those are
    answer: Answerer = answer_nothing  # to what task runs ask while they run
    window: int = 16  # blocks on the executor for each of its threads, to begin with
    block_seconds: float = 0.5  # how long a block may take
    grace: float = 2.0  # seconds in which bodies end that were cancelled


@dataclass(frozen=True)
class Contact:
    """Whom the driver listens to, and tells."""

    on_change: Callable[[], None] = lambda: None
    is_interrupted: Callable[[], bool] = lambda: False
    is_hurried: Callable[[], bool] = lambda: False  # whether the same was said once more
    may_submit: Callable[[], bool] = lambda: True  # whether what comes next can be kept
    orders: SimpleQueue[Order] = field(default_factory=SimpleQueue)


class Throughput:
    """How many blocks are reported in a second: as many as there were within the last one.

    Before a second is over since the first it is told by what there was so far.
    """

    def __init__(self) -> None:
        self.is_known = False  # whether a second is over since the first
        self._began: float | None = None
        self._seen: deque[tuple[float, int]] = deque()
        self._count = 0

    def note(self, count: int, instant: float) -> None:
        """Take in that so many were reported."""
        if count:
            self._began = instant if self._began is None else self._began
            self._seen.append((instant, count))
            self._count += count

    def per_second(self, instant: float) -> int:
        """Return how many there were."""
        while self._seen and self._seen[0][0] < instant - 1.0:
            self._count -= self._seen.popleft()[1]
            self.is_known = True
        if self.is_known or self._began is None:
            return self._count
        return int(self._count / max(_GLIMPSE, instant - self._began))


class Driver:
    """Drives one run on one session."""

    def __init__(
        self,
        job: Assignment,
        record: RunRecord,
        session: Session,
        contact: Contact | None = None,
    ) -> None:
        self.job = job
        self.record = record
        self.losses = Losses(record)
        self.refusals = Refusals(record)
        self.session = session
        self.contact = Contact() if contact is None else contact
        self.next_block = job.first_block  # number of the first one that is still to be made
        self._is_winding_down = False  # what is left is to be done though the run is cancelled
        self._placed = set(job.placed)  # large literals that are on the executor
        self._is_ripe = True  # whether something came that a task run waits for
        self._last_lowering = (0.0, 0.0)  # instants
        self._is_short = False  # whether there was no room for all that can run
        self._flow = Throughput()

    def move(self, session: Session, job: Assignment) -> None:
        """Go on in another session, under another name: all that was in this one is gone."""
        uproot(self.record)
        self.session, self.job = session, job
        self._placed = set(job.placed)
        self._is_short = False

    def drive(self) -> None:
        """Bring every task run to a finished state, or to where only a person helps.

        Raises
        ------
        RunInterrupted
            The run is cancelled; see `cancelling`.
        """
        self.session.answer_with(self.job.answer)
        self._obey()
        self._stop_if_told()
        with uncollected():
            self._lower()
            self._drive_on()

    def drive_on(self) -> None:
        """Bring to an end what is left of a run that is cancelled."""
        self._is_winding_down = True
        with uncollected():
            self._lower()
            self._drive_on()

    def _drive_on(self) -> None:
        while self.record.in_flight or self.record.next_due() is not None or self._is_held_up():
            reports = self._wait()
            for report in reports:
                self._is_ripe |= self.fold(report)
            self._flow.note(sum(not report.is_early for report in reports), now())
            self._is_ripe |= self._is_short and 2 * len(self.record.in_flight) <= self._window()
            if any(report.fate is not None for report in reports):
                self._repair()
            are_suspects = self.losses.clear()
            self._is_ripe |= are_suspects and not self.record.in_flight
            self._hear_complaints()
            self._wake()
            self._obey()
            self._stop_if_told()
            if self._is_ripe and self._may_lower():
                self._lower()
            if are_suspects and not self.losses.is_busy and self.contact.may_submit():
                self._try_suspects()
            self.session.release(self.record.holding.take_loose())
            self.contact.on_change()
        if not self.record.paused and (self.record.open or self.record.undecided):
            msg = f"{self.record.open} task runs can never start; this is a bug in daskflow"
            raise DaskflowError(msg)

    def _wait(self) -> list[Report]:
        """Return the reports that come within a while, in which the garbage collector may look.

        Where much was lowered that takes it some time, in which the thread that sends the plan does
        not get on either. So it may not before the plan has left.
        """
        began, ended = self._last_lowering
        if ended - began > _QUICK and now() < ended + _LEAVING:
            reports = self.session.wait(min(_LEAVING, self._patience()))
            if reports:
                return reports
        with collected():
            return self.session.wait(self._patience())

    def _stop_if_told(self) -> None:
        if self._is_winding_down:
            self.stop_if_told_twice()
        elif self.contact.is_interrupted():
            raise RunInterrupted

    def stop_if_told_twice(self) -> None:
        """Wait for nothing any more where the user wants that.

        Raises
        ------
        RunInterrupted
            That is so.
        """
        if self.contact.is_hurried():
            raise RunInterrupted

    def fold(self, report: Report) -> bool:
        """Take in a report; return whether there may be something more to lower."""
        if report.fate is not None:
            self.losses.fold(report.block, report.fate)
            return True
        if report.error and self.refusals.fold(report, self.session):
            return True
        return self.record.fold(report) or self.record.is_awaited(report)

    def _lower(self) -> None:
        """Lower what can run now, and submit it; not while nothing can be kept of it."""
        self._is_ripe = not self.contact.may_submit()
        if not self._is_ripe:
            self._make_plan({})

    def _try_suspects(self) -> None:
        """Let run what may be what a worker died of, as far as that can run now."""
        many = self.session.threads
        if homes := self.losses.charged(many, self._homes):
            self._make_plan(homes)
        if not self.record.in_flight and (homes := self.losses.set_apart(many, self._homes)):
            self._make_plan(homes)

    def _homes(self, demands: Sequence[Demand]) -> list[str]:
        """Return a worker for as many of these demands as have one of their own."""
        return self.session.homes(demands, self.refusals.unfit)

    def _make_plan(self, homes: Mapping[tuple[str, int], str]) -> None:
        """Lower what can run now, and submit it.

        Parameters
        ----------
        homes
            Suspects, and where they run; none: all else.
        """
        record, job = self.record, self.job
        began = now()
        at_hand = AtHand(
            job.literals,
            job.large,
            frozenset(self._placed),
            record.lengths,
            record.keys,
            record.workers,
            record.state,
            record.given,
        )
        target = Target(
            job.run_id,
            self.session.threads,
            1 if homes else job.block_size,
            self.next_block,
            max(1, self._window() - len(record.in_flight)),
            may_give_back=True,
            block_seconds=job.block_seconds,
            paces={task: pace.expected() for task, pace in record.paces.items()},
            light=frozenset(task for task, pace in record.paces.items() if pace.is_light()),
            homes=homes,
        )
        plan = lower(job.graph, record.known, at_hand, target)
        is_news = record.take_plan(plan)
        if homes:
            self.losses.sent(plan, homes)
        if plan.blocks:
            with self._with_code(plan):
                unpack = partial(within_run, job.run_id, unpack_literal)
                cut = partial(within_run, job.run_id, cut_piece)
                layer = plan.layer(run_block, unpack, cut)
            self._placed.update(plan.literals)
            # what others have begun comes before what only was no room for
            urgent = self.next_block != job.first_block and not self._is_short
            self.next_block += len(plan.blocks)
            self.session.submit(
                layer, urgent=urgent, demands=self.refusals.demands(plan, self.session)
            )
        self._is_short = plan.is_short
        self._last_lowering = (began, now())
        self.contact.on_change()
        if is_news:
            self._lower()

    @contextmanager
    def _with_code(self, plan: Plan) -> Iterator[None]:
        """Let the code of what a plan carries travel with it; looking for that takes a while."""
        if not plan.carries_values():
            yield
            return
        with own_code_by_value(self.job.functions), self.job.code.packing():
            yield

    def _window(self) -> int:
        """Return how many blocks may be on the executor: as many as it ends in a second or two.

        So whatever comes later, a retry or another run, does not wait for long.
        """
        threads, ended = self.session.threads, self._flow.per_second(now())
        least = _FEW if self._flow.is_known else self.job.window
        return max(least * threads, 2 * ended)

    def _may_lower(self) -> bool:
        """Return whether to lower now; where that takes long, reports are gathered first.

        So lowering takes a small share of the time, however wide the flow is and however many
        reports come. Where it is quick it is done at once, so that small flows run in order.
        """
        if self.losses.is_busy or not (self.record.open or self.record.undecided):
            return False
        began, ended = self._last_lowering
        took = ended - began
        is_dear = took > _QUICK and now() < ended + _REST * took
        return not (is_dear and self.record.in_flight)

    def _repair(self) -> None:
        """Let run again what had lost values and is still needed."""
        lost = list(lost_runs(self.record, self.record.kept))
        reopen(self.record, lost, "its value was lost with its worker: it runs again")
        self._is_ripe = True

    def _is_held_up(self) -> bool:
        """Return whether something could begin, but nothing can be kept of it just now."""
        return self._is_ripe and not self.contact.may_submit()

    def _obey(self) -> None:
        """Do what people have decided meanwhile."""
        with suppress(Empty):
            while True:
                self.contact.orders.get_nowait()(self.record)
                self._is_ripe = True

    def _hear_complaints(self) -> None:
        """Tell, in the record and in the log, which tasks wait for a worker that is not there."""
        for complaint in self.session.complaints():
            name = self.record.complain(complaint)
            if name is not None:
                _log.warning("%s waits: %s", name, complaint.message)

    def _patience(self) -> float:
        """Return how long to wait for reports: until the next retries are gathered."""
        at = self._next_wake()
        if at is not None and not self.record.in_flight:
            skip_to(at)
        left = _LONGEST_WAIT if at is None else at - now()
        return min(max(0.0, left), _LONGEST_WAIT)

    def _next_wake(self) -> float | None:
        """Return the instant at which retries are opened: all that are due by then together."""
        due = self.record.next_due()
        if due is None:
            return None
        return due + (0.0 if stands_still() else self.job.retry_window)

    def _wake(self) -> None:
        """Open the retries that are due, a window's worth at a time."""
        at = self._next_wake()
        instant = now()
        if at is not None and at <= instant:
            self.record.wake(instant)
            self._is_ripe = True

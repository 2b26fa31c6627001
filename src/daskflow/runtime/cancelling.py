"""How a run ends that is cancelled: nothing more is begun, and what did finish counts.

What is in no block is Cancelled at once. Blocks are told to begin nothing more and to interrupt
their bodies; what they have done meanwhile is taken in as ever, for a grace. A body that is still
at work then, in C or on a worker that does not answer, is left to itself, and its outcome unknown.
What cleans up behind a setup that succeeded is not cancelled: it is waited for where it runs, and
run where it did not begin, in blocks of its own, however long that takes.
"""

from __future__ import annotations

from collections.abc import Callable

from daskflow.garbage import collected
from daskflow.runtime.driver import Driver
from daskflow.runtime.record import RunRecord
from daskflow.runtime.resources import is_to_clean_up, setups_of
from daskflow.states import CANCELLED, FINISHED, WAITING, Pending
from daskflow.timing import monotonic

_LOOK_SECONDS = 0.1  # at most, between looks whether to wait on
_UNKNOWN = "its outcome is unknown, for it still ran"


def is_too_late(record: RunRecord) -> bool:
    """Return whether all had finished before anything of a run was cancelled."""
    return record.is_finished() and not any(n.tally().get(CANCELLED) for n in record.nodes.values())


def wind_down(driver: Driver, why: str) -> None:
    """Cancel what is left of a run.

    Parameters
    ----------
    why
        The message of what was cancelled.

    Raises
    ------
    RunInterrupted
        Whoever cancelled it does not want to wait.
    """
    if not driver.record.is_finished():
        _Winding(driver, why).down()


class _Winding:
    """The end of one run."""

    def __init__(self, driver: Driver, why: str) -> None:
        self.driver, self.record, self.why = driver, driver.record, why
        self.setups = setups_of(self.record.graph)

    def down(self) -> None:
        """Bring every task run to an end."""
        self.driver.session.cancel(self.driver.next_block)
        self._cancel_open()
        due = monotonic() + self.driver.job.grace
        self._hear_while(lambda: monotonic() < due)
        for block in [number for number in self.record.in_flight if not self._cleans(number)]:
            self.record.abandon(block, f"{self.why}; {_UNKNOWN}")
        self._hear_while(lambda: True)
        self._cancel_open()
        if not self.record.is_finished():
            self.driver.drive_on()

    def _hear_while(self, is_time: Callable[[], bool]) -> None:
        """Take in what blocks tell, until all have told, or it is time for something else."""
        record, driver = self.record, self.driver
        while record.in_flight and is_time():
            driver.stop_if_told_twice()
            with collected():
                reports = driver.session.wait(_LOOK_SECONDS)
            for report in reports:
                driver.fold(report)
            if reports:
                self._cancel_open()
            driver.session.release(record.holding.take_loose())
            driver.contact.on_change()

    def _cancel_open(self) -> None:
        """Cancel what is in no block, but what is to clean up."""
        record = self.record
        record.cancel_undecided(self.why)
        for name, node in record.nodes.items():
            if all(code in FINISHED for code in set(node.codes)):
                continue
            for position, code in enumerate(node.codes):
                if code in _OPEN and not self._is_kept(name, position):
                    record.cancel(name, position, self.why)

    def _is_kept(self, name: str, position: int) -> bool:
        """Return whether a task run cleans up behind a setup that succeeded, or still may."""
        setup = self.setups.get(name)
        return setup is not None and is_to_clean_up(self.record, setup, position)

    def _cleans(self, block: int) -> bool:
        """Return whether a block is at something that cleans up: all else it has given back."""
        spans = self.record.in_flight[block]
        return any(
            name in self.setups and any(self.record.owned_ranges(name, block, start, stop))
            for name, start, stop in spans
        )


_OPEN = WAITING | {Pending.code}  # in no block

"""What waits in the tracker for one client, until it asks for it. Lives on the scheduler's loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from daskflow.events import Begun, Span
from daskflow.executors.linebox import LineBox, Told
from daskflow.executors.wire import Asked

_LINES_SECONDS = 0.1  # that lines wait for something else to be told along with


class RawReport(NamedTuple):
    """What is told of a block, as it travels."""

    run_id: str
    block: int
    worker: str
    segments: bytes = b""
    error: str = ""
    is_origin: bool = True
    is_early: bool = False  # it goes on
    given_back: tuple[Span, ...] = ()  # early: what it will not begin
    begun: Begun | None = None  # early: what takes long
    fate: tuple[Any, ...] | None = None  # how it was lost


RawComplaint = tuple[str, int, str]  # run, block, message


@dataclass(slots=True)
class Mailbox:
    """The reports for one client, from oldest to newest.

    And the complaints, the questions, the lines, and who looks at runs, which are told only once.
    """

    first: int = 1  # number of the oldest report that is kept
    reports: list[RawReport] = field(default_factory=list)
    complaints: list[RawComplaint] = field(default_factory=list)
    questions: dict[int, Asked] = field(default_factory=dict)  # by their numbers
    looks: dict[str, int] = field(default_factory=dict)  # at runs, with the versions known there
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)  # there are questions
    answered: float = 0.0  # when its client was last given some, by the loop's clock
    lines: LineBox = field(default_factory=LineBox)
    waking: asyncio.TimerHandle | None = None  # lines wait, but not for longer than this
    are_lines_due: bool = False

    def put(self, report: RawReport) -> None:
        """Take in a report; it is kept until the client has acknowledged it."""
        self.reports.append(report)
        self.arrived.set()

    def complain(self, complaint: RawComplaint) -> None:
        """Take in a complaint."""
        self.complaints.append(complaint)
        self.arrived.set()

    def ask(self, question: Asked) -> Callable[[], None]:
        """Take in a question; return what takes it out again if it was not read yet."""
        self.questions[question.number] = question
        self.asked.set()
        self.arrived.set()
        return lambda: self._forget(question.number)

    def put_lines(self, run_id: str, data: bytes, count: int) -> None:
        """Take in a batch of so many lines; it goes with what comes next, or soon by itself."""
        self.lines.put(run_id, data, count)
        if self.waking is None:
            loop = asyncio.get_running_loop()
            self.waking = loop.call_later(_LINES_SECONDS, self._wake_for_lines)

    def _wake_for_lines(self) -> None:
        self.are_lines_due = True
        self.arrived.set()

    def look(self, run_id: str, version: int) -> None:
        """Take in that somebody looks at a run, whose history is known up to a version."""
        self.looks[run_id] = version
        self.arrived.set()

    def take_once(self) -> tuple[list[RawComplaint], list[Asked], list[Told], dict[str, int]]:
        """Return the complaints, questions, lines and looks, which are not kept."""
        complaints, self.complaints = self.complaints, []
        questions, self.questions = list(self.questions.values()), {}
        looks, self.looks = self.looks, {}
        self.are_lines_due = False
        if self.waking is not None:
            self.waking.cancel()
            self.waking = None
        self._settle()
        return complaints, questions, self.lines.take(), looks

    def drop_until(self, seen: int) -> int:
        """Forget the reports up to a number; return how many those were."""
        done = max(0, seen + 1 - self.first)
        del self.reports[:done]
        self.first += done
        self._settle()
        return done

    def _forget(self, number: int) -> None:
        if self.questions.pop(number, None) is not None:
            self._settle()

    def _settle(self) -> None:
        if not self.questions:
            self.asked.clear()
        is_due = self.questions or self.are_lines_due or self.looks
        if not self.reports and not self.complaints and not is_due:
            self.arrived.clear()

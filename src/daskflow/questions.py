"""What a task run asks the driver of its run while it is on a worker, and what it is told.

A question is a frozen value of one of the classes here; its class says what the answer is. On the
way it is opaque bytes: the Dask scheduler that passes it on never opens it, and what of the user's
is in it is bytes already, so that the driver does not unpickle it either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from daskflow.caching import CacheEntry

A = TypeVar("A")

ASK_SECONDS = 30.0  # in which an answer has to be there


class Question(Generic[A]):
    """The root of all questions; `A` is what the answer is."""

    __slots__ = ()


# Called with each question of a run, from whichever thread; what it raises is told to the asker.
Answerer = Callable[[Question[Any]], Any]


@dataclass(frozen=True, slots=True)
class CacheLookup(Question[CacheEntry | None]):
    """Is there a result under this key? None: there is not."""

    key: str


@dataclass(frozen=True, slots=True)
class CacheWrite(Question[None]):
    """Will you keep this result? The answer comes when it can be found."""

    key: str
    value: bytes  # pickled
    digests: Mapping[str, str]
    task: str  # name of the task
    made_by: str  # id of the task run
    lasts: float | None = None  # seconds for which it can be found; None: without end

    def entry(self, instant: float) -> CacheEntry:
        """Return what is to be kept from an instant on; one clock, the driver's, is read for it."""
        expires = None if self.lasts is None else instant + self.lasts
        return CacheEntry(
            self.key, self.value, self.digests, self.task, self.made_by, instant, expires
        )


def answer_nothing(question: Question[Any]) -> Any:
    """Refuse every question: what a run answers that was given nothing to answer with."""
    msg = f"nobody answers a {type(question).__name__} here"
    raise LookupError(msg)

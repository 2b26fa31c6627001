"""Orders: what somebody wants of a run that another process drives, left in the run's store.

Whoever drives the run looks for them a few times a second, carries them out or says why not, and
writes down what became of each. `mark` is what makes that cheap: it is asked, and only where it has
changed the orders are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Wish(StrEnum):
    """What is wanted."""

    CANCEL = "cancel"  # the run ends as Cancelled
    APPROVE = "approve"  # what waits for a person goes on
    REJECT = "reject"  # what waits for a person fails


@dataclass(frozen=True, slots=True)
class OrderRow:
    """What somebody wants of a run."""

    run_id: str
    wish: Wish
    user: str = ""  # who, and from which process
    host: str = ""
    pid: int = 0
    at: float = 0.0  # instant
    task: str = ""  # node or node[index]; empty: all that waits
    message: str = ""  # for people: why
    number: int = 0  # greater than those of all orders that came before; 0: not given yet
    answer: str | None = None  # what became of it; None: nothing yet
    is_done: bool = False  # whether it was carried out

    @property
    def by(self) -> str:
        """Who gave it, for people."""
        return f"{self.user}@{self.host}, process {self.pid}"


class Orders(Protocol):
    """The orders of a store. Used by several threads at a time."""

    def give(self, order: OrderRow, op_id: str) -> int:
        """Take in an order and return its number; the same once more changes nothing.

        Raises
        ------
        UnknownRunError
            There is no such run.
        StoreBusyError
            It cannot be written now.
        """

    def of(self, run_id: str, behind: int = 0) -> list[OrderRow]:
        """Return the orders for a run, behind a number, in the order in which they came."""

    def answer(self, number: int, told: str, *, is_done: bool) -> bool:
        """Write down what became of an order; return False where that was done before."""

    def mark(self, run_id: str) -> int:
        """Return what changes whenever an order is given for a run that is driven; costs little."""

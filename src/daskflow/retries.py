"""Whether a failed attempt is followed by another, and when. A pure decision.

``retries=n`` allows n + 1 attempts. The delay before the next one is a number, a list (its last
entry repeats), or a function of the attempt that failed; `jitter` adds up to that share of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from daskflow.timing import as_seconds

Delay = float | timedelta
Delays = Delay | Sequence[Delay] | Callable[[int], Delay]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, after what, for which exceptions."""

    retries: int = 0
    delay: Delays = 0.0  # seconds
    jitter: float = 0.0  # share of the delay that may be added, 0.5: up to half of it more
    on: tuple[type[BaseException], ...] = ()  # only these; empty: all
    condition: Callable[[BaseException], Any] | None = None  # asked last

    def wants(self, attempt: int, exception: BaseException) -> bool:
        """Return whether the attempt that ended with this exception is followed by another."""
        if attempt > self.retries or (self.on and not isinstance(exception, self.on)):
            return False
        return self.condition is None or bool(self.condition(exception))

    def delay_after(self, attempt: int, roll: float) -> float:
        """Return the seconds to wait after the attempt (from 1); `roll` is a draw from [0, 1)."""
        delay: Any = self.delay
        if callable(delay):
            delay = delay(attempt)
        elif isinstance(delay, Sequence):
            delay = delay[min(attempt, len(delay)) - 1] if delay else 0.0
        return max(0.0, as_seconds(delay)) * (1.0 + self.jitter * roll)

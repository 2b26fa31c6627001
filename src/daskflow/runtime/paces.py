"""How long task runs of a task take, and whether their values are small, as far as that was seen.

Blocks are cut by it, and sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from daskflow.states import Success

_OVERHEAD = 20e-6  # seconds that the shim takes for a task run
_SLOW = 1.0  # seconds that a task run is taken to need, of which only is known that it takes long


@dataclass(slots=True)
class Pace:
    """Sums over the bodies of one task that were seen to end."""

    seconds: float = 0.0
    bodies: int = 0
    is_slow: bool = False  # one was seen to take longer than a block may
    is_heavy: bool = False  # one was seen whose value was too large for its report

    def note(self, started: Sequence[float], ended: Sequence[float]) -> None:
        """Take in the instants at which bodies were started, and ended; 0.0: there was none."""
        self.seconds += sum(ended) - sum(started)
        self.bodies += len(started)

    def note_values(self, codes: Sequence[int], smalls: Sequence[bytes | None]) -> None:
        """Take in how bodies ended, and the small values; none, where they all came whole."""
        if not smalls:
            self.is_heavy = True
        elif not self.is_heavy and None in smalls:
            self.is_heavy = (Success.code, None) in zip(codes, smalls, strict=True)

    def note_slow(self) -> None:
        """Take in that a body has been running for long."""
        self.is_slow = True

    def expected(self) -> float:
        """Return the seconds that one is expected to take; 0.0: nobody knows."""
        if self.bodies:
            return max(0.0, self.seconds / self.bodies) + _OVERHEAD
        return _SLOW if self.is_slow else 0.0

    def is_light(self) -> bool:
        """Return whether bodies were seen, and all that came of them was small."""
        return self.bodies > 0 and not self.is_heavy

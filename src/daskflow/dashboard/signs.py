"""How states are told apart at a glance: by symbol, by pattern and by colour, on either ground.

The seventeen kinds fall into ten *looks*. Two looks never differ by colour alone: each has its
symbol where there is text, its pattern where there are areas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from daskflow.states import KINDS, State

Ground = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Look:
    """How states of one or several kinds look."""

    name: str  # class of its elements
    symbol: str  # one letter that common fonts have
    light: str  # colour on a light ground
    dark: str  # on a dark one
    pattern: str = " "  # of areas, by Bokeh's letters

    @property
    def has_pattern(self) -> bool:
        """Whether there is anything to be drawn on its areas."""
        return self.pattern != " "

    def colour(self, ground: Ground) -> str:
        """Return its colour on a ground."""
        return self.dark if ground == "dark" else self.light


FAILED = Look("failed", "✕", "#c8323c", "#ff7b7b", "x")
CRASHED = Look("crashed", "↯", "#8e1f5c", "#ff8cc6", "+")
CANCELLED = Look("cancelled", "■", "#7a5195", "#c9a2ea", "`")
PAUSED = Look("paused", "‖", "#1668a8", "#74b9f5", "|")
RETRYING = Look("retrying", "↻", "#b4690e", "#f2b053", "/")
RUNNING = Look("running", "►", "#0f7fa3", "#56c7ea", ">")
SUCCESS = Look("success", "✓", "#2a7d4f", "#5fce93")
CACHED = Look("cached", "≡", "#3f8f8a", "#6fd0c8", "-")
SKIPPED = Look("skipped", "»", "#77818c", "#9aa6b2", ".")
WAITING = Look("waiting", "○", "#c3cad2", "#4c5763")

LOOKS = (  # in the order of a bar, from left to right; what waits is its end
    SUCCESS,
    CACHED,
    SKIPPED,
    FAILED,
    CRASHED,
    CANCELLED,
    PAUSED,
    RETRYING,
    RUNNING,
    WAITING,
)
_OF_KIND: Mapping[str, Look] = {
    "Pending": WAITING,
    "Scheduled": WAITING,
    "Retrying": RETRYING,
    "Paused": PAUSED,
    "AwaitingSlot": WAITING,
    "Running": RUNNING,
    "Cancelling": CANCELLED,
    "Looped": RUNNING,
    "Success": SUCCESS,
    "Cached": CACHED,
    "Skipped": SKIPPED,
    "Mapped": SUCCESS,
    "Failed": FAILED,
    "TriggerFailed": FAILED,
    "TimedOut": FAILED,
    "Crashed": CRASHED,
    "Cancelled": CANCELLED,
}
_SYMBOLS = {"TriggerFailed": "⊘", "TimedOut": "◷", "Mapped": "▤", "Cancelling": "□"}
LOOK_NUMBERS = bytes(LOOKS.index(_OF_KIND[kind.__name__]) for kind in KINDS)  # by code of a kind


def look_of(kind: str) -> Look:
    """Return how states of a kind look, by its name."""
    return _OF_KIND[kind]


def symbol_of(kind: str) -> str:
    """Return the symbol of a kind of state, by its name.

    Examples
    --------
    >>> symbol_of("Failed"), symbol_of("TriggerFailed")
    ('✕', '⊘')
    """
    return _SYMBOLS.get(kind, _OF_KIND[kind].symbol)


def kind_of(state: State) -> str:
    """Return the name of a state's kind."""
    return type(state).__name__


def shares_of(counts: Mapping[str, int]) -> dict[str, int]:
    """Return numbers by look, of numbers by kind, in the order of a bar.

    Examples
    --------
    >>> shares_of({"Failed": 1, "Success": 3, "TimedOut": 2, "Cached": 0})
    {'success': 3, 'failed': 3}
    """
    found = dict.fromkeys((look.name for look in LOOKS), 0)
    for kind, number in counts.items():
        found[_OF_KIND[kind].name] += number
    return {name: number for name, number in found.items() if number}

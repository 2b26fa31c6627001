"""The colours of figures, which no style sheet reaches: for a light page, and for a dark one."""

from __future__ import annotations

from dataclasses import dataclass

from daskflow.dashboard.signs import LOOKS, Ground


@dataclass(frozen=True, slots=True)
class Colours:
    """What figures are drawn with on one ground."""

    ink: str
    pale: str
    line: str
    sheet: str
    frame: str
    looks: dict[str, str]  # by name


def _looks(ground: Ground) -> dict[str, str]:
    return {look.name: look.colour(ground) for look in LOOKS}


COLOURS: dict[Ground, Colours] = {
    "light": Colours("#1f2933", "#5c6773", "#8894a0", "#ffffff", "#f1f3f5", _looks("light")),
    "dark": Colours("#e4e8ec", "#9aa6b2", "#6b7783", "#1c2127", "#20262d", _looks("dark")),
}

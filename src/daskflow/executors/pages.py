"""What shows runs to people in the scheduler's dashboard, as far as the tracker has to do with it.

The pages are rooms above this one, and need Bokeh, which a scheduler may be without. So the tracker
travels to the scheduler with no more than the name of their room, and looks there what it can open.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from distributed import Scheduler

ROOM = "daskflow.dashboard.mounting"  # has `open_pages`
_log = logging.getLogger("daskflow")

Look = Callable[[str, str, int], None]  # told client, run and version: who looks wants what is new


class Pages(Protocol):
    """Pages about the runs of a scheduler's clients. Used on the scheduler's event loop."""

    link: str  # path of a run's page behind that of the dashboard, with ``{run_id}`` in it

    def summary(self, client: str, told: Mapping[str, Any]) -> None:
        """Take in what is known of a run now."""

    def history(
        self, client: str, run_id: str, told: Mapping[str, Any]
    ) -> tuple[int, dict[str, int]]:
        """Take in a piece of a run's history; return what more of it is wanted.

        That is up to where it is known, -1 where that is enough, and of which task runs the lines
        are wanted, behind which versions.
        """

    def lines(self, client: str, run_id: str, told: Mapping[str, Any]) -> None:
        """Take in what a task run has logged."""

    def left(self, client: str) -> None:
        """Note that a client is gone."""

    def close(self) -> None:
        """Take the pages away."""


def open_pages(scheduler: Scheduler, protocol: str, look: Look) -> Pages | None:
    """Put the pages into a scheduler's dashboard; None: it has none, or they cannot be shown.

    Parameters
    ----------
    protocol
        By which clients tell of their runs; of several each has pages of its own.
    """
    try:
        room = importlib.import_module(ROOM)
    except ImportError as error:
        _log.debug("no Flows page in the dashboard: %s", error)
        return None
    pages: Pages | None = room.open_pages(scheduler, protocol, look)
    return pages

"""A run on the screen while it goes on: live rows in a terminal, plain lines elsewhere.

Thin: `rows` decides what is shown. In a terminal `rich` keeps the rows below whatever tasks print,
for all that this process prints goes through it meanwhile, and what the temporary cluster prints
is printed by this process.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from daskflow.cli.followed import FollowedRun
from daskflow.cli.rows import (
    EventLines,
    Row,
    clock_text,
    fit_rows,
    rows_of,
    stopwatch_text,
    sum_of,
    total_line,
)
from daskflow.events import StateChanged
from daskflow.timing import now

_STYLES = {
    "success": "green",
    "skipped": "cyan",
    "failed": "red",
    "cancelled": "magenta",
    "retrying": "yellow",
    "paused": "blue",
    "rest": "bright_black",
}
_BAR = 16  # cells
_AROUND = 5  # lines of the live display that are no task's, and one that stays free
_PLAIN_WIDTH = 120  # columns, where no terminal says how many there are
_FIRST_LINE, _LAST_LINE = 10.0, 300.0  # seconds between lines that tell the progress: they double


def make_console() -> Console:
    """Return the console for standard output; without a terminal it writes no codes at all."""
    if sys.stdout.isatty():
        return Console()
    width = int(os.environ.get("COLUMNS") or _PLAIN_WIDTH)
    return Console(force_terminal=False, color_system=None, width=width)


class Display(Protocol):
    """Shows a run while it goes on; a context manager, so that the screen is always given back."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def follow(self, run: FollowedRun) -> None:
        """Show the run until it has ended."""


def make_display(console: Console, flow: str, since: float = 0.0) -> Display:
    """Return the display that suits the console: live in a terminal, else plain.

    Parameters
    ----------
    since
        Instant from which on it is told what happens; what was before a resume was told then.
    """
    is_live = console.is_terminal and not console.is_dumb_terminal
    return LiveDisplay(console, flow) if is_live else PlainDisplay(console, since=since)


class LiveDisplay:
    """Rows that move: one for each task, refreshed four times a second."""

    def __init__(self, console: Console, flow: str) -> None:
        self._console = console
        self._flow = flow
        self._began = now()
        self._run: FollowedRun | None = None
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=4,
            transient=True,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def follow(self, run: FollowedRun) -> None:
        """Show the run until it has ended."""
        self._run = run
        run.wait()

    def _render(self) -> RenderableType:
        run = self._run
        if run is None:
            return Text(
                f"{self._flow}: starting  {stopwatch_text(now() - self._began)}", style="dim"
            )
        rows = rows_of(run.progress())
        shown, others = fit_rows(rows, max(3, self._console.height - _AROUND))
        return Group(
            _header(run),
            _moving_table(shown, sum_of(rows)),
            *([Text(others, "dim")] if others else []),
        )


def _header(run: FollowedRun) -> RenderableType:
    text = Text.assemble(
        (f"{run.flow_name} / {run.name}", "bold"), f"  {stopwatch_text(now() - run.started_at)}"
    )
    if run.link:
        text.append("\ndashboard: ", "dim")
        text.append(run.link, f"dim link {run.link}")
    return text


def _moving_table(rows: list[Row], total: Row) -> Table:
    table = _table()
    table.add_column(max_width=30)
    table.add_column(width=_BAR)
    table.add_column(justify="right")
    table.add_column(ratio=1)
    for row in rows:
        table.add_row(
            row.name, _bar(row), row.progress, _states(row), style="" if row.done else "dim"
        )
    table.add_row("", "", total.progress, _states(total), style="bold")
    return table


def _table() -> Table:
    """Return a table whose rows take a line each, however narrow the screen."""
    return Table(box=None, padding=(0, 2, 0, 0), show_header=False)


def _bar(row: Row) -> Text:
    pieces = ((share, "─" if share == "rest" else "━", cells) for share, cells in row.bar(_BAR))
    return Text.assemble(*((mark * cells, _STYLES[share]) for share, mark, cells in pieces))


def _states(row: Row) -> Text:
    return Text(row.states, no_wrap=True, overflow="ellipsis")


class PlainDisplay:
    """Lines: what is unhappy when it happens, and now and then how far the run is."""

    def __init__(self, console: Console, first: float = _FIRST_LINE, since: float = 0.0) -> None:
        self._console = console
        self._since = since  # what happened before this instant is not told
        self._first = first  # seconds until the first line that tells the progress

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        sys.stdout.flush()

    def follow(self, run: FollowedRun) -> None:
        """Show the run until it has ended."""
        link = f", dashboard: {run.link}" if run.link else ""
        self._say(f"{clock_text(run.started_at)} {run.flow_name} / {run.name} started{link}")
        lines = EventLines(run.name)
        step, next_at = self._first, run.started_at + self._first
        for event in news_of(run, tick=0.5):
            is_new = event is not None and event.at >= self._since
            line = lines.line(event) if event is not None and is_new else None
            if line is not None:
                self._say(line)
            if now() >= next_at:
                so_far = total_line(rows_of(run.progress()), now() - run.started_at)
                self._say(f"{clock_text(now())} {so_far}")
                step = min(2 * step, _LAST_LINE)
                next_at = now() + step
        for line in lines.rest():
            self._say(line)

    def _say(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)
        sys.stdout.flush()


def news_of(run: FollowedRun, tick: float) -> Iterator[StateChanged | None]:
    """Iterate over a run's events until it has ended, with None whenever `tick` seconds pass."""
    news: SimpleQueue[StateChanged | Exception | None] = SimpleQueue()

    def bring() -> None:
        try:
            for event in run.events():
                news.put(event)
            news.put(None)
        except Exception as error:  # noqa: BLE001 - raised to who iterates
            news.put(error)

    threading.Thread(target=bring, name="daskflow-events", daemon=True).start()
    while True:
        try:
            event = news.get(timeout=tick)
        except Empty:
            yield None
            continue
        if event is None:
            return
        if isinstance(event, Exception):
            raise event
        yield event

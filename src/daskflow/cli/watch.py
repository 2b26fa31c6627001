"""The command ``daskflow watch``: a run that another process drives, shown while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import click

from daskflow.cli.exits import Exit
from daskflow.cli.reading import (
    RUN_HELP,
    Way,
    answers,
    handle_of,
    line_of_json,
    open_store,
    run_argument,
)

if TYPE_CHECKING:  # imported when a run is watched: they need rich, or the engine
    from daskflow.history.watching import WatchedRun
    from daskflow.lines import LogLine

_HELP = f"""\
Show a run while it goes on in another process, as `daskflow run` shows it, and what it logs.

It ends with the run, or when that waits for a person or has lost its driver; of a run that has
ended the end is shown. Ctrl-C ends the watching and leaves the run alone.
{RUN_HELP}

\b
JSON, a document a line: each event as in `daskflow events`, then the fields of `daskflow show`.

\b
Examples:
  daskflow watch last
  daskflow watch brisk-otter && echo done
"""
_EPILOG = """\b
Exit codes:
  0  the run succeeded
  1  usage or engine error, or Ctrl-C: the run goes on
  2  the run failed, or lost its driver
  3  the run was cancelled
  4  the run waits for a person's approval"""


@click.command(help=_HELP, short_help="Show a run that goes on elsewhere.", epilog=_EPILOG)
@run_argument
@answers
def watch(way: Way, *, run: str) -> int:
    """Show a run while it goes on in another process."""
    from daskflow.cli.exits import exit_of
    from daskflow.history.watching import WatchedRun

    store = open_store()
    names: dict[str, str] = {}
    watched = WatchedRun(store, run, None if way.is_json else _hearing(names))
    names.update(flow_name=watched.flow_name, run_id=watched.row.id, run_name=watched.name)
    handle = handle_of(store, watched.row.id, watched.name)
    try:
        (_tell if way.is_json else _show)(watched, handle)
    except KeyboardInterrupt:
        click.echo(_left(watched, handle), err=True)
        return Exit.ERROR
    return exit_of(watched.state)


def _hearing(names: Mapping[str, str]) -> Callable[[LogLine], None]:
    """Return what shows a line that a task run has logged, as where its run is driven.

    Parameters
    ----------
    names
        Of the run.
    """
    from daskflow.logs import show
    from daskflow.settings import Settings

    return partial(show, names=names, threshold=Settings().logging.threshold)


def _show(watched: WatchedRun, handle: str) -> None:
    """Show a run until it is over, then what became of it."""
    from daskflow.cli.display import make_console, make_display
    from daskflow.cli.outcome import steps_after
    from daskflow.cli.summary import print_end

    console = make_console()
    if not watched.is_over:
        with make_display(console, watched.flow_name) as display:
            display.follow(watched)
    steps = steps_after(watched.record, watched.state, handle, is_explained=True)
    print_end(console, watched, steps)


def _tell(watched: WatchedRun, handle: str) -> None:
    """Print a run's events as they come, and in the end all that there is to tell of it."""
    from daskflow.cli.overview import show_fields
    from daskflow.cli.told import event_fields

    for event in watched.events():
        click.echo(line_of_json(event_fields(event)))
    click.echo(line_of_json(show_fields(watched.read(), handle)))


def _left(watched: WatchedRun, handle: str) -> str:
    """Return what is told to who watches no more."""
    from daskflow.cli.summary import how_far_is

    whose = f"{watched.flow_name} / {watched.name}"
    how_far = how_far_is(watched)
    return f"\n{whose} goes on, {how_far}; to see more of it: daskflow watch {handle}"

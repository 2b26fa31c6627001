"""The command ``daskflow gc``: forget runs that are old, and their results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from daskflow.cli.reading import Way, open_store, print_json, print_rows, reads
from daskflow.wording import many

if TYPE_CHECKING:
    from daskflow.stores.history import RunRow

_HELP = """\
Forget runs that ended long ago, and remove their results.

The newest runs of each flow stay, and so do runs that somebody drives or that wait for a person,
and results that a cache refers to. A run that a task called goes with the run of that task.

\b
JSON: {"store": URL, "is_dry_run", "forgotten": [the fields of a run in `daskflow ls`],
  "files": NUMBER (null in a dry run)}

\b
Example:
  daskflow gc --older-than 90d --keep-last 20 --dry-run
"""


@click.command(help=_HELP)
@click.option(
    "--older-than",
    default="90d",
    show_default=True,
    metavar="SPAN",
    help="Runs that ended so long ago: 90d, 12h, or before a date.",
)
@click.option(
    "--keep-last",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="So many runs of each flow stay, however old.",
)
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Only list what would be forgotten.")
@reads
def gc(way: Way, *, older_than: str, keep_last: int, is_dry_run: bool) -> None:
    """Forget runs that ended long ago."""
    from daskflow.cli.times import instant_of
    from daskflow.history.forgetting import Rule, forget, forgettable
    from daskflow.persisting import storage_of
    from daskflow.settings import Settings
    from daskflow.timing import now

    store, settings = open_store(), Settings()
    before = instant_of(older_than, "--older-than", now(), is_utc=way.is_utc)
    rule = Rule(before, keep_last)
    rows = forgettable(store.runs(), rule, lambda row: store.holder(row.id) is not None)
    files = 0
    if not is_dry_run:
        folders = {row.id: storage_of(settings, store, row.id).url for row in rows}
        counts = {row.id: forget(store, row, folders[row.id]) for row in rows}
        rows = [row for row in rows if counts[row.id] is not None]
        files = sum(count or 0 for count in counts.values())
    _print(way, store.url, rows, None if is_dry_run else files)


def _print(way: Way, url: str, rows: list[RunRow], files: int | None) -> None:
    """Print what was forgotten, or would be where no number of files is given."""
    from daskflow.cli.told import kind_text, run_fields
    from daskflow.history.reading import seen_state

    states = [(row, seen_state(row, is_held=False)) for row in rows]
    if way.is_json:
        told = [run_fields(*one) for one in states]
        print_json({"store": url, "is_dry_run": files is None, "forgotten": told, "files": files})
        return
    cells = [
        (row.name, row.flow_name, kind_text(state), way.time(row.ended), row.id[:8])
        for row, state in states
    ]
    if cells:
        print_rows(["run", "flow", "state", "ended", "id"], cells)
    done = "would be" if files is None else "were" if len(rows) != 1 else "was"
    more = f", with {many(files, 'file')} of results" if files else ""
    click.echo(f"{many(len(rows), 'run')} {done} forgotten{more}")

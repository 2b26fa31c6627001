"""The command ``daskflow ls``: the runs of a store, the newest first."""

from __future__ import annotations

from typing import Any

import click

from daskflow.cli.reading import Way, open_store, print_json, print_rows, reads

_HELP = """\
List runs, the newest first.

A run that says it goes on though nobody drives it is listed as Crashed (driver lost):
`daskflow resume` lets it go on.

\b
JSON: {"store": URL, "runs": [{"id", "name", "flow", "state", "message", "reason", "created",
  "started", "ended", "seconds", "tags", "user", "host", "pid", "target", "folder", "parent",
  "caller"}]}

\b
Examples:
  daskflow ls --state Failed --since 2d
  daskflow ls --flow etl --tag nightly --output json
"""


@click.command(help=_HELP)
@click.option("--flow", metavar="NAME", help="Only runs of this flow.")
@click.option("--state", metavar="KIND", help="Only runs in this state: Success, Failed, ...")
@click.option("--tag", metavar="TAG", help="Only runs with this tag.")
@click.option("--since", metavar="WHEN", help="Only runs made since: 2d, 12h, 30min, or a date.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    metavar="N",
    help="So many at most.",
)
@reads
def ls(way: Way, **asked: Any) -> None:
    """List runs, the newest first."""
    from daskflow.cli.display import make_console
    from daskflow.cli.listing import Asked, columns_of, list_runs, row_of
    from daskflow.cli.told import run_fields
    from daskflow.resuming import nothing_in
    from daskflow.timing import now

    store, instant = open_store(), now()
    found = list_runs(store, Asked(**asked), instant, is_utc=way.is_utc)
    if way.is_json:
        print_json({"store": store.url, "runs": [run_fields(*one) for one in found]})
    elif found:
        columns = columns_of(found, make_console().width)
        print_rows(columns, [row_of(one, columns, way, instant) for one in found], ["took"])
    else:
        has_any = bool(store.runs(_first()))
        click.echo(f"no such runs in {store.url}" if has_any else nothing_in(store))


def _first() -> Any:
    from daskflow.stores.history import Wanted

    return Wanted(limit=1)

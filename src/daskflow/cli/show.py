"""The command ``daskflow show``: what became of a run, and what to do next."""

from __future__ import annotations

import click

from daskflow.cli.reading import (
    RUN_HELP,
    Way,
    handle_of,
    open_store,
    print_json,
    reads,
    run_argument,
)

_HELP = f"""\
Show a run: its state, its tasks, what was retried, skipped, failed, what waits, and what to do
next.

{RUN_HELP}

\b
JSON: the fields of a run in `daskflow ls`, and
  "driver": who drives it, or null
  "nodes": [{{"node", "total" (null: not known yet), "counts": {{STATE: NUMBER}}, "seconds"}}]
  "failures", "waiting": [{{"task_run", "node", "index", "state", "message", "reason"}}]
  "next": [{{"command", "why"}}]

\b
Example:
  daskflow show last
"""


@click.command(help=_HELP, short_help="Show what became of a run, and what to do next.")
@run_argument
@reads
def show(way: Way, *, run: str) -> None:
    """Show a run: its state, its tasks, what failed, and what to do next."""
    from daskflow.cli.overview import print_run, show_fields
    from daskflow.history.reading import read_run, run_name

    store = open_store()
    found = read_run(store, run)
    handle = handle_of(store, found.row.id, found.row.name)
    if way.is_json:
        print_json(show_fields(found, handle))
    else:
        parent = found.row.parent
        print_run(found, handle, way, parent and (run_name(store, parent) or parent))

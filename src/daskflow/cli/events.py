"""The command ``daskflow events``: what happened in a run, in order."""

from __future__ import annotations

from dataclasses import replace

import click

from daskflow.cli.reading import (
    RUN_HELP,
    Way,
    open_store,
    print_json,
    print_rows,
    reads,
    run_argument,
)

_HELP = f"""\
Tell what happened in a run, in order.

The states of the flow run, and of its task runs whatever was not happy: retried, skipped, failed,
cached, paused, given by somebody. What just ran and succeeded is counted in `daskflow show`.
{RUN_HELP}

\b
JSON: {{"run": ID, "name": NAME, "events": [{{"at", "who", "state", "message", "reason"}}]}}

\b
Example:
  daskflow events last
"""


@click.command(help=_HELP)
@run_argument
@reads
def events(way: Way, *, run: str) -> None:
    """Tell what happened in a run, in order."""
    from daskflow.cli.told import event_fields, kind_text
    from daskflow.history.reading import names_in, read_run, with_names

    store = open_store()
    read, name_of = read_run(store, run), names_in(store)
    events = read.record.events
    found = [replace(event, state=with_names(event.state, name_of)) for event in events]
    if way.is_json:
        told = [*map(event_fields, found)]
        print_json({"run": read.row.id, "name": read.row.name, "events": told})
        return
    rows = [(way.time(e.at), e.name, kind_text(e.state), e.state.message) for e in found]
    print_rows(["at", "who", "state", "message"], rows)

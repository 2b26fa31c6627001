"""The command ``daskflow audit``: whether what is kept of runs can be true."""

from __future__ import annotations

import click

from daskflow.cli.exits import Exit
from daskflow.cli.reading import RUN_HELP, Way, open_store, print_json, print_rows, reads
from daskflow.wording import many

_HELP = f"""\
Check that what is kept of one run, or of all, can be true.

The history has no gap, each state may follow the one before it, no task run was accepted twice, no
driver wrote after a newer one, every signature fits, and every durable result is there and is what
was written. Nothing is changed, and nothing unpickled.
{RUN_HELP}

\b
JSON: {{"store": URL, "runs": NUMBER, "findings": [{{"run": ID, "name": NAME, "where", "told",
  "version" (of the entry; null)}}]}}
"""
_EPILOG = """\b
Exit codes:
  0  nothing was found
  1  something was, or it could not be looked at"""


@click.command(
    help=_HELP, short_help="Check that what is kept of runs can be true.", epilog=_EPILOG
)
@click.argument("run", required=False)
@reads
def audit(way: Way, *, run: str | None) -> int:
    """Check that what is kept of runs can be true."""
    from dataclasses import asdict

    from daskflow.history.auditing import audit_run
    from daskflow.persisting import storage_of
    from daskflow.resuming import find_run
    from daskflow.settings import Settings

    store, settings = open_store(), Settings()
    wanted = [row.id for row in store.runs()] if run is None else [find_run(store, run).id]
    rows = [store.run(run_id) for run_id in wanted]
    found = [
        (row, finding)
        for row in rows
        for finding in audit_run(store, row, storage_of(settings, store, row.id).check)
    ]
    if way.is_json:
        told = [{"run": row.id, "name": row.name, **asdict(one)} for row, one in found]
        print_json({"store": store.url, "runs": len(rows), "findings": told})
    elif found:
        columns = ["run", "id", "where", "entry", "found"]
        lines = [
            (row.name, row.id[:8], one.where, str(one.version or "-"), one.told)
            for row, one in found
        ]
        print_rows(columns, lines, ["entry"])
    else:
        click.echo(f"{store.url}: {many(len(rows), 'run')}, nothing found")
    return Exit.ERROR if found else Exit.SUCCESS

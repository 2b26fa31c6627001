"""The commands ``daskflow db``: about the database itself."""

from __future__ import annotations

import click

from daskflow.cli.exits import Exit
from daskflow.cli.reading import Way, print_json, print_rows, reads

_CHECK = """\
Check the database: where it lies, who may read it, its tables, its pages.

It is only read, so runs may go on meanwhile. What is wrong is told with its cure.

\b
JSON: {"store": URL, "checks": [{"what", "found", "is_well", "cure"}]}
"""
_EPILOG = """\b
Exit codes:
  0  all is well
  1  something is not"""


@click.group(help="Look after the database in which runs are kept.")
def db() -> None:
    """Look after the database in which runs are kept."""


@db.command(help=_CHECK, epilog=_EPILOG)
@reads
def check(way: Way) -> int:
    """Check the database."""
    from daskflow.settings import Settings
    from daskflow.stores.checkup import check_file
    from daskflow.stores.choice import file_of, key_file_of, url_of

    settings = Settings()
    url = url_of(settings)
    if url.startswith("memory:"):
        click.echo(f"{url} is in the memory of each process: there is no database to check")
        return Exit.SUCCESS
    file = file_of(url)
    key = key_file_of(file, settings.results) if settings.results.key is None else None
    found = list(check_file(file, key))
    if way.is_json:
        checks = [
            {"what": c.what, "found": c.found, "is_well": c.is_well, "cure": c.cure} for c in found
        ]
        print_json({"store": url, "checks": checks})
    else:
        rows = [(c.what, "well" if c.is_well else "WRONG", c.found, c.cure) for c in found]
        print_rows(["", "", "found", "cure"], rows)
    return Exit.SUCCESS if all(c.is_well for c in found) else Exit.ERROR

"""The command ``daskflow``: for the terminal what `Flow.run` is in Python.

The group and the way out stand here. Each command has a room; `arguments` reads what was typed
behind ``run``, `reading` what all commands share that read a store, `rows`, `told` and the like
decide what is shown, `display` and `summary` show it. Libraries are imported when a command needs
them, so that ``daskflow version`` and ``--help`` answer at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from daskflow.cli.approve import approve, reject
from daskflow.cli.audit import audit
from daskflow.cli.cancel import cancel
from daskflow.cli.dashboard import dashboard
from daskflow.cli.db import db
from daskflow.cli.debug import debug
from daskflow.cli.doctor import doctor
from daskflow.cli.events import events
from daskflow.cli.exits import EXIT_CODES, Exit
from daskflow.cli.gc import gc
from daskflow.cli.graph import graph
from daskflow.cli.logs import logs
from daskflow.cli.ls import ls
from daskflow.cli.resume import rerun, resume
from daskflow.cli.run import run
from daskflow.cli.show import show
from daskflow.cli.watch import watch
from daskflow.cli.why import why

__all__ = ["Exit", "group", "main"]


_HELP = """\
Run flows of Python functions on Dask, and know what became of every task.

\b
Example:
  daskflow run etl.py:etl --param limit=100
"""


@click.group(
    name="daskflow",
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)
@click.version_option(package_name="daskflow", message="daskflow %(version)s")
def group() -> None:
    """Run flows of Python functions on Dask, and know what became of every task."""


@group.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as version_of

    click.echo(f"daskflow {version_of('daskflow')}")


for command in (
    run,
    graph,
    ls,
    show,
    events,
    watch,
    logs,
    why,
    dashboard,
    audit,
    gc,
    db,
    resume,
    rerun,
    cancel,
    approve,
    reject,
    debug,
    doctor,
):
    group.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments
        What stands behind ``daskflow``; None: what the process was started with.
    """
    code = _answer(arguments)
    if code == Exit.CANCELLED:
        _leave_at_once(code)
    return code


def _answer(arguments: Sequence[str] | None) -> int:
    try:
        return int(group.main(arguments, prog_name="daskflow", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return Exit.ERROR
    except click.Abort:
        click.echo("Interrupted.", err=True)
        return Exit.CANCELLED


def _leave_at_once(code: int) -> None:
    """End this process and its cluster without waiting for the tasks that still run."""
    try:
        sys.stdout.flush()
        temporary = sys.modules.get("daskflow.executors.temporary")
        if temporary is not None:
            temporary.kill()
    finally:
        os._exit(code)

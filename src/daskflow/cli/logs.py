"""The command ``daskflow logs``: what the task runs of a run have logged and printed."""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from daskflow.cli.reading import RUN_HELP, Way, open_store, print_json, reads, run_argument

if TYPE_CHECKING:
    from daskflow.lines import LogLine

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_COLOURS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}

_NOTHING = (
    "no lines. What a task logs is kept; what it prints is kept with log_prints=True, of the task "
    "or its flow, or with DASKFLOW_LOGGING__PRINTS=true."
)

_HELP = f"""\
Show what the task runs of a run have logged, and printed where that is logged.

What a task prints is logged where the task, or its flow, has log_prints=True.

Of a task run that logs much the first lines are kept and the last ones, also of an attempt whose
worker was lost; a line tells how many there were between. {RUN_HELP} TASK is a task of it, or one
task run: clean, clean[3].

\b
JSON: {{"run": ID, "name": NAME, "lines": [{{"at", "level", "task_run", "attempt", "worker",
  "logger", "number" (of the line in its attempt), "message",
  "dropped" (not 0: it stands for so many lines)}}]}}; with --follow a line each, by itself

\b
Examples:
  daskflow logs last --task 'clean[3]'
  daskflow logs brisk-otter -f --level warning
"""


@click.command(help=_HELP)
@run_argument
@click.option("-f", "--follow", is_flag=True, help="Show what comes, until the run has ended.")
@click.option("--task", metavar="TASK", help="Only of this task, NODE or NODE[INDEX].")
@click.option(
    "--level",
    type=click.Choice(LEVELS, case_sensitive=False),
    help="Only from this level on. Default: all that was let through.",
)
@reads
def logs(way: Way, *, run: str, follow: bool, task: str | None, level: str | None) -> None:
    """Show what the task runs of a run have logged."""
    from daskflow.history.following import Follower, check_task
    from daskflow.resuming import find_run

    store = open_store()
    row = find_run(store, run)
    check_task(row, task)
    lowest = logging.getLevelNamesMapping()[level.upper()] if level is not None else 0
    follower = Follower(store, row.id, task, lowest)
    if way.is_json and not follow:
        told = [line_fields(line) for line in follower.look()]
        print_json({"run": row.id, "name": row.name, "lines": told})
        return
    is_any = False
    try:
        for lines in follower.follow() if follow else [follower.look()]:
            for line in lines:
                is_any = True
                click.echo(json.dumps(line_fields(line)) if way.is_json else shown(line, way))
        if not is_any and not way.is_json:
            click.echo(_NOTHING, err=True)
    except BrokenPipeError:  # who reads it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        if not follow:
            raise


def line_fields(line: LogLine) -> dict[str, Any]:
    """Return a line as JSON."""
    from daskflow.history.reading import when

    return {
        "at": when(line.at),
        "level": logging.getLevelName(line.level),
        "task_run": line.task_run,
        "attempt": line.attempt,
        "worker": line.worker,
        "logger": line.logger,
        "number": line.number,
        "message": line.message,
        "dropped": line.dropped,
    }


def shown(line: LogLine, way: Way) -> str:
    """Return a line for people: ``2013-03-17 12:03:04 INFO clean[3] attempt 2 | text``."""
    level = logging.getLevelName(line.level)
    told = click.style(level, fg=_COLOURS[level]) if level in _COLOURS else level
    who = f"{line.task_run} attempt {line.attempt} | " if line.task_run else "| "
    text = click.style(line.message, dim=True) if line.dropped else line.message
    return f"{way.moment(line.at)} {told} {who}{text}"

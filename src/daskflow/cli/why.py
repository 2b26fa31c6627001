"""The command ``daskflow why``: the way from a task run's state to its first cause."""

from __future__ import annotations

import click

from daskflow.cli.reading import RUN_HELP, Way, open_store, print_json, reads, run_argument

_HELP = f"""\
Tell why a task run is in the state it is in, down to the first cause.

Whatever the state: failed, not started, skipped, waiting, cached, or why it was not cached.
{RUN_HELP} TASK is a task of it, or one task run: clean, clean[3]; without one it is
told of what failed first, or waits.

\b
JSON: {{"run": ID, "name": NAME, "task_run": NAME, "reasons": [{{"who", "state", "message",
  "reason", "attempt", "worker", "due" (null), "told": [LINE]}}], "next": [{{"command", "why"}}]}}

\b
Examples:
  daskflow why last
  daskflow why last 'clean[3]'
"""


@click.command(help=_HELP, short_help="Tell why a task run is in its state.")
@run_argument
@click.argument("task", required=False)
@reads
def why(way: Way, *, run: str, task: str | None) -> None:
    """Tell why a task run is in the state it is in."""
    from daskflow.cli.reasons import Story, print_story, story_fields
    from daskflow.history.reading import find_task, first_unhappy, read_run

    store = open_store()
    found = read_run(store, run)
    wanted = first_unhappy(found) if task is None else task
    story = Story.of(store, found, *find_task(found.record, wanted))
    if way.is_json:
        print_json(story_fields(story))
    else:
        print_story(story, way)

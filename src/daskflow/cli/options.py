"""Options that several commands have: where a flow is to run, and how much an error tells."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import reduce
from typing import Any

import click

from daskflow.errors import DaskflowError

_PLACE = (
    click.option(
        "--executor",
        type=click.Choice(["local", "threads", "dask"]),
        help="Where to run: one task at a time in this process, in its threads, or on Dask. "
        "Default: what the flow or DASKFLOW_EXECUTOR says, else dask.",
    ),
    click.option(
        "--address",
        metavar="ADDRESS",
        help="A Dask scheduler, tcp://HOST:PORT. Default: a temporary cluster on this machine.",
    ),
    click.option(
        "--scheduler-file",
        metavar="FILE",
        help="The same, by the file that `dask scheduler --scheduler-file FILE` wrote.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        metavar="N",
        help="Worker processes of the temporary cluster (default: one for each core), "
        "or threads with --executor threads (default: 4).",
    ),
    click.option(
        "--threads-per-worker",
        type=click.IntRange(min=1),
        metavar="N",
        help="Threads in each worker process (default: 1).",
    ),
    click.option(
        "--cluster-class",
        metavar="NAME",
        help="What makes a Dask cluster for this run, by its dotted name: "
        "distributed.LocalCluster, dask_jobqueue.SLURMCluster, ... It is closed in the end.",
    ),
    click.option(
        "--cluster-kwargs",
        metavar="JSON|@FILE",
        help="What the class is called with: names and values as JSON, "
        "or from a .json or .toml file.",
    ),
    click.option(
        "--adapt",
        metavar="MIN:MAX",
        help="Let that cluster grow and shrink between so many workers, as there is work.",
    ),
    click.option("--verbose", is_flag=True, help="Show the traceback of an error."),
)


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say where a flow is to run, and ``--verbose``.

    They are the fields of `arguments.Place`.
    """
    return reduce(lambda made, option: option(made), reversed(_PLACE), command)


def carried_out(order: Callable[[], int], *, verbose: bool) -> int:
    """Carry out an order; one readable message tells of what ended it.

    Raises
    ------
    click.ClickException
        It could not be carried out.
    """
    try:
        return order()
    except Exception as error:
        if verbose:
            traceback.print_exc()
        raise click.ClickException(message_of(error)) from error


def message_of(error: Exception) -> str:
    """Return one readable message of what ended a command."""
    if isinstance(error, DaskflowError):
        return str(error)
    if message := message_of_settings(error):
        return message
    return f"{type(error).__name__}: {error}\n(--verbose shows where this comes from)"


def message_of_settings(error: Exception) -> str:
    """Return what is wrong with the settings; empty where an error tells of something else."""
    if not isinstance(error, ValueError):
        return ""
    from daskflow.diagnosis.configured import why_unreadable

    found = why_unreadable(error)
    return "; ".join(f"the settings: {one.found}: {one.cure}" for one in found)

"""The command ``daskflow run``: find the flow, run it, show it, tell by a code how it ended."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from daskflow.cli.arguments import Place, executor_of, read_parameters
from daskflow.cli.exits import EXIT_CODES, Exit, exit_of
from daskflow.errors import DaskflowError, ParameterError
from daskflow.targets import load_flow
from daskflow.timing import now

if TYPE_CHECKING:  # imported when a run begins: they need rich and Dask
    from rich.console import Console

    from daskflow.flows import Flow


@dataclass(frozen=True)
class Order:
    """What was asked for on the command line."""

    target: str
    parameters: tuple[str, ...]
    parameters_file: str | None
    place: Place


_HELP = """\
Run a flow and show how each of its tasks is getting on.

TARGET is FILE.py:flow or module:flow. Where there is only one flow, ":flow" may be left out.

\b
Examples:
  daskflow run etl.py:etl --param limit=100 --param days='["2013-01-01"]'
  daskflow run reports.nightly --params-file tonight.toml --workers 4
  daskflow run etl.py --cluster-class dask_jobqueue.SLURMCluster \\
      --cluster-kwargs @slurm.json --adapt 0:20
"""


@click.command(help=_HELP, epilog=EXIT_CODES)
@click.argument("target")
@click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the flow, as JSON or plain text. May be given many times.",
)
@click.option(
    "--params-file",
    metavar="FILE",
    help="Parameters from a .json or .toml file, or as JSON from standard input (-).",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "threads", "dask"]),
    help="Where to run: one task at a time in this process, in its threads, or on Dask. "
    "Default: what the flow or DASKFLOW_EXECUTOR says, else dask.",
)
@click.option(
    "--address",
    metavar="ADDRESS",
    help="A Dask scheduler, tcp://HOST:PORT. Default: a temporary cluster on this machine.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Worker processes of the temporary cluster (default: one for each core), "
    "or threads with --executor threads (default: 4).",
)
@click.option(
    "--threads-per-worker",
    type=click.IntRange(min=1),
    metavar="N",
    help="Threads in each worker process (default: 1).",
)
@click.option(
    "--cluster-class",
    metavar="NAME",
    help="What makes a Dask cluster for this run, by its dotted name: distributed.LocalCluster, "
    "dask_jobqueue.SLURMCluster, ... It is closed in the end.",
)
@click.option(
    "--cluster-kwargs",
    metavar="JSON|@FILE",
    help="What the class is called with: names and values as JSON, or from a .json or .toml file.",
)
@click.option(
    "--adapt",
    metavar="MIN:MAX",
    help="Let that cluster grow and shrink between so many workers, as there is work.",
)
@click.option("--verbose", is_flag=True, help="Show the traceback of an error.")
def run(
    *,
    target: str,
    params: tuple[str, ...],
    params_file: str | None,
    verbose: bool,
    **place: Any,
) -> int:
    """Run a flow and show how each of its tasks is getting on."""
    try:
        return carry_out(Order(target, params, params_file, Place(**place)))
    except Exception as error:
        if verbose:
            traceback.print_exc()
        raise click.ClickException(message_of(error)) from error


def carry_out(order: Order) -> int:
    """Run the flow and return the exit code.

    Raises
    ------
    DaskflowError
        Nothing could be run.
    """
    flow = load_flow(order.target)
    parameters = read_parameters(flow.signature, order.parameters, order.parameters_file)
    try:
        flow.signature.bind((), parameters)  # before a cluster is started for nothing
    except ParameterError as error:
        msg = f"{error}\nGive parameters as --param NAME=VALUE, or in a file: --params-file FILE."
        raise ParameterError(msg) from error
    executor = executor_of(order.place)
    if executor is not None:
        flow = flow.with_options(executor=executor)

    from daskflow.cli.display import make_console

    return _run_shown(flow, parameters, make_console())


def _run_shown(flow: Flow[..., Any], parameters: dict[str, Any], console: Console) -> int:
    from daskflow.cli.display import make_display
    from daskflow.cli.summary import print_interrupted, print_summary

    began, flow_run = now(), None
    try:
        with make_display(console, flow.name) as display:
            flow_run = flow.submit(**parameters)
            display.follow(flow_run)
    except KeyboardInterrupt:
        print_interrupted(console, flow_run, began)
        return Exit.CANCELLED
    print_summary(console, flow_run)
    return exit_of(flow_run.state)


def message_of(error: Exception) -> str:
    """Return one readable message of what ended a command."""
    if isinstance(error, DaskflowError):
        return str(error)
    return f"{type(error).__name__}: {error}\n(--verbose shows where this comes from)"

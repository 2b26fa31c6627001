"""The command ``daskflow run``: find the flow, run it, show it, tell by a code how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from daskflow.cli.arguments import Place, executor_of, read_parameters
from daskflow.cli.driving import run_shown
from daskflow.cli.exits import EXIT_CODES
from daskflow.cli.options import carried_out, place_options
from daskflow.errors import ParameterError
from daskflow.targets import load_flow


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
@place_options
def run(
    *,
    target: str,
    params: tuple[str, ...],
    params_file: str | None,
    verbose: bool,
    **place: Any,
) -> int:
    """Run a flow and show how each of its tasks is getting on."""
    order = Order(target, params, params_file, Place(**place))
    return carried_out(lambda: carry_out(order), verbose=verbose)


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

    return run_shown(lambda: flow.submit(**parameters), flow.name)

"""The command ``daskflow graph``: draw a flow, or look for what is wrong with it before it runs."""

from __future__ import annotations

import sys
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import click

from daskflow.cli.exits import Exit
from daskflow.cli.options import message_of
from daskflow.drawing.drawing import FORMATS, format_of
from daskflow.targets import load_flow

if TYPE_CHECKING:
    from daskflow.definition.flows import Flow

_WIDTH = 100  # of lines that no terminal shows

_HELP = """\
Draw a flow, or check it before it runs. No task is run.

TARGET is FILE.py:flow or module:flow. Where there is only one flow, ":flow" may be left out.

\b
Examples:
  daskflow graph etl.py:etl
  daskflow graph etl.py:etl --output etl.svg
  daskflow graph etl.py:etl --check
"""
_EPILOG = """\b
Exit codes:
  0  drawn; with --check: no error was found
  1  usage error, or the flow does not import
  2  --check found an error"""


@click.command(help=_HELP, epilog=_EPILOG)
@click.argument("target")
@click.option(
    "--format",
    "shown_as",
    type=click.Choice(FORMATS),
    help="Default: what the suffix of --output says, else text.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write the drawing to a file: .txt, .mmd (Mermaid), .dot (Graphviz) or .svg.",
)
@click.option(
    "--check",
    "is_check",
    is_flag=True,
    help="Instead, say what cannot be pickled or hashed, what is missing, and what never runs.",
)
def graph(target: str, shown_as: str | None, output: str | None, is_check: bool) -> int:
    """Draw a flow, or check it before it runs."""
    try:
        flow = load_flow(target)
        if shown_as or output or not is_check:
            _draw(flow, shown_as, output)
        return _check(flow, is_aside=bool(shown_as and not output)) if is_check else Exit.SUCCESS
    except Exception as error:
        raise click.ClickException(message_of(error)) from error


def _draw(flow: Flow[..., Any], shown_as: str | None, output: str | None) -> None:
    shown_as = shown_as or (format_of(output) if output else "text")
    drawing = flow.visualize(format=shown_as)
    if output:
        drawing.save(output)
    else:
        width = get_terminal_size((_WIDTH, 24)).columns if sys.stdout.isatty() else _WIDTH
        click.echo(drawing.render(shown_as, width))


def _check(flow: Flow[..., Any], *, is_aside: bool) -> int:
    """Print what a check finds, beside a drawing on standard error; return the exit code."""
    from daskflow.checking import Level, check

    findings = check(flow)
    for finding in findings:
        click.echo(str(finding), err=is_aside)
    errors = sum(finding.level is Level.ERROR for finding in findings)
    if not findings:
        click.echo(f"{flow.name}: no problems found", err=is_aside)
    return Exit.FAILED if errors else Exit.SUCCESS

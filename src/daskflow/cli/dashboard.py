"""The command ``daskflow dashboard``: the Flows pages over a store, without any cluster."""

from __future__ import annotations

from collections.abc import Callable
from errno import EADDRINUSE
from pathlib import Path

import click

from daskflow.cli.exits import Exit
from daskflow.errors import DaskflowError

_PORT = 8788  # the one beside that of the Dask dashboard
_HELP = """\
Show runs in a browser: those that go on and those that have ended, whoever drives them.

The pages only read, never run your code and never unpickle anything. They listen on 127.0.0.1 and
have no passwords: who can reach another --host can read them. Ctrl-C ends the server.

\b
Examples:
  daskflow dashboard
  daskflow dashboard --store sqlite:////data/runs.db --port 9000
"""


@click.command(help=_HELP, short_help="Show runs in a browser.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=_PORT,
    show_default=True,
    metavar="N",
    help="The port to listen on; 0: any that is free.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--allow-host",
    "names",
    multiple=True,
    metavar="NAME",
    help="A name by which browsers may ask for it, beside localhost; may be repeated.",
)
@click.option("--store", metavar="URL", help="Its URL, or a file; default: as settings say.")
def dashboard(port: int, host: str, names: tuple[str, ...], store: str | None) -> int:
    """Show runs in a browser."""
    from daskflow.settings import Settings
    from daskflow.stores.choice import choose_store

    serve = _serve()
    try:
        where = Path(store) if store is not None and "://" not in store else store
        serve(choose_store(where, Settings()), host, port, names, _tell)
    except KeyboardInterrupt:
        click.echo("Ended.", err=True)
    except OSError as error:
        cure = "; --port 0 takes one that is free" if error.errno == EADDRINUSE else ""
        msg = f"cannot listen on {host}, port {port}: {error.strerror or error}{cure}"
        raise click.ClickException(msg) from error
    except DaskflowError as error:
        raise click.ClickException(str(error)) from error
    return Exit.SUCCESS


def _serve() -> Callable[..., None]:
    """Return what serves; Bokeh is needed for it."""
    try:
        from daskflow.dashboard.serving import serve
    except ModuleNotFoundError as error:
        msg = f"the pages need {error.name}: pip install 'daskflow[dashboard]'"
        raise click.ClickException(msg) from error
    return serve


def _tell(url: str) -> None:
    click.echo(f"Flows are shown at {url} (Ctrl-C ends that)")

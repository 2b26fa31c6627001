"""What all commands share that read a store: which one, how it is shown, what goes wrong."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal

import click

from daskflow.cli.exits import Exit
from daskflow.cli.options import message_of_settings
from daskflow.errors import DaskflowError

if TYPE_CHECKING:  # imported when a command is carried out: they need rich, or the engine
    from rich.console import Console
    from rich.text import Text

    from daskflow.stores.history import RunReader, RunStore


@dataclass(frozen=True)
class Way:
    """How what was read is shown."""

    is_json: bool = False
    is_utc: bool = False

    def time(self, instant: float | None) -> str:
        """Return an instant for people."""
        from daskflow.cli.times import person_time

        return person_time(instant, is_utc=self.is_utc)

    def moment(self, instant: float) -> str:
        """Return an instant in short, for lines of which there are many: without the offset."""
        from daskflow.timing import as_datetime

        moment = as_datetime(instant)
        return f"{moment if self.is_utc else moment.astimezone():%Y-%m-%d %H:%M:%S}"


def reads(function: Callable[..., int | None]) -> Callable[..., int]:
    """Let a command be asked how to show what it reads; what goes wrong is one line.

    The function is called with a `Way`, then with what else was asked.
    """
    called = _in_one_line(function)

    @_OUTPUT
    @click.option("--utc", is_flag=True, help="Times in UTC; default: where you are.")
    @wraps(function)
    def call(*, output: str, utc: bool, **given: Any) -> int:
        return called(Way(output == "json", utc), **given)

    return call


def answers(function: Callable[..., int | None]) -> Callable[..., int]:
    """Do the same for a command that shows no dates."""
    called = _in_one_line(function)

    @_OUTPUT
    @wraps(function)
    def call(*, output: str, **given: Any) -> int:
        return called(Way(output == "json"), **given)

    return call


_OUTPUT = click.option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    help="For people (the default), or JSON with times in UTC.",
)


def _in_one_line(function: Callable[..., int | None]) -> Callable[..., int]:
    def call(*given: Any, **named: Any) -> int:
        try:
            return function(*given, **named) or Exit.SUCCESS
        except BrokenPipeError:  # who reads it has seen enough
            raise
        except (DaskflowError, OSError) as error:
            raise click.ClickException(str(error)) from error
        except ValueError as error:
            if message := message_of_settings(error):
                raise click.ClickException(message) from error
            raise

    return call


_WHOLE = frozenset({"run", "created", "ended", "at", "took", "state", "id"})  # never in two lines

RUN_HELP = "RUN is an id, the beginning of one, a run's name, or last."


def run_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command take a run."""
    return click.argument("run")(function)


def open_store() -> RunStore:
    """Return the store that the settings name.

    Raises
    ------
    StoreError
        It cannot be used.
    """
    from daskflow.settings import Settings
    from daskflow.stores.choice import choose_store

    return choose_store(None, Settings())


def handle_of(store: RunReader, run_id: str, name: str) -> str:
    """Return how a run is named in a command: by its name where no other run has it."""
    from daskflow.stores.history import Wanted

    others = store.runs(Wanted(called=name, limit=2))
    return shlex.quote(name) if len(others) <= 1 else run_id[:12]


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def line_of_json(document: Mapping[str, Any]) -> str:
    """Return a JSON document in one line, for those who read as it comes."""
    return json.dumps(document, ensure_ascii=False)


def print_rows(
    columns: Sequence[str], rows: Sequence[Sequence[str | Text]], right: Sequence[str] = ()
) -> None:
    """Print rows as a table.

    Parameters
    ----------
    right
        The columns that stand on the right.
    """
    from daskflow.cli.display import make_console

    print_table(make_console(), columns, rows, right)


def print_table(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[str | Text]],
    right: Sequence[str] = (),
) -> None:
    """Print rows as a table on a console."""
    from rich.text import Text

    from daskflow.cli.summary import plain_table

    table = plain_table()
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in right else "left"
        is_whole = column in _WHOLE
        table.add_column(column, justify=justify, overflow="fold", no_wrap=is_whole)
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    console.print(table)

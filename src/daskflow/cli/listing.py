"""Which runs ``daskflow ls`` lists, and their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from daskflow.cli.reading import Way
from daskflow.cli.summary import colour_of
from daskflow.cli.times import instant_of
from daskflow.cli.told import kind_text, took_text, who_text
from daskflow.errors import ParameterError
from daskflow.history.reading import held_by, seen_state
from daskflow.states import KINDS, UNFINISHED_NAMES, Crashed, State
from daskflow.stores.history import RunRow, RunStore, Wanted
from daskflow.wording import one_line

_KINDS = {kind.__name__.lower(): kind.__name__ for kind in KINDS}
_MESSAGE = 80  # characters of one
_WIDE = 110  # letters of a terminal that has room for all columns

Listed = tuple[RunRow, State]


@dataclass(frozen=True)
class Asked:
    """What was asked for; None: it does not matter."""

    flow: str | None = None
    state: str | None = None
    tag: str | None = None
    since: str | None = None
    limit: int = 50


def list_runs(
    store: RunStore, asked: Asked, instant: float, *, is_utc: bool = False
) -> list[Listed]:
    """Return the runs that were asked for, the newest first, each with the state it is seen in.

    Raises
    ------
    ParameterError
        There is no such state, or no such time.
    """
    kind = _kind_of(asked.state)
    since = instant_of(asked.since, "--since", instant, is_utc=is_utc) if asked.since else None
    # what a row says of a run that nobody drives is looked at here: then there is no limit before
    is_sure = kind is None or kind not in UNFINISHED_NAMES | {Crashed.__name__}
    wanted = Wanted(
        flow=asked.flow,
        states=_states_for(kind),
        tag=asked.tag,
        since=since,
        limit=asked.limit if is_sure else None,
    )
    seen = (_seen(store, row) for row in store.runs(wanted))
    found = (one for one in seen if kind in (None, type(one[1]).__name__))
    return [one for one, _ in zip(found, range(asked.limit), strict=False)]


def _kind_of(typed: str | None) -> str | None:
    if typed is None:
        return None
    kind = typed.partition("(")[0].strip().lower()  # it is listed with its reason
    if kind not in _KINDS:
        msg = f"--state {typed!r} is no state; there are {', '.join(_KINDS.values())}"
        raise ParameterError(msg)
    return _KINDS[kind]


def _states_for(kind: str | None) -> frozenset[str] | None:
    """Return what rows may say of runs that are seen in a state."""
    if kind is None:
        return None
    return UNFINISHED_NAMES | {kind} if kind == Crashed.__name__ else frozenset({kind})


def _seen(store: RunStore, row: RunRow) -> Listed:
    row, holder = held_by(store, row)
    return row, seen_state(row, is_held=holder is not None)


def columns_of(found: Sequence[Listed], width: int) -> list[str]:
    """Return the columns that tell something of these runs; where there is little room, the first.

    Parameters
    ----------
    width
        Of the terminal, in letters.
    """
    columns = ["run", "flow", "state", "created", "took", "by", "tags", "id", "message"]
    is_narrow = width < _WIDE
    is_left_out = {
        "by": is_narrow,
        "id": is_narrow,
        "tags": not any(row.tags for row, _ in found),
        "message": not any(state.message for _, state in found),
    }
    return [column for column in columns if not is_left_out.get(column)]


def row_of(one: Listed, columns: Sequence[str], way: Way, instant: float) -> list[str | Text]:
    """Return the cells of a run."""
    row, state = one
    cells: dict[str, str | Text] = {
        "run": row.name,
        "flow": row.flow_name,
        "state": Text(kind_text(state), colour_of(state)),
        "created": way.time(row.created),
        "took": took_text(row, state, instant),
        "by": who_text(row),
        "tags": ", ".join(sorted(row.tags)),
        "id": row.id[:8],
        "message": one_line(state.message, _MESSAGE),
    }
    return [cells[column] for column in columns]

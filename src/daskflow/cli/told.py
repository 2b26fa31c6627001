"""A run of a store as rows and JSON fields, as several commands show it. Pure."""

from __future__ import annotations

from typing import Any

from daskflow.events import StateChanged
from daskflow.history.reading import seconds_of, when
from daskflow.states import Crashed, State
from daskflow.stores.history import RunRow
from daskflow.wording import span_text


def kind_text(state: State) -> str:
    """Return a state's kind for people: ``Success``, ``Crashed (driver lost)``.

    Examples
    --------
    >>> kind_text(Crashed(reason="driver lost"))
    'Crashed (driver lost)'
    """
    kind = type(state).__name__
    is_told = isinstance(state, Crashed) and state.reason
    return f"{kind} ({state.reason})" if is_told else kind  # type: ignore[attr-defined]


def state_fields(state: State) -> dict[str, Any]:
    """Return a state as JSON: ``state``, ``message``, and ``reason`` where it is Crashed."""
    fields = {"state": type(state).__name__, "message": state.message}
    return fields | ({"reason": state.reason} if isinstance(state, Crashed) else {})


def event_fields(event: StateChanged) -> dict[str, Any]:
    """Return what happened as JSON: ``at`` (ISO 8601, UTC), ``who``, and its state's fields."""
    return {"at": when(event.at), "who": event.name, **state_fields(event.state)}


def run_fields(row: RunRow, state: State) -> dict[str, Any]:
    """Return a run as JSON.

    ``id``, ``name``, ``flow``, ``state``, ``message``, ``reason`` (of a Crashed one only),
    ``created``, ``started``, ``ended`` (ISO 8601, UTC; null), ``seconds`` (null while it goes on),
    ``tags``, ``user``, ``host``, ``pid``, ``target``, ``folder``, ``parent`` (id of the run that it
    repeats, or was started in), ``caller`` (id of the task run that started it).
    """
    seconds = seconds_of(row, None)
    return {
        "id": row.id,
        "name": row.name,
        "flow": row.flow_name,
        **state_fields(state),
        "created": when(row.created),
        "started": when(row.started) if row.started is not None else None,
        "ended": when(row.ended) if row.ended is not None else None,
        "seconds": round(seconds, 3) if seconds is not None else None,
        "tags": sorted(row.tags),
        "user": row.user,
        "host": row.host,
        "pid": row.pid,
        "target": row.target,
        "folder": row.folder,
        "parent": row.parent,
        "caller": row.caller,
    }


def took_text(row: RunRow, state: State, instant: float) -> str:
    """Return for people how long a run took, or has taken so far; of a lost one nobody knows."""
    seconds = seconds_of(row, None if isinstance(state, Crashed) else instant)
    return span_text(seconds) if seconds is not None else "-"


def who_text(row: RunRow) -> str:
    """Return who drove a run last."""
    return f"{row.user}@{row.host}" if row.user else "-"

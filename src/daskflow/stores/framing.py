"""Segments and states as they are stored: columns as bytes, remarks as JSON, users' values signed.

The engine's own records can be read by anybody without running code. What was pickled by user code
(small results, exceptions) lies apart in one payload with a signature, and is not unpickled here.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from daskflow.events import Before, Length, Note, StoredResult
from daskflow.states import KINDS, Crashed, Scheduled, State

_BY_NAME = {kind.__name__: kind for kind in KINDS}


def pack_parts(parts: Sequence[bytes | None]) -> bytes:
    """Return several byte strings as one; see `unpack_parts`."""
    sizes = array("q", [-1 if part is None else len(part) for part in parts])
    head = array("q", [len(sizes)]).tobytes()
    return head + sizes.tobytes() + b"".join(part for part in parts if part is not None)


def unpack_parts(data: bytes) -> list[bytes | None]:
    """Return what `pack_parts` packed."""
    count = array("q", data[:8])[0]
    sizes = array("q", data[8 : 8 + 8 * count])
    place = 8 + 8 * count
    parts: list[bytes | None] = []
    for size in sizes:
        parts.append(None if size < 0 else data[place : place + size])
        place += max(size, 0)
    return parts


def state_to_json(state: State) -> str:
    """Return a state without its values as JSON."""
    fields: dict[str, Any] = {"kind": type(state).__name__}
    if state.message:
        fields["message"] = state.message
    if state.timestamp is not None:
        fields["timestamp"] = state.timestamp.isoformat()
    if state.attempt:
        fields["attempt"] = state.attempt
    if isinstance(state, Crashed) and state.reason:
        fields["reason"] = state.reason
    if isinstance(state, Scheduled) and state.scheduled_for is not None:
        fields["scheduled_for"] = state.scheduled_for.isoformat()
    return json.dumps(fields, ensure_ascii=False)


def state_from_json(text: str) -> State:
    """Return the state that `state_to_json` made text of."""
    fields = json.loads(text)
    kind = _BY_NAME[fields.pop("kind")]
    for name in ("timestamp", "scheduled_for"):
        if name in fields:
            fields[name] = datetime.fromisoformat(fields[name])
    return kind(**fields)


def notes_to_json(notes: Mapping[int, Note]) -> str:
    """Return remarks without their exceptions as JSON."""
    told: dict[str, dict[str, Any]] = {}
    for offset, note in notes.items():
        fields = {
            name: value
            for name, value in note._asdict().items()
            if value != _BLANK[name] and name != "failure"
        }
        for name in _RECORDS:
            if name in fields:
                fields[name] = list(fields[name])
        told[str(offset)] = fields
    return json.dumps(told, ensure_ascii=False) if told else ""


_BLANK = Note()._asdict()
_RECORDS: Mapping[str, Any] = {"length": Length, "before": Before, "stored": StoredResult}


def notes_from_json(text: str, failures: Mapping[int, bytes]) -> dict[int, Note]:
    """Return the remarks that `notes_to_json` made text of, with their exceptions."""
    notes: dict[int, Note] = {}
    for offset, fields in (json.loads(text) if text else {}).items():
        for name, make in _RECORDS.items():
            if name in fields:
                fields[name] = make(*fields[name])
        notes[int(offset)] = Note(**fields)
    for place, failure in failures.items():
        notes[place] = notes.get(place, Note())._replace(failure=failure)
    return notes

"""Between the records of the history and the rows of the tables. Pure."""

from __future__ import annotations

import json
import pickle
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from daskflow.entries import (
    Entry,
    RunMoved,
    SegmentTold,
    SpaceEnded,
    SpaceOpened,
    TaskRunMoved,
)
from daskflow.errors import TamperedError
from daskflow.events import Segment, Stretch
from daskflow.results.signing import Signer
from daskflow.runtime.calling import make_portable
from daskflow.states import Failed, State
from daskflow.stores.framing import (
    notes_from_json,
    notes_to_json,
    pack_parts,
    state_from_json,
    state_to_json,
    unpack_parts,
)
from daskflow.stores.history import RunRow

Row = dict[str, Any]
_AS_JSON = ("code", "options", "graph")
HEAVY = ("code", "graph", "parameters")  # fields of a run that lists of runs come without
# fields of a run that never change
_BIRTH = ("id", "name", "flow_name", "created", "target", "folder", "parent", "caller")


def row_of_run(run: RunRow) -> Row:
    """Return a run as a row."""
    names = RunRow.__dataclass_fields__
    return fields_of_run({name: getattr(run, name) for name in names})


def fields_of_run(fields: Mapping[str, Any]) -> Row:
    """Return fields of a run as columns."""
    row: Row = dict(fields)
    if "state" in row:
        state: State = row["state"]
        row["kind"], row["state"] = type(state).__name__, state_to_json(state)
    if "tags" in row:
        row["tags"] = json.dumps(sorted(row["tags"]), indent=0)
    for name in _AS_JSON:
        if name in row:
            row[name] = json.dumps(dict(row[name]))
    return row


def run_of_row(row: Mapping[str, Any]) -> RunRow:
    """Return the run that a row is of, which may be without its heavy columns.

    Raises
    ------
    TamperedError
        It makes no sense.
    """
    fields = {name: row[name] for name in RunRow.__dataclass_fields__ if name in row}
    with _making_sense(f"the row of run {row['id']}"):
        fields["state"] = state_from_json(fields["state"])
        fields["tags"] = frozenset(json.loads(fields["tags"]))
        for name in _AS_JSON:
            if name in fields:
                fields[name] = json.loads(fields[name])
    return RunRow(**fields)


@contextmanager
def _making_sense(what: str) -> Iterator[None]:
    """Tell of what was written by hand, and cannot be read."""
    try:
        yield
    except (ValueError, LookupError, TypeError) as error:
        told = f"{type(error).__name__}: {error}"
        msg = f"{what} is not what was written: it makes no sense ({told})"
        raise TamperedError(msg) from error


def line_of_tag(tag: str) -> str:
    """Return what is in the column of tags just where a run has this one.

    No line break is within a tag in JSON, so this begins where one begins, and ends where it ends.
    """
    return f"\n{json.dumps(tag)}"


def birth_of(row: Mapping[str, Any]) -> bytes:
    """Return what is sealed of a run's row: how it was made, and what is imported for it."""
    return repr([row[name] for name in _BIRTH]).encode()


def whole_of(row: Mapping[str, Any]) -> bytes:
    """Return what is sealed of a row of the history: all of it."""
    values = [row[name] for name in sorted(row) if name != "seal"]
    return pack_parts([v if v is None or type(v) is bytes else repr(v).encode() for v in values])


class EntryRows:
    """Turns entries of a history into rows and back, with the signatures of one store."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._ways: dict[type, tuple[str, Callable[[Any, str], Row]]] = {
            SpaceOpened: ("spaces", self._of_opened),
            SpaceEnded: ("spaces", self._of_ended),
            SegmentTold: ("segments", self._of_segment),
            RunMoved: ("events", self._of_run_moved),
            TaskRunMoved: ("events", self._of_task_run_moved),
        }

    def row(self, run_id: str, version: int, entry: Entry) -> tuple[str, Row]:
        """Return the table an entry belongs to, and its row."""
        table, make = self._ways[type(entry)]
        place = f"{run_id}/{version}"
        values = {"run_id": run_id, "version": version, **make(entry, place)}
        return table, values | {"seal": self._signer.seal(place, whole_of(values))}

    def is_whole(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row is what was written."""
        place = f"{row['run_id']}/{row['version']}"
        return self._signer.is_sealed(place, whole_of(row), row["seal"])

    def _of_opened(self, entry: SpaceOpened, place: str) -> Row:
        return {
            "space": entry.space,
            "parent": entry.parent,
            "width": entry.width,
            "parts": array("q", entry.parts).tobytes(),
            "state": None,
            "payload": None,
        }

    def _of_ended(self, entry: SpaceEnded, place: str) -> Row:
        return {
            "space": entry.space,
            "parent": entry.parent,
            "width": None,
            "parts": None,
            "state": state_to_json(entry.state),
            "payload": self._payload(entry.state, place),
        }

    def _of_segment(self, entry: SegmentTold, place: str) -> Row:
        segment = entry.segment
        return {
            "node": _names_told(segment),
            "start": segment.start,
            "stop": segment.stop,
            "block": entry.block,
            "worker": entry.worker,
            "codes": bytes(segment.codes),
            "attempts": segment.attempts.tobytes(),
            "started": segment.started.tobytes(),
            "ended": segment.ended.tobytes(),
            "notes": notes_to_json(segment.notes),
            "payload": self._segment_payload(segment, place),
        }

    def _of_run_moved(self, entry: RunMoved, place: str) -> Row:
        return _event_row(entry.at, entry.state) | {"payload": None}

    def _of_task_run_moved(self, entry: TaskRunMoved, place: str) -> Row:
        payload = self._payload(entry.state, place) if entry.is_driver else None
        return _event_row(entry.at, entry.state) | {
            "node": entry.node,
            "map_index": json.dumps(entry.index),
            "position": entry.position,
            "is_driver": int(entry.is_driver),
            "payload": payload,
        }

    def _segment_payload(self, segment: Segment, place: str) -> bytes | None:
        failures = {o: note.failure for o, note in segment.notes.items() if note.failure}
        if not failures and not any(small is not None for small in segment.smalls):
            return None
        offsets = array("q", sorted(failures)).tobytes()
        parts = [pack_parts(segment.smalls), offsets]
        parts += [_as_bytes(failures[offset]) for offset in sorted(failures)]
        return self._signer.sign(place, pack_parts(parts))

    def _payload(self, state: State, place: str) -> bytes | None:
        value = state.exception if isinstance(state, Failed) else getattr(state, "result", None)
        if value is None:
            return None
        is_error = isinstance(value, BaseException)
        data = _as_bytes(value) if is_error else pickle.dumps(value, 5)
        return self._signer.sign(place, data)

    def entry(self, table: str, row: Mapping[str, Any]) -> Entry:
        """Return the entry that a row of a table is of; without its values where it has none.

        Raises
        ------
        TamperedError
            Its signature does not fit, or it makes no sense.
        """
        with _making_sense(f"entry {row['version']} of run {row['run_id']}"):
            return self._entry(table, row)

    def _entry(self, table: str, row: Mapping[str, Any]) -> Entry:
        place = f"{row['run_id']}/{row['version']}"
        if table == "segments":
            return self._segment_entry(row, place)
        if table == "spaces":
            return self._space_entry(row, place)
        state = self._state(row, place)
        if not row["node"]:
            return RunMoved(row["at"], state)
        index = tuple(json.loads(row["map_index"]))
        is_driver = bool(row["is_driver"])
        return TaskRunMoved(row["at"], row["node"], index, row["position"], state, is_driver)

    def _space_entry(self, row: Mapping[str, Any], place: str) -> Entry:
        if row["width"] is None:
            return SpaceEnded(row["space"], row["parent"], self._state(row, place))
        parts = tuple(array("q", row["parts"] or b""))
        return SpaceOpened(row["space"], row["parent"], row["width"], parts)

    def _state(self, row: Mapping[str, Any], place: str) -> State:
        state = state_from_json(row["state"])
        if row.get("payload") is None:
            return state
        value = pickle.loads(self._signer.check(place, row["payload"]))
        if isinstance(state, Failed):
            return replace(state, exception=value)
        return replace(state, result=value)  # type: ignore[call-arg]

    def _segment_entry(self, row: Mapping[str, Any], place: str) -> SegmentTold:
        count = row["stop"] - row["start"]
        smalls: list[bytes | None] = [None] * count
        failures: dict[int, bytes] = {}
        if row.get("payload") is not None:
            packed, offsets, *raised = unpack_parts(self._signer.check(place, row["payload"]))
            smalls = unpack_parts(packed or b"")
            failures = {
                offset: data or b""
                for offset, data in zip(array("q", offsets or b""), raised, strict=True)
            }
        columns: dict[str, Any] = {
            "start": row["start"],
            "codes": bytearray(row["codes"]),
            "attempts": array("H", row["attempts"]),
            "started": array("d", row["started"]),
            "ended": array("d", row["ended"]),
            "smalls": smalls,
            "notes": notes_from_json(row["notes"], failures),
            "values": None,
        }
        return SegmentTold(row["block"], row["worker"], _segment_of(row["node"], columns))


def _names_told(segment: Segment) -> str:
    """Return the node of a segment; of a stretch its nodes as JSON, which no name looks like."""
    return json.dumps(list(segment.nodes())) if isinstance(segment, Stretch) else segment.node


def _segment_of(names: str, columns: Row) -> Segment:
    """Return a segment, or a stretch, of what it tells of and its columns."""
    if not names.startswith("["):
        return Segment(names, **columns)
    nodes = json.loads(names)
    return Stretch(**columns, places=dict(zip(nodes, range(len(nodes)), strict=True)))


def _event_row(at: float, state: State) -> Row:
    return {
        "at": float(at),
        "node": "",
        "map_index": "[]",
        "position": -1,
        "is_driver": 0,
        "kind": type(state).__name__,
        "state": state_to_json(state),
    }


def _as_bytes(failure: Any) -> bytes:
    return failure if isinstance(failure, bytes) else make_portable(failure)[1]

"""Values of a run, read when somebody asks: from the record where small, else from the executor."""

from __future__ import annotations

import pickle
import weakref
from collections.abc import Iterable
from typing import Any

from daskflow.context import run_label
from daskflow.errors import ResultGoneError, TaskRunError
from daskflow.events import Segment, StoredResult
from daskflow.executors.base import Session
from daskflow.lowering.known import OWNED
from daskflow.lowering.needs import result_of, stand_in
from daskflow.lowering.spaces import Index
from daskflow.results.storage import ResultStorage
from daskflow.runtime.columns import NodeRecord
from daskflow.runtime.record import RunRecord
from daskflow.sealing import opened
from daskflow.states import FAILED, FINISHED, PICKED, Skipped


class Values:
    """The values of one run's task runs."""

    def __init__(
        self, record: RunRecord, session: Session, storage: ResultStorage | None = None
    ) -> None:
        self.record = record
        self._storage = storage
        self.move(session)

    def move(self, session: Session) -> None:
        """Read from another session: the one before is gone."""
        self._session = session
        weakref.finalize(self, session.closer()).atexit = False  # when no view of the run is left

    def at(self, name: str, index: Index = (), *, is_picky: bool = False) -> Any:
        """Return what a consumer gets of a node at a map index: one value, or all below it.

        An exception is returned, not raised.
        """
        below = self.record.nodes[name].space.below(index)
        positions = list(below.positions())
        values = dict(zip(positions, self.many(name, positions), strict=True))
        return self._nested(name, index, values, is_picky=is_picky)

    def _nested(self, name: str, index: Index, values: dict[int, Any], *, is_picky: bool) -> Any:
        """Put values into lists of lists."""
        chain = self.record.nodes[name].space.chain()
        above = chain[len(index)].find(index)
        if above is None:
            return self._missing(name, index)
        if len(chain) == len(index) + 1:
            return values[above]
        lanes = chain[len(index) + 1]
        if above not in lanes.children:
            return [] if is_picky and above in lanes.decided else self._missing(name, index)
        children = [(*index, place) for place in range(lanes.children[above][1])]
        return [
            self._nested(name, child, values, is_picky=is_picky)
            for child in children
            if not is_picky or self.record.node_state(name, child).code in PICKED
        ]

    def _missing(self, name: str, index: Index) -> Any:
        """Return what stands for the values of a mapped node that ended without children."""
        state = self.record.node_state(name, index)
        if state.code not in FINISHED:
            msg = f"{run_label(name, index)} is not finished: it has no value yet"
            raise ResultGoneError(msg)
        return None if state.code == Skipped.code else self.exception(name, index)

    def many(self, name: str, positions: Iterable[int]) -> list[Any]:
        """Return the values of some task runs of a node, fetching each block once."""
        record = self.record.nodes[name]
        found: dict[int, Any] = {}
        wanted: dict[int, list[int]] = {}
        for position in positions:
            code = record.codes[position]
            small = record.smalls[position]
            if code == OWNED or code not in FINISHED:
                msg = f"{self._label(name, position)} is not finished: it has no value yet"
                raise ResultGoneError(msg)
            if code in FAILED:
                found[position] = self._exception(name, position)
            elif code == Skipped.code or small is not None:
                found[position] = None if small is None else pickle.loads(small)
            elif code in PICKED and position in record.states:  # somebody gave it with its value
                found[position] = result_of(record.states[position])
            elif self._storage is not None and (stored := _stored(record, position)) is not None:
                found[position] = self._storage.read(stored)
            elif record.blocks[position]:
                wanted.setdefault(record.blocks[position], []).append(position)
            else:
                found[position] = self._exception(name, position)
        if wanted:
            found |= self._fetch(name, wanted)
        return [found[position] for position in positions]

    def exception(self, name: str, index: Index) -> BaseException:
        """Return what ended a task run, or a mapped node that ended without children."""
        state = self.record.node_state(name, index)
        if state.code in FAILED:
            return stand_in(state, run_label(name, index))
        return TaskRunError(f"{run_label(name, index)}: {state}")

    def _exception(self, name: str, position: int) -> BaseException:
        return self.exception(name, self.record.index(name, position))

    def _fetch(self, name: str, wanted: dict[int, list[int]]) -> dict[int, Any]:
        gone = [places for number, places in wanted.items() if number not in self.record.keys]
        if gone:
            raise self._gone(name, gone[0][0])
        keys = [self.record.keys[number] for number in wanted]
        try:
            blocks = self._session.fetch(keys)
        except Exception as error:
            raise self._gone(name, next(iter(wanted.values()))[0]) from error
        found: dict[int, Any] = {}
        for segments, positions in zip(blocks, wanted.values(), strict=True):
            for position in positions:
                found[position] = self._pick(segments, name, position)
        return found

    def _pick(self, segments: Iterable[Segment], name: str, position: int) -> Any:
        """Return the value from its block; one that no task run needed any more is not in it."""
        for segment in segments:
            values, at = segment.values or {}, segment.offset_of(name, position)
            if at in values:
                return opened(values[at])
        raise self._gone(name, position)

    def _gone(self, name: str, position: int) -> ResultGoneError:
        msg = (
            f"the value of {self._label(name, position)} was not kept: return it from the flow, "
            "and read it before the executor is gone, or keep it with persist_result=True"
        )
        return ResultGoneError(msg)

    def _label(self, name: str, position: int) -> str:
        return run_label(name, self.record.index(name, position))


def _stored(record: NodeRecord, position: int) -> StoredResult | None:
    note = record.notes.get(position)
    return note.stored if note is not None else None

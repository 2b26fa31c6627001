"""Values of a run, read when somebody asks: from the record where small, else from the executor."""

from __future__ import annotations

import pickle
import weakref
from collections.abc import Iterable
from typing import Any

from daskflow.context import run_label
from daskflow.errors import ResultGoneError, TaskRunError
from daskflow.events import Segment
from daskflow.executors.base import Session
from daskflow.lowering.blocks import stand_in
from daskflow.lowering.known import OWNED
from daskflow.runtime.record import RunRecord
from daskflow.sealing import opened
from daskflow.states import FAILED, FINISHED, Pending, Skipped


class Values:
    """The values of one run's task runs."""

    def __init__(self, record: RunRecord, session: Session) -> None:
        self.record = record
        self._session = session
        weakref.finalize(self, session.close).atexit = False  # when no view of the run is left

    def one(self, name: str, position: int) -> Any:
        """Return what a consumer gets of a task run; an exception is returned, not raised."""
        return self.many(name, [position])[0]

    def whole(self, name: str) -> Any:
        """Return the value of a node; of a mapped one the list of its children's values."""
        record = self.record.nodes[name]
        if record.decided is not None:
            skipped = record.decided.code == Skipped.code
            return None if skipped else self.exception(name, -1)
        if not self.record.graph.nodes[name].is_mapped:
            return self.one(name, 0)
        return self.many(name, range(record.width or 0))

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
                found[position] = self.exception(name, position)
            elif code == Skipped.code or small is not None:
                found[position] = None if small is None else pickle.loads(small)
            elif record.blocks[position]:
                wanted.setdefault(record.blocks[position], []).append(position)
            else:
                found[position] = self.exception(name, position)
        if wanted:
            found |= self._fetch(name, wanted)
        return [found[position] for position in positions]

    def exception(self, name: str, position: int) -> BaseException:
        """Return what ended a task run; position -1: the mapped node itself."""
        node = self.record.nodes[name]
        state = self.record.state(name, position) if position >= 0 else node.decided or Pending()
        if state.code in FAILED:
            return stand_in(state, self._label(name, position))
        return TaskRunError(f"{self._label(name, position)}: {state}")

    def _fetch(self, name: str, wanted: dict[int, list[int]]) -> dict[int, Any]:
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
            values = segment.values or {}
            if segment.node == name and position - segment.start in values:
                return opened(values[position - segment.start])
        raise self._gone(name, position)

    def _gone(self, name: str, position: int) -> ResultGoneError:
        msg = (
            f"the value of {self._label(name, position)} was not kept: return it from the flow, "
            "and read it before the executor is gone"
        )
        return ResultGoneError(msg)

    def _label(self, name: str, position: int) -> str:
        return run_label(name, () if position < 0 else self.record.index(name, position))

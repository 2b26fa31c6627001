"""The shim's way out of a Dask worker. Runs in a task's thread; needs one internal of Dask's.

A report goes into the running task's ``metadata``, which Dask sends inside its own task-finished
message: no message of ours, atomic with the result, in order.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from dask.sizeof import sizeof
from distributed import get_worker, rejoin, secede

from daskflow.errors import DefinitionError, UnansweredError
from daskflow.events import Meanwhile, Segment, Tell
from daskflow.executors.at_work import call_off
from daskflow.executors.base import NOWHERE, Executor, Gauge, Mark
from daskflow.executors.black_box import BlackBox
from daskflow.executors.local import LocalExecutor
from daskflow.executors.wire import (
    CANCEL,
    LINES,
    MEANWHILE,
    METADATA_KEY,
    is_block,
    pack_question,
    pack_segments,
    run_of,
    unpack_answer,
)
from daskflow.lines import Batch, pack_batch
from daskflow.questions import ASK_SECONDS, Question
from daskflow.sealing import Sealed

if TYPE_CHECKING:
    from distributed import Client, Worker

A = TypeVar("A")

_log = logging.getLogger("daskflow")
_GRACE_SECONDS = 5.0  # beyond those that the tracker waits for an answer


@sizeof.register(Segment)  # type: ignore[untyped-decorator]
def sizeof_segment(segment: Segment) -> int:
    """Tell Dask how large a block's values are: it places and spills by that."""
    own = 200 + 20 * len(segment.codes)
    try:
        return own + (sizeof(list(segment.values.values())) if segment.values else 0)
    except BaseException:  # noqa: BLE001 - of the user's classes; Dask lets such a one end a worker
        return own


@sizeof.register(Sealed)  # type: ignore[untyped-decorator]
def sizeof_sealed(sealed: Sealed) -> int:
    """Tell Dask how large a value is that came from another worker."""
    return len(sealed.data) + sum(memoryview(buffer).nbytes for buffer in sealed.buffers)


class WorkerPort:
    """What the shim has of the Dask worker it runs on."""

    is_local = False

    def __init__(self) -> None:
        self._worker: Worker | None = None  # where the block began
        self._process = os.getpid()
        self._end: Callable[[], None] = _do_nothing

    @property
    def worker(self) -> str:
        """The address of the worker; empty where other Dask code computes the block."""
        if self._worker is None:
            try:
                self._worker = get_worker()
            except ValueError:
                return ""
        return self._worker.address

    def fetch_spec(self, run_id: str) -> bytes:
        """Ask the tracker on the scheduler for a run's spec."""
        worker = get_worker()
        worker.handlers[CANCEL] = _canceller(worker)
        asked = worker.scheduler.daskflow_1_spec(run_id=run_id, worker=worker.address)
        loop = cast(Any, worker.loop).asyncio_loop
        spec: bytes
        spec, before = asyncio.run_coroutine_threadsafe(asked, loop).result()
        if before:  # nobody told this worker, which had not yet begun anything of the run
            call_off(run_id, before)
        return spec

    def mark(self) -> Mark | None:
        """Return what the tracker has annotated the running task with."""
        worker = self._worker = get_worker()
        found = worker.state.tasks[worker.get_current_task()].annotations
        if not found:
            return None
        return next((mark for mark in (Mark.CALLED_OFF, Mark.TAKEN) if mark in found), None)

    def begin(self, run_id: str, block: int) -> Gauge:
        """Note in the black box that a block begins."""
        box = _box_of(self._worker or get_worker())
        if box is None:
            return NOWHERE
        record, gauge = box.begin(run_id, block)
        self._end = partial(box.end, record)
        return gauge

    def end(self) -> None:
        """Note in the black box that all of the block has run."""
        self._end()

    def report(self, run_id: str, block: int, segments: tuple[Segment, ...]) -> None:
        """Put the report onto the message with which Dask tells that the block is done."""
        worker = get_worker()
        state = worker.state.tasks[worker.get_current_task()]
        state.metadata[METADATA_KEY] = (run_id, block, pack_segments(segments))

    def telling(self, run_id: str, block: int) -> Tell | None:
        """Return what tells the tracker, on the stream on which Dask tells that tasks are done.

        None where other Dask code computes the block.
        """
        worker = self._worker
        if worker is None:
            return None
        about = {"op": MEANWHILE, "run_id": run_id, "block": block}

        def tell(news: Meanwhile) -> None:
            segments = pack_segments(news.segments) if news.segments else b""
            told = {**about, "news": (segments, *news[1:])}
            with suppress(RuntimeError):  # the worker ends
                worker.loop.add_callback(worker.batched_send, told)

        return tell

    def lines_to(self, run_id: str) -> Callable[[Batch], None] | None:
        """Return what sends lines on the stream on which Dask tells that tasks are done.

        So they are there before the report of their block. None where other Dask code computes the
        block, and in a process that its body has forked.
        """
        worker = self._worker
        if worker is None or os.getpid() != self._process:
            return None

        def send(batch: Batch) -> None:
            told = {
                "op": LINES,
                "run_id": run_id,
                "count": batch.line_count(),
                "lines": pack_batch(batch),
            }
            with suppress(RuntimeError):  # the worker ends
                worker.loop.add_callback(worker.batched_send, told)

        return send

    def ask(self, run_id: str, question: Question[A], seconds: float = ASK_SECONDS) -> A:
        """Ask the driver, by way of the tracker on the scheduler."""
        worker = get_worker()
        data = pack_question(question)
        asked = worker.scheduler.daskflow_1_ask(run_id=run_id, question=data, seconds=seconds)
        loop = cast(Any, worker.loop).asyncio_loop
        waiting = asyncio.run_coroutine_threadsafe(asked, loop)
        try:
            answer, why_none = waiting.result(seconds + _GRACE_SECONDS)
        except Exception as error:
            waiting.cancel()
            msg = f"the scheduler passes no answer on: {type(error).__name__}: {error}"
            raise UnansweredError(msg) from error
        if why_none:
            raise UnansweredError(why_none)
        told: A = unpack_answer(answer)
        return told

    @contextmanager
    def nested(self) -> Iterator[Executor]:
        """Give the cluster of this worker; the thread leaves its place to another meanwhile.

        Where there is no worker, as under another scheduler of Dask's, this process.

        Raises
        ------
        DefinitionError
            This is another thread than that of the task, which would hold its place.
        """
        if not self.worker:
            yield LocalExecutor()
            return
        # settings and all that makes clusters: few workers need it, and none to begin
        from daskflow.executors.cluster import NestedExecutor

        with _apart_from_the_pool():
            yield NestedExecutor(_client_of(get_worker()))


_NOT_BEGUN = {"waiting", "ready", "constrained"}  # states of Dask's for a task on a worker


def _canceller(worker: Worker) -> Callable[..., list[int]]:
    """Return what the tracker calls on a worker; in its event loop, where Dask lets tasks begin."""

    def cancel(run_id: str, before: int) -> list[int]:
        """Call off the blocks of a run in this process; return those that this worker has begun."""
        call_off(run_id, before)
        tasks = list(cast(Any, worker.state.tasks).items())
        mine = [(key, ts.state) for key, ts in tasks if run_of(key) == run_id and is_block(key)]
        return [key[1] for key, state in mine if state not in _NOT_BEGUN]

    return cancel


def _do_nothing() -> None:
    """End what was noted nowhere."""


_boxes: dict[str, BlackBox | None] = {}  # of the workers of this process, by address
_making = threading.Lock()


def _box_of(worker: Worker) -> BlackBox | None:
    """Return the black box of a worker; None where nobody would read it, or there cannot be one."""
    address = worker.address
    if address not in _boxes:
        with _making:
            if address not in _boxes:
                _boxes[address] = _make_box(address) if worker.nanny else None
    return _boxes[address]


def _make_box(address: str) -> BlackBox | None:
    try:
        return BlackBox(address)
    except (OSError, ValueError) as error:
        _log.info("no black box for worker %s: %s", address, error)
        return None


@contextmanager
def _apart_from_the_pool() -> Iterator[None]:
    """Leave the place of this thread in the worker's pool to another meanwhile."""
    try:
        secede()
    except AttributeError:
        msg = "a flow is called in a thread that a task started: call it in the task's own"
        raise DefinitionError(msg) from None
    except KeyError:  # the task itself did so already
        yield
        return
    try:
        yield
    finally:
        rejoin()


def _client_of(worker: Worker) -> Client:
    """Return a client of the worker's scheduler, one for all child runs of this process.

    Dask's own for tasks would become this process's default, for other code to find.
    """
    from daskflow.executors.connections import connect
    from daskflow.settings import current_settings

    address = worker.scheduler.address
    words = {"security": worker.security, "direct_to_workers": True}
    return connect(address, current_settings().engine.connect_timeout, words)

"""The shim's way out of a Dask worker. Runs in a task's thread; needs one internal of Dask's.

A report goes into the running task's ``metadata``, which Dask sends inside its own task-finished
message: no message of ours, atomic with the result, in order.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from dask.sizeof import sizeof
from distributed import get_worker

from daskflow.events import Segment
from daskflow.executors.wire import METADATA_KEY, TAKEN, pack_segments
from daskflow.sealing import Sealed


@sizeof.register(Segment)  # type: ignore[untyped-decorator]
def sizeof_segment(segment: Segment) -> int:
    """Tell Dask how large a block's values are: it places and spills by that."""
    own = 200 + 20 * len(segment.codes)
    return own + (sizeof(list(segment.values.values())) if segment.values else 0)


@sizeof.register(Sealed)  # type: ignore[untyped-decorator]
def sizeof_sealed(sealed: Sealed) -> int:
    """Tell Dask how large a value is that came from another worker."""
    return len(sealed.data) + sum(memoryview(buffer).nbytes for buffer in sealed.buffers)


class WorkerPort:
    """What the shim has of the Dask worker it runs on."""

    is_local = False

    def fetch_spec(self, run_id: str) -> bytes:
        """Ask the tracker on the scheduler for a run's spec."""
        worker = get_worker()
        asked = worker.scheduler.daskflow_1_spec(run_id=run_id)
        loop = cast(Any, worker.loop).asyncio_loop
        spec: bytes = asyncio.run_coroutine_threadsafe(asked, loop).result()
        return spec

    def is_taken(self) -> bool:
        """Return whether the running task was on another worker before, or here."""
        worker = get_worker()
        state = worker.state.tasks[worker.get_current_task()]
        return bool(state.annotations and state.annotations.get(TAKEN))

    def report(self, run_id: str, block: int, segments: tuple[Segment, ...]) -> None:
        """Put the report onto the message with which Dask tells that the block is done."""
        worker = get_worker()
        state = worker.state.tasks[worker.get_current_task()]
        packed = pack_segments(segments) if segments else b""
        state.metadata[METADATA_KEY] = (run_id, block, packed)

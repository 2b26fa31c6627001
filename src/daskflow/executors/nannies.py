"""What a nanny tells of its worker's death: how it ended, and what was in its black box.

`attend` is called in the nanny, by way of Dask's own call for such things. The scheduler alone
would hear no more than that a connection was closed. It needs an attribute of Dask's that is public
but not promised, `WorkerProcess.on_exit`; a test pins it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from daskflow.executors.black_box import take_box

_log = logging.getLogger("daskflow")


class Witness:
    """Is called when the worker of a nanny has died; then whoever was to be called before.

    Parameters
    ----------
    then
        What the nanny does in that case: mostly it starts another worker.
    """

    def __init__(self, nanny: Any, process: Any, then: Callable[[int], None]) -> None:
        self._nanny = nanny
        self._process = process
        self._then = then
        self._telling: set[asyncio.Task[None]] = set()

    def __call__(self, code: int) -> None:
        """Tell the tracker, and let the nanny go on."""
        task = asyncio.ensure_future(self._tell(self._process.worker_address, code))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
        self._then(code)

    async def _tell(self, worker: str, code: int) -> None:
        try:
            box = take_box(worker)
            await self._nanny.scheduler.daskflow_1_died(
                worker=worker, code=code, box=None if box is None else tuple(box)
            )
        except Exception as error:  # noqa: BLE001 - the scheduler is gone too, or the nanny leaves
            _log.debug("the end of worker %s is not told: %s", worker, error)


def attend(dask_worker: Any) -> None:
    """Let a nanny tell how its worker ends."""
    process = dask_worker.process
    if not isinstance(process.on_exit, Witness):
        process.on_exit = Witness(dask_worker, process, process.on_exit)

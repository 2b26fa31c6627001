"""Dask's performance report of one run: a page that shows what its workers did meanwhile."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from daskflow.errors import ExecutorError

if TYPE_CHECKING:
    from distributed import Client

_log = logging.getLogger("daskflow")
_lock = threading.Lock()  # which client is current is also said in a setting of all threads
_SECONDS = 60.0  # that the scheduler may take for the page


class PerformanceReport:
    """Begun with a run and written when that has ended, whatever became of it.

    Dask asks for the client where it needs one, so it is given ours as the current one.

    Raises
    ------
    ExecutorError
        The scheduler does not let it begin.
    """

    def __init__(self, client: Client, path: str, run_id: str) -> None:
        from distributed import performance_report

        self._client = client
        self._path = path
        self._code = f"flow run {run_id} of daskflow"
        self._report = cast(Any, performance_report)(filename=path)
        try:
            with _lock, client.as_current():
                client.sync(self._report.__aenter__)
        except Exception as error:
            msg = (
                f"the scheduler does not begin a performance report ({error}); "
                "leave out performance_report_path"
            )
            raise ExecutorError(msg) from error

    def write(self) -> None:
        """Write it; where that fails, the log says so, and the run is none the worse."""
        try:
            if "://" not in self._path:
                Path(self._path).parent.mkdir(parents=True, exist_ok=True)
            leave = self._report.__aexit__
            ending: tuple[Any, ...] = (None, None, None, self._code)
            with _lock, self._client.as_current():
                self._client.sync(leave, *ending, callback_timeout=_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run has ended
            told = f"{type(error).__name__}: {error}"
            _log.warning("the performance report %s was not written: %s", self._path, told)

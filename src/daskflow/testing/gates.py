"""Gates: they hold bodies up, in whichever process, until a test lets them go."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from daskflow.timing import watch


class Gate:
    """Holds up whoever comes, until it is opened.

    Parameters
    ----------
    path
        A folder for it, which need not be there; on a cluster all workers must see it.
    seconds
        After which nobody waits any longer, and `TimeoutError` is raised: a test never hangs.

    Examples
    --------
    >>> import tempfile
    >>> from daskflow import LocalExecutor, flow, task
    >>> from daskflow.testing import Gate
    >>> @task
    ... def wait_at(gate: Gate, x: int) -> int:
    ...     gate.wait()
    ...     return x
    >>> @flow(executor=LocalExecutor(threads=2))
    ... def held(gate: Gate):
    ...     wait_at(gate, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gate = Gate(folder)
    ...     run = held.submit(gate)
    ...     gate.until_waiting(1)
    ...     gate.open()
    ...     str(run.wait(10).state)
    'Success'
    """

    def __init__(self, path: str | os.PathLike[str], seconds: float = 30.0) -> None:
        self.path = str(Path(path).absolute())
        self.seconds = seconds
        Path(self.path).mkdir(parents=True, exist_ok=True)

    def wait(self) -> None:
        """Return once the gate is open; called in the body of a task.

        Raises
        ------
        TimeoutError
            Nobody opened it in time.
        """
        file = os.open(self._file("came"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, b".")
        finally:
            os.close(file)
        self._watch(self.is_open, "nobody opened the gate")

    def open(self) -> None:
        """Let everybody pass, now and later."""
        self._file("open").touch()

    def is_open(self) -> bool:
        """Return whether it was opened."""
        return self._file("open").exists()

    def came(self) -> int:
        """Return how many have come to the gate so far, those included whom it let go."""
        file = self._file("came")
        return file.stat().st_size if file.exists() else 0

    def until_waiting(self, count: int = 1) -> None:
        """Return once so many have come; called in a test.

        Raises
        ------
        TimeoutError
            They did not come in time.
        """
        self._watch(lambda: self.came() >= count, f"not {count} came to the gate")

    def _file(self, name: str) -> Path:
        return Path(self.path) / name

    def _watch(self, look: Callable[[], bool], told: str) -> None:
        if not watch(look, self.seconds):
            msg = f"{told} within {self.seconds:g} s: {self.path}"
            raise TimeoutError(msg)

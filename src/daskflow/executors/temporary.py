"""The local cluster that belongs to this process: started on first use, closed at exit.

What its processes print comes through a pipe and is printed here, line by line. So it reaches
wherever this process prints to now: a notebook's cell, a terminal below a live display.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

from daskflow.errors import ExecutorError
from daskflow.executors import owned
from daskflow.executors.connections import disconnect, give_up
from daskflow.garbage import collected
from daskflow.settings import current_settings

_EXIT_SECONDS = 10.0  # in which a host has to end once it was told


@dataclass(frozen=True)
class _Host:
    """The process that holds the cluster."""

    process: subprocess.Popen[bytes]
    size: tuple[int, int]  # worker processes, threads in each
    address: str
    relays: list[threading.Thread] = field(default_factory=list)


_lock = threading.Lock()
_host: _Host | None = None


def temporary_address(workers: int | None = None, threads_per_worker: int | None = None) -> str:
    """Return the scheduler's address of this process's cluster, starting it if need be.

    Parameters
    ----------
    workers, threads_per_worker
        Its size. None: what the settings say, or what it has where it is there already.

    Raises
    ------
    ExecutorError
        It does not start, or is there already with another size.
    """
    global _host  # noqa: PLW0603 - it is one for each process, by definition
    with _lock:
        if _host is None or _host.process.poll() is not None:
            if _host is not None:  # it has died
                _kill(_host.process)
            settings = current_settings().cluster
            size = (
                workers or settings.workers or _cores(),
                threads_per_worker or settings.threads_per_worker,
            )
            with collected():
                _host = _start(size, settings.start_timeout)
        elif workers not in (None, _host.size[0]) or threads_per_worker not in (
            None,
            _host.size[1],
        ):
            msg = (
                f"this process has a temporary cluster of {_host.size[0]} workers with "
                f"{_host.size[1]} threads already: daskflow.shutdown() closes it"
            )
            raise ExecutorError(msg)
        return _host.address


def _start(size: tuple[int, int], timeout: float) -> _Host:
    reading, writing = os.pipe()
    asked = {"workers": size[0], "threads_per_worker": size[1], "fd": writing}
    path = os.pathsep.join(entry for entry in sys.path[1:] if entry)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "daskflow.executors.host", json.dumps(asked)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(writing,),
        start_new_session=True,  # Ctrl-C is for the driver
        env={**os.environ, "PYTHONPATH": path},
    )
    pipes = {"stdout": process.stdout, "stderr": process.stderr}
    relays = [_relay(pipe, name) for name, pipe in pipes.items() if pipe is not None]
    os.close(writing)
    answer = b""
    try:
        with os.fdopen(reading, "rb") as told:
            if select.select([told], [], [], timeout)[0]:
                answer = told.read()
    finally:
        if not answer:  # too late, or interrupted
            _kill(process)
    if not answer:
        msg = (
            f"the temporary cluster did not start within {timeout:g} s; give an "
            "address (DaskExecutor(address=...)) or run without one (LocalExecutor())"
        )
        raise ExecutorError(msg)
    return _Host(process, size, json.loads(answer)["address"], relays)


def _relay(pipe: IO[bytes], name: str) -> threading.Thread:
    """Print what comes through a pipe to `sys.stdout` or `sys.stderr`, whatever that is then."""

    def copy() -> None:
        with pipe:
            for line in pipe:
                stream = getattr(sys, name)
                try:
                    stream.write(line.decode(errors="replace"))
                    stream.flush()
                except (AttributeError, OSError, ValueError):  # nowhere to print: read on
                    continue

    thread = threading.Thread(target=copy, name=f"daskflow-{name}", daemon=True)
    thread.start()
    return thread


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shutdown() -> None:
    """Close the clusters that daskflow has started in this process; a later run starts another.

    Those are the temporary local one and those of executors with a ``cluster_class``. A cluster
    that was given to an executor stays as it is.

    Examples
    --------
    >>> import daskflow
    >>> daskflow.shutdown()
    """
    owned.close_clusters()
    host = _take_host()
    if host is None:
        return
    disconnect(host.address)
    _tell(host.process)
    try:
        host.process.wait(timeout=_EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        _kill(host.process)
    _see_off(host)


def kill() -> None:
    """End this process's clusters at once, whatever tasks are doing; before leaving, only."""
    host = _take_host()
    if host is not None:
        give_up(host.address)
        _kill(host.process)
        _see_off(host)
    owned.abandon_clusters()


def _tell(process: subprocess.Popen[bytes]) -> None:
    """End the standard input of a host, and with it the host."""
    if process.stdin is not None:
        process.stdin.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    _tell(process)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its workers are of its group
    process.wait()


def _take_host() -> _Host | None:
    global _host
    with _lock:
        host, _host = _host, None
    return host


def _see_off(host: _Host) -> None:
    """Print the last of what its processes printed."""
    for relay in host.relays:
        relay.join(timeout=1.0)


atexit.register(shutdown)

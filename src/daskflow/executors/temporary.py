"""The local cluster that belongs to this process: started on first use, closed at exit."""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import threading

from daskflow.errors import ExecutorError
from daskflow.executors.connections import disconnect
from daskflow.settings import ClusterSettings, Settings

_lock = threading.Lock()
_host: subprocess.Popen[bytes] | None = None
_address = ""


def temporary_address() -> str:
    """Return the scheduler's address of this process's cluster, starting it if need be."""
    global _host, _address  # noqa: PLW0603 - it is one for each process, by definition
    with _lock:
        if _host is None or _host.poll() is not None:
            _host, _address = _start(Settings().cluster)
        return _address


def _start(settings: ClusterSettings) -> tuple[subprocess.Popen[bytes], str]:
    reading, writing = os.pipe()
    asked = {
        "workers": settings.workers or _cores(),
        "threads_per_worker": settings.threads_per_worker,
        "fd": writing,
    }
    path = os.pathsep.join(entry for entry in sys.path[1:] if entry)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "daskflow.executors.host", json.dumps(asked)],
        stdin=subprocess.PIPE,
        pass_fds=(writing,),
        start_new_session=True,  # Ctrl-C is for the driver
        env={**os.environ, "PYTHONPATH": path},
    )
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        ready, _, _ = select.select([told], [], [], settings.start_timeout)
        answer = told.read() if ready else b""
    if not answer:
        process.kill()
        process.wait()
        msg = (
            f"the temporary cluster did not start within {settings.start_timeout:g} s; give an "
            "address (DaskExecutor(address=...)) or run without one (LocalExecutor())"
        )
        raise ExecutorError(msg)
    return process, json.loads(answer)["address"]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shutdown() -> None:
    """Close this process's cluster, if it has one; a later run starts another."""
    global _host, _address  # noqa: PLW0603
    with _lock:
        host, _host, _address = _host, None, ""
    if host is None:
        return
    disconnect()
    if host.stdin is not None:
        host.stdin.close()
    try:
        host.wait(timeout=10)
    except subprocess.TimeoutExpired:
        host.kill()
        host.wait()


atexit.register(shutdown)

"""Processes of their own: a scheduler and its workers as on any cluster, a user's script."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.contract.waiting import eventually, is_alive

_WITHOUT_DASKFLOW = (
    "import sys; sys.modules['daskflow'] = None; "
    "from distributed.cli.{0} import main; main(sys.argv[1:])"
)


def environment(**more):
    """Return the environment of this process, without its settings and its import path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DASK")}
    kept.pop("PYTHONPATH", None)
    return {**kept, "DASKFLOW_HOME": os.environ["DASKFLOW_HOME"], **more}


@contextmanager
def dask(command, *options, cwd, knows_daskflow=True, **variables):
    """Run ``dask scheduler`` or ``dask worker`` meanwhile."""
    module = f"dask_{command}"
    python = ["-m", f"distributed.cli.{module}"]
    if not knows_daskflow:
        python = ["-c", _WITHOUT_DASKFLOW.format(module)]
    process = subprocess.Popen(
        [sys.executable, *python, *map(str, options)],
        cwd=cwd,
        env=environment(**variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill_group(process)


@contextmanager
def scheduler(folder, *options, has_dashboard=False, **variables):
    """Run a scheduler meanwhile; give its process and its address."""
    file = Path(folder) / "scheduler.json"
    shown = ("--dashboard-address", "127.0.0.1:0") if has_dashboard else ("--no-dashboard",)
    place = ("--host", "127.0.0.1", "--port", 0, *shown, "--scheduler-file", file)
    with dask("scheduler", *place, *options, cwd=folder, **variables) as process:

        def address():
            """The scheduler has written down where it is."""
            assert process.poll() is None
            try:
                return json.loads(file.read_text(encoding="utf-8"))["address"]
            except (FileNotFoundError, json.JSONDecodeError):
                return None

        yield process, eventually(address, 30.0)


@contextmanager
def worker(folder, address, *options, **variables):
    """Run a worker of one thread meanwhile."""
    place = (address, "--host", "127.0.0.1", "--nthreads", 1, "--no-dashboard", "--no-nanny")
    with dask("worker", *place, *options, cwd=folder, **variables) as process:
        yield process


def kill_group(process):
    """Kill a process that leads a group, with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def script(folder, text, *, wait=True, **variables):
    """Run a user's script in its folder; return what it printed, or its process."""
    file = Path(folder) / "script.py"
    file.write_text(text, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(file)],
        cwd=folder,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if not wait:
        return process
    try:
        printed, complaints = process.communicate(timeout=60)
    finally:
        kill_group(process)
    assert process.returncode == 0, complaints
    return printed, complaints


def descendants(pid):
    """Return the processes that a process started, and those that these started."""
    found = set()
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and is_alive(int(entry.name)):
            try:
                after_name = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2]
            except OSError:  # it has just ended
                continue
            parents[int(entry.name)] = int(after_name.split()[1])
    grown = True
    while grown:
        new = {child for child, parent in parents.items() if parent in {pid, *found}} - found
        grown = bool(new)
        found |= new
    return found

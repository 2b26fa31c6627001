"""The cluster of a script that names none: shared by its runs, gone with it however it ends."""

import signal
import threading
from pathlib import Path

import pytest

from daskflow import DaskExecutor, flow, shutdown, task
from daskflow.executors import temporary
from tests.contract.processes import descendants, kill_group, script
from tests.contract.waiting import eventually, is_alive

pytestmark = pytest.mark.outside
BEGIN = """
import os, threading, time
from pathlib import Path
from daskflow import flow, shutdown, task

@task
def pid(x):
    print(f"child {x}\\n", end="")  # at once: another process may print as well
    return os.getpid()

@task
def make(size):
    return bytes(size)

@task
def stay(x):
    Path(x).touch()
    threading.Event().wait()

@flow
def pids(xs):
    return pid.map(xs)

@flow
def heaps(sizes):
    return make.map(sizes)

@flow
def stays(xs):
    return stay.map(xs)
"""


TWO_WORKERS = {"DASKFLOW_CLUSTER__WORKERS": "2"}


def test_runs_of_an_unguarded_script_share_one_cluster(tmp_path):
    """No guard, no executor: results, prints, one cluster for all; not a process or word is left.

    Values are held and a client is connected when it ends, and warnings are errors.
    """
    text = (
        BEGIN
        + """
one, other = pids.run([1, 2]), pids.run([3])
held = heaps.run([1_000_000, 1_000_000])
pages = {run.link.replace(run.id, "") for run in (one, other, held)}
print("same", len(pages), len(set(one.result())))
print("pids", os.getpid() in one.result(), *one.result())
from daskflow.executors import temporary
print("host", temporary._host.process.pid)
"""
    )
    printed, complaints = script(tmp_path, text, **TWO_WORKERS)
    lines = printed.splitlines()
    assert complaints == ""
    assert sorted(lines[:3]) == ["child 1", "child 2", "child 3"]
    assert lines[3] == "same 1 2"
    _, is_drivers, *pids = lines[4].split()
    assert is_drivers == "False"
    host = lines[5].split()[1]
    assert [pid for pid in (*pids, host) if is_alive(pid)] == []


@pytest.mark.slow
def test_shutdown_is_quick_and_a_later_run_starts_another(tmp_path):
    """Held values are not handed over before the end, and bodies that run are not waited for."""
    text = (
        BEGIN
        + """
def closed():
    before = time.monotonic()
    shutdown()
    return time.monotonic() - before

held = heaps.run([10_000_000, 10_000_000, 10_000_000])
print(closed())
shutdown()
run = stays.submit(["one", "two", "three"])
while len([name for name in ("one", "two", "three") if Path(name).exists()]) < 2:
    time.sleep(0.02)
print(closed(), run.wait(10).state)
"""
    )
    printed, complaints = script(tmp_path, text, **TWO_WORKERS)
    assert complaints == ""
    first, last = printed.splitlines()
    took, state = last.split(maxsplit=1)
    assert float(first) < 10.0
    assert float(took) < 10.0
    assert state.startswith("Crashed")
    assert "was lost" in state


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_nothing_is_left_of_a_driver_that_was_killed(tmp_path, how):
    """The host and its workers end soon, even in the midst of bodies that never would."""
    process = script(tmp_path, BEGIN + "stays.run(['one', 'two'])\n", wait=False, **TWO_WORKERS)
    try:
        eventually(lambda: all((tmp_path / name).exists() for name in ("one", "two")), 30.0)
        left = descendants(process.pid)
        assert len(left) >= 3  # the host and its workers
        process.send_signal(how)
        process.wait(timeout=10)
        eventually(lambda: not [pid for pid in left if is_alive(pid)], 20.0)
    finally:
        kill_group(process)
        process.stdout.close()
        process.stderr.close()


def test_a_cluster_that_does_not_start_is_told(tmp_path):
    """Within the timeout, with what to do instead; the process that was to hold it is gone."""
    text = (
        BEGIN
        + """
from daskflow import ExecutorError
try:
    pids([1])
except ExecutorError as error:
    print(error)
"""
    )
    printed, complaints = script(tmp_path, text, DASKFLOW_CLUSTER__START_TIMEOUT="0.01")
    assert printed.startswith("the temporary cluster did not start within 0.01 s; give an address")
    assert complaints == ""


def test_it_can_be_killed_in_the_midst(monkeypatch, tmp_path, capfd):
    """From this process: what its tasks print arrives here, and `kill` waits for no body."""
    monkeypatch.setenv("DASKFLOW_CLUSTER__WORKERS", "1")

    @task
    def stay(path):
        print("here I am")  # noqa: T201 - what a task prints is what is tested
        Path(path).touch()
        threading.Event().wait()

    @flow
    def stays(path):
        return stay(path)

    run = stays.with_options(executor=DaskExecutor(workers=1)).submit(str(tmp_path / "begun"))
    eventually((tmp_path / "begun").exists, 30.0)
    left = descendants(temporary._host.process.pid)
    temporary.kill()
    assert not temporary._host
    run.wait(10)
    assert run.state.is_failed()
    assert "was lost" in run.state.message
    eventually(lambda: not [pid for pid in left if is_alive(pid)])
    assert capfd.readouterr().out == "here I am\n"


def test_it_closes_only_its_own_client(near_cluster):
    """Runs of this process on other clusters go on when the temporary one is shut down."""

    @task
    def inc(x):
        return x + 1

    @flow
    def one():
        return inc(0)

    elsewhere = one.with_options(executor=DaskExecutor(address=near_cluster.scheduler_address))
    run = elsewhere.run()
    assert one.with_options(executor=DaskExecutor(workers=1)).run().result() == 1
    before = temporary._host.process
    assert one.with_options(executor=DaskExecutor()).run().result() == 1
    assert temporary._host.process is before
    shutdown()
    assert before.returncode == 0
    assert run._session._hub.client.status == "running"
    assert elsewhere() == 1


def test_workers_have_loaded_what_blocks_need_and_do_not_look_at_it_again(tmp_path):
    """Python's collector would for half a second at a time, in the midst of a body too."""
    text = (
        BEGIN
        + """
import gc, sys
from distributed import Client
from daskflow.executors import temporary

def look():
    return "daskflow.runtime.shim" in sys.modules, gc.get_freeze_count() > len(gc.get_objects())

pids.run([1])
with Client(temporary._host.address) as client:
    print(*client.run(look).values(), client.run_on_scheduler(look)[1])
"""
    )
    printed, _complaints = script(tmp_path, text, **TWO_WORKERS)
    assert printed.splitlines()[-1] == "(True, True) (True, True) True"

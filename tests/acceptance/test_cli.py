"""The command in processes of its own: where its code comes from, what it leaves behind."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "daskflow.cli"]

HELPER = """
import os
from dataclasses import dataclass

@dataclass(frozen=True)
class Visit:
    number: int
    process: int

def visit(number):
    print("visiting", number)
    return Visit(number, os.getpid())
"""
VISITS = """
from helper import Visit, visit
from daskflow import Skip, context, flow, task

@task(retries=1, retry_delay_seconds=0)
def go(number: int) -> Visit:
    if number == 2 and context.attempt == 1:
        raise TimeoutError("closed for lunch")
    if number == 3:
        raise Skip("not on a Monday")
    return visit(number)

@task
def refuse(number: int) -> None:
    raise ValueError(f"no {number}")

@flow
def visits(numbers: list[int]):
    return go.map(numbers)

@flow
def refusals(numbers: list[int]):
    return refuse.map(numbers)
"""
ENDLESS = """
import os, threading
from daskflow import flow, task

@task
def endless() -> None:
    print("process", os.getpid())
    threading.Event().wait(100)

@task(resources={"GPU": 1})
def train() -> None: ...

@flow
def wait():
    return endless()

@flow
def vain():
    return train()
"""


@pytest.fixture
def flows(tmp_path):
    """A folder with two files of flows and what they import; the command is started elsewhere."""
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "helper.py").write_text(HELPER)
    (folder / "visits.py").write_text(VISITS)
    (folder / "endless.py").write_text(ENDLESS)
    (folder / "broken.py").write_text("import helper\nhelper.nothing\n")
    return folder


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if name[:3] != "COV"}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **more}


def daskflow(*arguments, **more):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@contextmanager
def started(*arguments, **options):
    """Start the command; kill it where the test failed before it has ended."""
    with subprocess.Popen(*arguments, **options) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def is_alive(process):
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_loose_file_runs_on_a_cluster_that_never_saw_it(flows, tmp_path):
    """Its helper module, and a class of that, travel there and back; no process stays behind."""
    ended = daskflow("run", flows / "visits.py:visits", "-p", "numbers=[1, 2, 3]", "--workers", 1)
    assert ended.returncode == 0, ended.stderr
    assert "visiting 1\n" in ended.stdout
    assert "go[2]: Skipped: not on a Monday\n" in ended.stdout
    assert "go[1]: Success at attempt 2; attempt 1 of 2 failed: TimeoutError: " in ended.stdout
    found = re.findall(r"Visit\(number=(\d), process=(\d+)\)", ended.stdout)
    assert [number for number, _ in found] == ["1", "2"]
    assert not any(is_alive(process) for _, process in found)


@pytest.mark.slow
@pytest.mark.parametrize(
    "size",
    [('{"n_workers": 1}',), ("@size.json", "--adapt", "0:1")],
    ids=["of one worker", "that starts without any"],
)
def test_a_cluster_of_a_class_lives_as_long_as_the_run(flows, tmp_path, monkeypatch, size):
    """Named on the command line, on this machine; no process and no word of it stays behind."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "size.json").write_text('{"threads_per_worker": 1}')
    asked = ("run", flows / "visits.py:visits", "-p", "numbers=[1, 2, 3]")
    named = ("--cluster-class", "distributed.LocalCluster", "--cluster-kwargs", *size)
    ended = daskflow(*asked, *named)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ", http://127.0.0.1:" in ended.stdout
    found = re.findall(r"Visit\(number=(\d), process=(\d+)\)", ended.stdout)
    assert [number for number, _ in found] == ["1", "2"]
    assert not any(is_alive(process) for _, process in found)


@pytest.mark.slow
def test_a_task_that_nobody_can_run_is_told_above_the_display(flows):
    """In a line of its own, within seconds; the run goes on waiting until it is interrupted."""
    ours, theirs = pty.openpty()
    named = ("--cluster-class", "distributed.LocalCluster", "--cluster-kwargs", '{"n_workers": 1}')
    with started(
        [*COMMAND, "run", str(flows / "endless.py:vain"), *named],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(TERM="xterm", COLUMNS="100", LINES="24"),
    ) as process:
        os.close(theirs)
        shown = ""
        while "waits" not in shown:
            shown += os.read(ours, 65536).decode()
        process.send_signal(signal.SIGINT)
        shown += read_all(ours)
    os.close(ours)
    assert process.returncode == 3
    line = "train waits: no worker has resources GPU=1; the 1 worker has none\r\n"
    assert line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)


def test_output_that_is_no_terminal_has_no_codes(flows):
    """Not even where colours are asked for by the environment."""
    asked = ("run", flows / "visits.py:refusals", "-p", "numbers=[1, 2, 3, 4, 5]")
    ended = daskflow(*asked, "--executor", "local", FORCE_COLOR="1", TTY_COMPATIBLE="1")
    assert ended.returncode == 2
    assert "\x1b" not in ended.stdout + ended.stderr
    assert ended.stdout.count("Traceback (most recent call last):") == 3
    assert "2 task runs failed as well: refuse" in ended.stdout
    assert re.search(
        r"^\d\d:\d\d:\d\d refuse\[4\] Failed: ValueError: no 5$", ended.stdout, re.MULTILINE
    )


def test_a_terminal_sees_the_tasks_move(flows):
    """The display is drawn, prints of tasks stand above it, and at the end only they are left."""
    ours, theirs = pty.openpty()
    command = [*COMMAND, "run", str(flows / "visits.py:visits"), "-p", "numbers=[1]"]
    with started(
        [*command, "--workers", "1"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(TERM="xterm", COLUMNS="80", LINES="24"),
    ) as process:
        os.close(theirs)
        shown = read_all(ours)
    os.close(ours)
    assert process.returncode == 0
    assert "visits: starting" in shown
    assert "━" in shown
    assert "visiting 1\r\n" in shown
    assert re.search(r"visits / \S+: Success in ", shown)


def read_all(terminal):
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other side was closed
            piece = b""
        if not piece:
            return shown.decode()
        shown += piece


@pytest.mark.parametrize("executor", ["threads", "local", "dask"])
def test_ctrl_c_ends_it_at_once(flows, executor):
    """Exit code 3, how far it got, and nobody goes on: not even a task that waits for ever."""
    command = [*COMMAND, "run", str(flows / "endless.py:wait"), "--executor", executor]
    with started(
        command, env=environment(PYTHONUNBUFFERED="1"), stdout=subprocess.PIPE, text=True
    ) as process:
        busy = next(line for line in process.stdout if line.startswith("process "))
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 3
    assert re.search(r"wait / \S+: interrupted after .*; 0 of 1 task runs had finished", rest)
    assert not is_alive(busy.split()[1])


def test_a_reader_that_has_seen_enough_is_no_error(flows):
    """``daskflow run ... | head`` shows no traceback."""
    command = [*COMMAND, "run", str(flows / "visits.py:visits"), "-p", "numbers=[1]"]
    with started(
        [*command, "--executor", "local"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""


MISTAKES = {
    "file": (["none.py:etl"], "Error: none.py is no file: TARGET is FILE.py:flow or module:flow"),
    "import": (["broken.py"], "line 2: AttributeError: module 'helper' has no attribute 'nothing'"),
    "flow": (["visits.py:none"], "visits.py has no flow 'none'; its flows: visits.py:visits"),
    "parameter": (["visits.py:visits", "-p", "n=1"], "flow 'visits': unknown: n. It takes (numb"),
    "scheduler": (
        ["visits.py:visits", "-p", "numbers=[1]", "--address", "tcp://127.0.0.1:1"],
        "Error: no Dask scheduler answers at 'tcp://127.0.0.1:1' within 0.5 s",
    ),
    "option": (["visits.py", "--workers", "many"], "'many' is not a valid integer range"),
}


@pytest.mark.parametrize(("asked", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_on_standard_error(flows, monkeypatch, asked, message):
    """Exit code 1 and one message; standard output stays empty."""
    monkeypatch.chdir(flows)
    ended = daskflow("run", *asked, DASKFLOW_ENGINE__CONNECT_TIMEOUT="0.5")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_command_loads_little():
    """Neither Dask nor rich nor pydantic, before a command needs them."""
    program = "import sys, daskflow.cli; print(*{name.partition('.')[0] for name in sys.modules})"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"bokeh", "dask", "distributed", "pydantic", "rich"}
    assert heavy & set(ended.stdout.split()) == set()


def test_the_command_is_installed():
    """The entry point is the same command."""
    command = Path(sys.executable).parent / "daskflow"
    ended = subprocess.run([command, "version"], capture_output=True, text=True, check=True)
    assert ended.stdout == daskflow("version").stdout

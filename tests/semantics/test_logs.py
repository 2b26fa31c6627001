"""What bodies log and print: records that tell of which task run they are, on every executor."""

# ruff: noqa: T201 - what is printed is tested

import contextlib
import io
import logging
import re
import sys
import threading
from pathlib import Path

import pytest

from daskflow import (
    DaskExecutor,
    LocalExecutor,
    context,
    flow,
    get_run_logger,
    logs,
    task,
    unmapped,
)
from tests.contract.processes import script
from tests.contract.waiting import eventually
from tests.semantics.ledger import Ledger

ATTRIBUTES = ("task_run", "attempt", "run_id", "run_name", "flow_name", "task_run_id", "worker")


class FileSink:
    """Writes records into a file, in whichever process, as long as its folder is there."""

    def __init__(self, path):
        self.ledger = Ledger(path)

    def take(self, record):
        told = [str(getattr(record, f"daskflow_{name}", "?")) for name in ATTRIBUTES]
        if Path(self.ledger.path).parent.exists():
            self.ledger.note("|".join([record.levelname, record.getMessage(), *told]))

    def lines(self):
        """Return level and text of all records with the first two names of their task run."""
        return [tuple(line.split("|")[:4]) for line in self.ledger.lines()]


@pytest.fixture
def sink(tmp_path):
    """A sink for the bodies to install where they run; here the one before comes back."""
    before = logs.send_to(logs.StderrSink())
    yield FileSink(tmp_path / "records")
    logs.send_to(before)


@pytest.fixture
def at_info(monkeypatch):
    """Let INFO through also where a logging configuration stands, as in a test run."""
    monkeypatch.setenv("DASKFLOW_LOGGING__LEVEL", "info")


def speak(x, sink):
    logs.send_to(sink)
    get_run_logger().info("x is %d", x)
    context.logger.warning("soon", extra={"mine": 1})
    get_run_logger().debug("too much")
    if context.attempt == 1 and x == 2:
        raise ValueError("again")
    return x


def test_records_tell_of_their_task_run(play, ledger, sink, at_info):
    """Name, attempt, run, flow and worker, for every attempt of every child."""
    speaking = ledger.task(speak, retries=1)
    run = play(lambda: speaking.map([1, 2], unmapped(sink)))
    assert run.result() == [1, 2]
    assert sorted(sink.lines()) == sorted(
        (level, text, f"speak[{i}]", str(attempt))
        for i, attempt in [(0, 1), (1, 1), (1, 2)]
        for level, text in [("INFO", f"x is {i + 1}"), ("WARNING", "soon")]
    )
    last = {one.name: (str(one.attempt), one.worker) for one in run.task_runs}
    for line in sink.ledger.lines():
        _, _, name, attempt, run_id, run_name, flow_name, task_run_id, worker = line.split("|")
        assert (run_id, run_name, flow_name) == (run.id, run.name, run.flow_name)
        assert task_run_id == f"{run.id}/{name}"
        assert worker == last[name][1] or attempt != last[name][0]


def chat(x, sink):
    logs.send_to(sink)
    print("one", x)
    print("two", end="")
    print(" words\nthree")
    print("aside", file=io.StringIO())
    print()
    sys.stdout.writelines(["four\n", "rest"])
    return x


TOLD = ["one 1", "two words", "three", "four", "rest"]


@pytest.mark.parametrize(
    ("of_task", "of_flow", "setting", "is_logged"),
    [
        (True, None, None, True),
        (None, True, None, True),
        (None, None, "true", True),
        (False, True, "true", False),
        (None, False, "true", False),
        (None, None, None, False),
    ],
)
def test_prints_become_records(  # noqa: PLR0917 - fixtures
    of_task, of_flow, setting, is_logged, executor, sink, at_info, monkeypatch
):
    """Where the task, else the flow, else the setting says so; by line, the rest at the end."""
    if setting is not None:
        monkeypatch.setenv("DASKFLOW_LOGGING__PRINTS", setting)
    chatting = task(chat) if of_task is None else task(chat, log_prints=of_task)
    words = {} if of_flow is None else {"log_prints": of_flow}
    assert flow(lambda: chatting(1, sink), executor=executor, **words)() == 1
    expected = [("INFO", text, "chat", "1") for text in TOLD] if is_logged else []
    assert sink.lines() == expected


def chat_together(x, sink, n):
    logs.send_to(sink)
    meeting = Ledger(sink.ledger.path + ".meeting")
    for turn in range(1, 4):
        print("turn", turn, end=" ")
        meeting.note("here")
        eventually(lambda turn=turn: len(meeting.lines()) >= turn * n)
        print("of", context.task_run_name)
    return type(sys.stdout).__name__


THREADS = 8


@pytest.fixture(scope="module")
def wide_cluster():
    """A cluster within this process, of one worker with eight threads."""
    from distributed import LocalCluster

    words = {"processes": False, "n_workers": 1, "threads_per_worker": THREADS}
    with LocalCluster(**words, dashboard_address="127.0.0.1:0", silence_logs="CRITICAL") as cluster:
        yield cluster


@pytest.mark.parametrize("kind", ["threads", "cluster"])
def test_prints_of_bodies_at_the_same_time_are_not_mixed(kind, request, sink, at_info, capsys):
    """Each line belongs to who printed it; one that logs no prints just prints meanwhile."""
    executor = LocalExecutor(threads=THREADS)
    if kind == "cluster":
        executor = DaskExecutor(cluster=request.getfixturevalue("wide_cluster"))
    chatting = task(chat_together, log_prints=True)
    quiet = task(chat_together, name="quiet")
    before = sys.stdout

    def case():
        rest = unmapped(sink), unmapped(THREADS)
        return chatting.map(list(range(THREADS - 1)), *rest), quiet(0, sink, THREADS)

    assert flow(case, executor=executor, block_size=1)()[0] == ["_Fork"] * (THREADS - 1)
    assert sorted(sink.lines()) == sorted(
        ("INFO", f"turn {turn} of chat_together[{i}]", f"chat_together[{i}]", "1")
        for i in range(THREADS - 1)
        for turn in range(1, 4)
    )
    assert capsys.readouterr().out == "".join(f"turn {turn} of quiet\n" for turn in range(1, 4))
    assert sys.stdout is before


def test_prints_in_a_child_run_are_the_childs(play, ledger, sink, at_info):
    """A parent that logs its prints does not take those of its child."""
    inner = flow(lambda: task(lambda: print("inner"), name="inner", log_prints=True)(), name="in")
    silent = flow(lambda: task(lambda: print("silent"), name="silent")(), name="silent")

    def outer(sink):
        logs.send_to(sink)
        print("before", end=" ")
        inner()
        silent()
        print("behind")

    calling = ledger.task(outer, log_prints=True)
    play(lambda: calling(sink))
    assert [line[1:3] for line in sink.lines() if line[2] != "inner"] == [
        ("before behind", "outer")
    ]


def test_a_thread_of_the_tasks_own_just_prints(sink, at_info, capsys):
    """It is nobody's body."""

    def body(sink):
        logs.send_to(sink)
        thread = threading.Thread(target=print, args=["from beside"])
        thread.start()
        thread.join()
        print("mine")

    flow(lambda: task(body, log_prints=True)(sink), executor=LocalExecutor())()
    assert [line[1] for line in sink.lines()] == ["mine"]
    assert capsys.readouterr().out == "from beside\n"


def test_logging_of_the_users_that_prints(at_info, capsys):
    """A handler that shows records on what bodies print to shows them once."""

    class Printing(logging.Handler):
        def emit(self, record):
            print("shown:", record.getMessage())

    logger, handler = logging.getLogger("daskflow"), Printing()
    logger.addHandler(handler)
    try:
        flow(lambda: task(lambda: print("text"), log_prints=True)(), executor=LocalExecutor())()
    finally:
        logger.removeHandler(handler)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("shown: text\n", "")


def test_a_redirected_stdout_is_the_users(sink, at_info):
    """What a body itself redirects goes where it says."""

    def body(sink):
        logs.send_to(sink)
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            print("kept")
        print("told")
        return text.getvalue()

    made = flow(lambda: task(body, log_prints=True)(sink), executor=LocalExecutor())
    assert made() == "kept\n"
    assert [line[1] for line in sink.lines()] == ["told"]


SPEAKING = """
import logging, os, sys
from daskflow import flow, get_run_logger, task

@task(retries=1, log_prints=True)
def clean(x):
    get_run_logger().info("took %s", x)
    get_run_logger().debug("too much")
    print("printed", x)
    if x == 1:
        raise ValueError("no")

@flow
def etl():
    clean.map([0, 1])

if __name__ == "__main__":
    exec(os.environ.get("FIRST", ""))
    etl.run()
"""


def shown(folder, **variables):
    """Run the flow in a process of its own; return what it wrote to stderr, sorted."""
    printed, complaints = script(folder, SPEAKING, **variables)
    assert printed == ""
    return sorted(complaints.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["local", "dask"])
def test_what_is_shown_where_nothing_is_configured(tmp_path, kind):
    """INFO and above on stderr, with time, level, task run and attempt, once each."""
    found = shown(tmp_path, DASKFLOW_EXECUTOR=kind, DASKFLOW_CLUSTER__WORKERS="1")
    lines = [line for line in found if "clean" in line]  # Dask may tell that it is busy
    assert all(re.match(r"\d\d:\d\d:\d\d INFO clean\[\d\] attempt \d \| ", line) for line in lines)
    assert sorted(line.partition(" INFO ")[2] for line in lines) == [
        f"clean[{i}] attempt {attempt} | {text} {i}"
        for i, attempt in [(0, 1), (1, 1), (1, 2)]
        for text in ["printed", "took"]
    ]


@pytest.mark.slow
def test_a_configuration_of_the_users_is_respected(tmp_path):
    """His format and his level, nothing twice; the setting says more where it is given."""
    first = "logging.basicConfig(format='%(daskflow_task_run)s: %(message)s'{})"
    words = {"DASKFLOW_EXECUTOR": "local"}
    loud = shown(tmp_path, FIRST=first.format(", level='DEBUG'"), **words)
    assert len(loud) == 9
    assert loud[:3] == ["clean[0]: printed 0", "clean[0]: too much", "clean[0]: took 0"]
    assert shown(tmp_path, FIRST=first.format(""), **words) == []
    level = shown(tmp_path, FIRST=first.format(""), DASKFLOW_LOGGING__LEVEL="INFO", **words)
    assert [line for line in loud if "too much" not in line] == level

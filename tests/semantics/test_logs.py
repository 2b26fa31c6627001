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
    Loop,
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
    # no tables are made: that is logged too
    words = {"DASKFLOW_EXECUTOR": "local", "DASKFLOW_STORE__URL": "memory://"}
    loud = shown(tmp_path, FIRST=first.format(", level='DEBUG'"), **words)
    assert len(loud) == 9
    assert loud[:3] == ["clean[0]: printed 0", "clean[0]: too much", "clean[0]: took 0"]
    assert shown(tmp_path, FIRST=first.format(""), **words) == []
    level = shown(tmp_path, FIRST=first.format(""), DASKFLOW_LOGGING__LEVEL="INFO", **words)
    assert [line for line in loud if "too much" not in line] == level


def told(run, **wanted):
    """Return task run, attempt and text of what is kept of a run's lines, by task run."""
    lines = [(line.task_run, line.attempt, line.message) for line in run.logs(**wanted)]
    return sorted(lines, key=lambda line: line[:2])


def recite(x):
    get_run_logger().debug("too much")
    get_run_logger().info("x is %d", x)
    print("printed", x)
    if context.attempt == 1 and x == 2:
        raise ValueError("again")
    return x


def test_what_bodies_log_is_kept(play, ledger):
    """Of every attempt its own lines in order, whatever the logging configuration says here."""
    reciting = ledger.task(recite, retries=1, log_prints=True)
    run = play(lambda: reciting.map([1, 2]))
    assert told(run) == [
        (f"recite[{i}]", attempt, text)
        for i, attempt in [(0, 1), (1, 1), (1, 2)]
        for text in (f"x is {i + 1}", f"printed {i + 1}")
    ]
    workers = {one.name: one.worker for one in run.task_runs}
    last = {line.task_run: line.worker for line in run.logs()}
    assert last == workers
    assert told(run, task="recite[0]") == told(run)[:2]
    assert told(run, task="recite") == told(run)
    assert told(run, task="other") == told(run, level=logging.WARNING) == []
    assert all(line.logger == logs.NAME and line.number in {1, 2} for line in run.logs())
    assert run.last_lines("recite[0]") == []


def test_of_much_the_first_and_the_last_lines_are_kept(play, ledger, monkeypatch):
    """As many as the settings say, and a line that tells how many there were between."""
    monkeypatch.setenv("DASKFLOW_LOGGING__LINES", "8")
    monkeypatch.setenv("DASKFLOW_LOGGING__MESSAGE", "3")

    def babble(x):
        for number in range(100):
            get_run_logger().info("%03d%s", number, "x" * number)

    babbling = ledger.task(babble)
    run = play(lambda: babbling.map([1, 2]))
    for index in (0, 1):
        lines = run.logs(f"babble[{index}]")
        assert [line.message[:3] for line in lines if not line.dropped] == [
            *(f"{number:03}" for number in range(6)),
            *("098", "099"),
        ]
        (gap,) = (line for line in lines if line.dropped)
        assert (gap.dropped, gap.number, gap.message) == (92, 7, "92 lines were dropped here")
        assert lines[-1].message == "099... (99 characters more)"


def test_no_lines_are_kept_where_none_are_wanted(play, ledger, monkeypatch, sink):
    """They are shown where they are logged, as by `logging` alone."""
    monkeypatch.setenv("DASKFLOW_LOGGING__LINES", "0")
    monkeypatch.setenv("DASKFLOW_LOGGING__LEVEL", "INFO")
    speaking = ledger.task(speak)
    run = play(lambda: speaking(1, sink))
    assert run.logs() == []
    assert [line[1] for line in sink.lines()] == ["x is 1", "soon"]


@pytest.mark.parametrize(("level", "expected"), [("DEBUG", "DIW"), ("WARNING", "W"), (None, "IW")])
def test_what_is_kept_goes_by_the_setting(executor, monkeypatch, level, expected):
    """Whatever `logging` is configured to show; without a word, INFO and above."""
    if level is not None:
        monkeypatch.setenv("DASKFLOW_LOGGING__LEVEL", level)

    def body():
        for word in ("debug", "info", "warning"):
            getattr(get_run_logger(), word)(word[0].upper())

    run = flow(lambda: task(body)(), executor=executor).run()
    assert "".join(line.message for line in run.logs()) == expected


def test_an_iteration_is_an_attempt_of_its_own(play, ledger):
    """Its lines are counted from 1."""

    def again():
        print(f"round {context.loop_count}")
        if context.loop_count < 2:
            raise Loop(result=1)

    looping = ledger.task(again, log_prints=True)
    run = flow(lambda: looping(), executor=LocalExecutor()).run()
    assert [(line.number, line.message) for line in run.logs()] == [
        (1, f"round {number}") for number in range(3)
    ]


def test_what_is_logged_around_a_body_is_kept(play, do):
    """In handlers and hooks, and what a hook raises, with its traceback."""

    def handler(task, old, new):
        get_run_logger().info("%s to %s", type(old).__name__, type(new).__name__)

    def hook(task, run, state):
        run.logger.info("hook")
        raise KeyError("of the hook")

    watched = do.ok.with_options(state_handlers=handler, on_completion=hook)
    run = play(lambda: watched())
    lines = [line.message for line in run.logs("ok")]
    assert lines[:3] == ["Pending to Running", "Running to Success", "hook"]
    assert "raised at Success" in lines[3]
    assert lines[3].endswith("KeyError: 'of the hook'")


def test_a_message_that_cannot_be_written_ends_nothing(play, ledger):
    """It is told in its place."""

    class Broken:
        def __str__(self):
            raise RuntimeError("no text")

    def body():
        get_run_logger().info("%d", "no number")
        get_run_logger().info(Broken())
        return 1

    logging.raiseExceptions, before = False, logging.raiseExceptions
    try:
        run = play(lambda: ledger.task(body)())
    finally:
        logging.raiseExceptions = before
    assert run.result() == 1
    first, second = (line.message for line in run.logs())
    assert re.fullmatch(r"a message of test_logs.py, line \d+: TypeError\(.*\)", first)
    assert second.endswith("RuntimeError('no text')")


def test_lines_of_bodies_at_the_same_time_are_kept_apart(wide_cluster):
    """However they are interleaved; and where the worker is in this process, shown once."""
    shown = []

    class Noting(logging.Handler):
        def emit(self, record):
            shown.append((record.daskflow_task_run, record.getMessage()))

    def count(x):
        for number in range(50):
            print(x, number)

    handler, logger = Noting(), logging.getLogger(logs.NAME)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        counting = task(count, log_prints=True)
        executor = DaskExecutor(cluster=wide_cluster)
        made = flow(lambda: counting.map(list(range(THREADS))), executor=executor, block_size=1)
        run = made.run()
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    expected = {f"count[{x}]": [f"{x} {number}" for number in range(50)] for x in range(THREADS)}
    for found in (shown, [(line.task_run, line.message) for line in run.logs()]):
        by_task: dict = {}
        for name, text in found:
            by_task.setdefault(name, []).append(text)
        assert by_task == expected


def test_lines_come_while_a_body_runs(cluster, gate, caplog):
    """To the store and to the user's own logging, with the names of the task run and its worker."""

    def body(gate):
        get_run_logger().warning("in the midst")
        gate.wait()

    made = flow(lambda: task(body)(gate), executor=DaskExecutor(cluster=cluster))
    run = made.submit()
    (line,) = eventually(run.logs)
    eventually(lambda: "in the midst" in caplog.text)
    assert not run.state.is_finished()
    assert [one.message for one in run.last_lines("body")] == ["in the midst"]
    gate.open()
    run.wait(30)
    assert run.last_lines("body") == []
    (record,) = (one for one in caplog.records if one.getMessage() == "in the midst")
    told = {name: getattr(record, f"daskflow_{name}") for name in ATTRIBUTES}
    assert told == {
        "task_run": "body",
        "attempt": 1,
        "worker": run["body"].worker,
        "run_id": run.id,
        "run_name": run.name,
        "flow_name": run.flow_name,
        "task_run_id": f"{run.id}/body",
    }
    assert (record.levelno, record.created, record.name) == (30, line.at, logs.NAME)


def test_lines_of_a_graph_for_other_dask_code_are_shown_where_they_are_logged(sink, at_info):
    """No driver hears of them."""
    made = flow(lambda: task(speak)(1, sink), executor=LocalExecutor())
    assert made.to_delayed().compute(scheduler="synchronous").is_successful()
    assert [line[1] for line in sink.lines()] == ["x is 1", "soon"]


FORKING = """
import os
from daskflow import LocalExecutor, flow, get_run_logger, task

@task
def parent():
    get_run_logger().info("of the parent")
    child = os.fork()
    get_run_logger().info("of the child" if not child else "of the parent again")
    if not child:
        os._exit(0)
    os.waitpid(child, 0)

@flow(executor=LocalExecutor())
def family():
    parent()

if __name__ == "__main__":
    print([line.message for line in family.run().logs()])
"""


@pytest.mark.slow
def test_what_a_forked_child_logs_is_shown(tmp_path):
    """It does not reach the store, for it has no way to the driver."""
    printed, complaints = script(tmp_path, FORKING)
    assert printed == "['of the parent', 'of the parent again']\n"
    assert "INFO parent attempt 1 | of the child" in complaints


SILENT = """
import threading
from daskflow import LocalExecutor, context, flow, task

@task
def work(x):
    assert context.task_run_name == f"work[{x}]"
    return x

@flow(executor=LocalExecutor(threads=2))
def silent():
    return work.map([0, 1, 2])

if __name__ == "__main__":
    silent()
    print(sorted(one.name for one in threading.enumerate() if one.name.startswith("daskflow-")))
"""


@pytest.mark.slow
def test_a_task_that_logs_nothing_starts_no_thread(tmp_path):
    """Neither to send lines, nor to show them."""
    printed, _ = script(tmp_path, SILENT)
    assert not {"daskflow-outbox", "daskflow-screen"} & set(re.findall(r"[\w-]+", printed))

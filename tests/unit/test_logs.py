"""What a run logger lets through, what its records carry, and where they leave."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace

import pytest

from daskflow import logs
from daskflow.lines import LogLine
from daskflow.logs import NAME, PrintedLines, RunFormatter, RunLogger, StderrSink, send_to


class Kept:
    """A sink that keeps records."""

    def __init__(self):
        self.records = []

    def take(self, record):
        self.records.append(record)

    def told(self):
        return [record.getMessage() for record in self.records]


@pytest.fixture
def kept():
    """What leaves meanwhile."""
    sink = Kept()
    before = send_to(sink)
    yield sink
    assert send_to(before) is sink


@pytest.fixture
def bare(monkeypatch):
    """Make it so that nobody has configured logging, or with some handlers; give the logger."""

    def make(*handlers):
        ours = logging.getLogger("daskflow")
        monkeypatch.setattr(ours, "propagate", False)
        monkeypatch.setattr(ours, "handlers", list(handlers))  # only now: pytest adds its own
        return ours

    return make


NAMES = {"task_run": "clean[3]", "attempt": 2}


def test_records_carry_the_names(kept):
    """Behind our prefix, beside what the caller adds; the caller is who logged."""
    RunLogger(NAMES, logging.INFO).info("took %d", 5, extra={"mine": 1})
    (record,) = kept.records
    assert (record.name, record.getMessage(), record.levelno) == (NAME, "took 5", logging.INFO)
    assert (record.daskflow_task_run, record.daskflow_attempt, record.mine) == ("clean[3]", 2, 1)
    assert record.funcName == "test_records_carry_the_names"


@pytest.mark.parametrize(("threshold", "expected"), [(None, "IW"), (10, "DIW"), (30, "W")])
def test_what_is_let_through_where_nothing_is_configured(bare, kept, threshold, expected):
    """INFO and above, or as the threshold says."""
    bare()
    logger = RunLogger({}, threshold)
    logger.debug("D")
    logger.info("I")
    logger.warning("W")
    assert "".join(kept.told()) == expected


def test_a_configuration_of_the_users_decides(bare, kept):
    """Where he has handlers the levels of `logging` count; a threshold goes before them."""
    bare(logging.NullHandler())
    RunLogger().info("while the root has WARNING")
    RunLogger({}, logging.INFO).info("by threshold")
    ours = bare()
    ours.setLevel(logging.ERROR)
    RunLogger().warning("while the logger has ERROR")
    ours.setLevel(logging.NOTSET)
    assert kept.told() == ["by threshold"]


def test_what_is_disabled_is_disabled(kept):
    """`logging.disable` goes before everything."""
    logging.disable(logging.INFO)
    try:
        RunLogger({}, logging.DEBUG).info("no")
    finally:
        logging.disable(logging.NOTSET)
    assert kept.told() == []


def test_lines_on_stderr(bare, capsys):
    """One line a record, with its traceback below; without a task run, no name."""
    bare()
    before = send_to(StderrSink())
    try:
        RunLogger(NAMES).warning("text")
        RunLogger().error("plain")
        try:
            raise ValueError("no")
        except ValueError:
            RunLogger(NAMES).exception("failed")
    finally:
        send_to(before)
    first, second, third, *trace = capsys.readouterr().err.splitlines()
    assert first[8:] == " WARNING clean[3] attempt 2 | text"
    assert second[8:] == " ERROR | plain"
    assert third[8:] == " ERROR clean[3] attempt 2 | failed"
    assert trace[-1] == "ValueError: no"


def test_a_handler_of_the_users_has_it_already(bare, monkeypatch, capsys):
    """Then stderr gets nothing; where our logger does not propagate, those above do not count."""
    record = logging.makeLogRecord({"msg": "text", "levelname": "INFO"})
    bare(logging.NullHandler())
    StderrSink().take(record)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(logging.getLogger(NAME), "propagate", False)
    StderrSink().take(record)
    assert capsys.readouterr().err.endswith("INFO | text\n")
    assert RunFormatter().format(record).endswith("INFO | text")


def test_a_sink_that_raises_ends_nothing(bare, capsys):
    """It is told on stderr, as `logging` does."""
    bare()

    class Broken:
        def take(self, record):
            raise ZeroDivisionError

    before = send_to(Broken())
    try:
        RunLogger(NAMES).info("text")
    finally:
        send_to(before)
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_printed_lines(kept):
    """A record a line; what has no end of line waits for it or for the end; none is empty."""
    printed = PrintedLines(RunLogger(NAMES, logging.INFO))
    for text in ["a", "b\n", "\n", "c\nd\ne %s"]:
        assert printed.write(text)
    assert kept.told() == ["ab", "c", "d"]
    printed.end()
    printed.end()
    assert kept.told() == ["ab", "c", "d", "e %s"]


def test_what_is_printed_while_a_line_is_told():
    """A sink that prints is not told of what it prints; that of another thread is taken."""
    printed = PrintedLines(RunLogger(NAMES, logging.INFO))
    found = []

    class Printing:
        def take(self, record):
            found.append((record.getMessage(), printed.write("its own\n")))
            if record.getMessage() == "first":
                beside = threading.Thread(target=printed.write, args=["beside\n"])
                beside.start()
                beside.join(10)

    before = send_to(Printing())
    try:
        printed.write("first\n")
    finally:
        send_to(before)
    assert sorted(found) == [("beside", False), ("first", False)]


def test_the_logger_is_the_public_one():
    """Whoever configures logging finds it by its name."""
    assert RunLogger().logger is logging.getLogger("daskflow.task_runs")
    assert logs.PREFIX == "daskflow_"


def test_a_line_of_another_process_is_shown_as_its_record_would_be(bare, monkeypatch, capsys):
    """Of a record where somebody may look at it, else of the line: the same words."""
    bare()
    seen = []
    line = LogLine(1e9 + 0.25, 30, "one\ntwo", "clean[3]", 2, "tcp://w:1", "etl", 7)
    before = send_to(StderrSink())
    try:
        logs.show(line, {"run_id": "ab"})
        logs.show(replace(line, level=10), {})
        as_it_came = capsys.readouterr().err
        filters = [lambda record: seen.append(record) or True]
        monkeypatch.setattr(logging.getLogger(NAME), "filters", filters)
        logs.show(line, {"run_id": "ab"})
    finally:
        send_to(before)
    assert capsys.readouterr().err == as_it_came
    assert as_it_came.endswith(" WARNING clean[3] attempt 2 | one\ntwo\n")
    assert (seen[0].daskflow_run_id, seen[0].daskflow_worker) == ("ab", "tcp://w:1")

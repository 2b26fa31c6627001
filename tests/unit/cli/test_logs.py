"""``daskflow logs``: what task runs have logged, for people and for machines, and as it comes."""

from __future__ import annotations

import json
from dataclasses import replace

import click
import pytest

from daskflow import LocalExecutor, flow, get_run_logger, task
from daskflow.cli.logs import shown
from daskflow.cli.reading import Way
from daskflow.history import following
from daskflow.history.following import Follower
from daskflow.lines import Line, LogLine, Piece
from daskflow.states import Paused, Running, Success
from daskflow.stores.history import Holder, RunRow

LINE = LogLine(1363521784.0, 30, "careful", "clean[3]", 2, "tcp://w", "daskflow.task_runs", 7)
RUN = RunRow("ab" * 16, "night", "etl", Running(), 100.0)


@task(log_prints=True)
def clean(x: int) -> int:
    print("clean", x)  # noqa: T201 - that is tested
    if x == 1:
        get_run_logger().warning("x is %d", x)
    return x


@task
def report(xs: list[int]) -> None:
    get_run_logger().error("no rows")


@pytest.fixture
def night(store):
    """A run that logged something."""

    def case():
        return report(clean.map([0, 1]))

    return flow(case, executor=LocalExecutor(), name="etl", run_name="night").run()


def texts(output):
    return [line.partition(" | ")[2] for line in output.splitlines()]


def test_lines_for_people(night, daskflow):
    """Date and time, level, task run, attempt and text, in the order of their times."""
    code, output, errors = daskflow("logs", "night")
    assert (code, errors) == (0, "")
    assert texts(output) == ["clean 0", "clean 1", "x is 1", "no rows"]
    assert output.splitlines()[2].split(" ", 2)[2] == "WARNING clean[1] attempt 1 | x is 1"
    (warning,) = (line for line in night.logs() if line.level == 30)
    assert shown(warning, Way(is_utc=True)) != shown(warning, Way())


def test_where_nothing_was_logged(store, daskflow, told):
    """What to do so that prints are kept, on stderr; machines get an empty list alone."""
    flow(lambda: task(len)("abc"), executor=LocalExecutor()).run()
    code, output, errors = daskflow("logs", "last")
    assert (code, output) == (0, "")
    assert "no lines" in errors
    assert "log_prints=True" in errors
    assert told("logs", "last")["lines"] == []


def test_a_line_for_people():
    """In UTC where that is wanted; the run's own have no name; dropped ones are dim."""
    way = Way(is_utc=True)
    level = "\x1b[33mWARNING\x1b[0m"
    assert shown(LINE, way) == f"2013-03-17 12:03:04 {level} clean[3] attempt 2 | careful"
    assert shown(replace(LINE, task_run="", level=20), way).endswith(" INFO | careful")
    assert shown(replace(LINE, dropped=5), way).endswith("| \x1b[2mcareful\x1b[0m")


def test_lines_for_machines(night, daskflow):
    """One document, with what tells a line from all others."""
    _, output, _ = daskflow("logs", "night", "--output", "json")
    document = json.loads(output)
    assert (document["run"], document["name"]) == (night.id, "night")
    third = document["lines"][2]
    assert third.pop("at").endswith("Z")
    assert third == {
        "level": "WARNING",
        "task_run": "clean[1]",
        "attempt": 1,
        "worker": "MainThread",
        "logger": "daskflow.task_runs",
        "number": 2,
        "message": "x is 1",
        "dropped": 0,
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--task", "clean"], ["clean 0", "clean 1", "x is 1"]),
        (["--task", "clean[1]"], ["clean 1", "x is 1"]),
        (["--task", "clean[7]"], []),
        (["--level", "warning"], ["x is 1", "no rows"]),
        (["--level", "ERROR", "--task", "report"], ["no rows"]),
        (["-f"], ["clean 0", "clean 1", "x is 1", "no rows"]),
    ],
)
def test_which_lines(night, daskflow, options, expected):
    """Of a task, of one task run, of a level and above; of a run that has ended all of them."""
    assert texts(daskflow("logs", "last", *options)[1]) == expected


def test_lines_that_follow_for_machines(night, daskflow):
    """A document for each, so that they can be read as they come."""
    _, output, _ = daskflow("logs", "last", "-f", "--output", "json")
    assert [json.loads(line)["message"] for line in output.splitlines()][-1] == "no rows"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["night", "--task", "wash"], "the run has no task 'wash'; its tasks: clean, report"),
        (["night", "--task", "wash[1]"], "the run has no task 'wash'"),
        (["day"], "no run is called 'day'"),
    ],
)
def test_what_is_not_there(night, daskflow, wanted, message):
    """The error names what there is."""
    code, output, errors = daskflow("logs", *wanted)
    assert (code, output) == (1, "")
    assert message in errors


def test_to_stop_following_is_no_error(night, daskflow, monkeypatch):
    """It is the way to end that."""

    def interrupted(text):
        raise KeyboardInterrupt

    monkeypatch.setattr(click, "echo", interrupted)
    assert daskflow("logs", "night", "-f")[0] == 0
    with pytest.raises(BaseException, match=r"^$"):
        daskflow("logs", "night")


class Source:
    """A store whose run goes on from look to look: who drives it, its state, and its lines."""

    url = "memory://"

    def __init__(self, *looks):
        self.looks = list(looks)
        self.lines = self.looks[0][2]

    def holder(self, run_id):
        held, self.state, lines = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        self.lines = lines
        return Holder("me", "here", 1) if held else None

    def run(self, run_id):
        return replace(RUN, state=self.state)

    def logs(self, run_id, task, behind):
        new = [(number, text) for number, text in enumerate(self.lines, 1) if number > behind]
        return [_numbered(number, text) for number, text in new]


def _numbered(number, text):
    from daskflow.stores.history import NumberedPiece

    lines = (Line(float(-number), 20, "", text),)
    return NumberedPiece(number, Piece("clean", 1, number, "w", 1, lines))


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(following, "_LOOK_SECONDS", 0.0)


GOES_ON, ENDED, LEFT = (True, Running()), (True, Success()), (False, Success())


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([(*GOES_ON, "a"), (*GOES_ON, "ab"), (*ENDED, "abc"), (*LEFT, "abcd")], list("abcd")),
        ([(False, Running(), "a"), (False, Running(), "ab"), (*GOES_ON, "abc"), (*LEFT, "abcd")],
         list("abcd")),
        ([(False, Paused("waits"), "a")], ["a"]),
        ([(False, Running(), "a")], ["a"]),
    ],
    ids=["to its end", "begun just now", "parked", "left by its driver"],
)  # fmt: skip
def test_following_ends(quick, looks, expected):
    """When the run has ended and all is written; or nobody drives it, and not only just now."""
    follower = Follower(Source(*looks), "run")
    assert [line.message for lines in follower.follow() for line in lines] == expected


def test_what_came_together_is_in_order(quick):
    """Of their times, not of their ways."""
    follower = Follower(Source((*LEFT, "abc")), "run")
    assert [line.message for line in follower.look()] == ["c", "b", "a"]
    assert follower.look() == []

"""Views of task runs: made when somebody looks, and told by map index."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from daskflow import Fail, flow, task
from daskflow.errors import ResultGoneError, TaskRunError, TriggerFailedError
from daskflow.events import Length
from daskflow.runtime.values import Values
from daskflow.runtime.views import MappedTaskRun, TaskRun, TaskRuns, raisable, view_of
from daskflow.states import Failed, Mapped, Pending, Success, TriggerFailed
from tests.unit.runtime.book import Book, segment


@task
def give(x):
    if isinstance(x, BaseException):
        raise x
    return x


@flow
def inner(xs):
    return give.map(give.named("first")(xs))


def lanes(xs):
    return inner.map(xs)


ERROR = ValueError("no")
XS = [[1, 2], [], 5, [3, ERROR]]


def played(xs=XS):
    """Return the values of a run of lanes: of two children, of none, one that ended, a failure."""
    book = Book(lanes, xs=xs).play(2)
    return Values(book.record, book)


def view(values, name="inner.give"):
    return view_of(values, name)


def test_a_mapped_task_in_lanes_is_mapped_twice():
    """Its children are mapped task runs, whose children are task runs; the index may be one."""
    made = view(played())
    assert isinstance(made, MappedTaskRun)
    assert (made.name, len(made), made.lane) == ("inner.give", 4, ())
    first = made[0]
    assert isinstance(first, MappedTaskRun)
    assert (first.name, len(first), first.lane) == ("inner.give[0]", 2, (0,))
    assert isinstance(first[1], TaskRun)
    assert made[0, 1] == made[0][1] == first[-1] == TaskRun(None, "inner.give", (0, 1))
    assert [child.name for child in made[3]] == ["inner.give[3, 0]", "inner.give[3, 1]"]
    assert [child.name for child in made[1:3]] == ["inner.give[1]", "inner.give[2]"]
    assert repr(first) == "<MappedTaskRun inner.give[0]: 2 children>"


def test_the_states_of_lanes():
    """Mapped where there are children, be it none; else what kept the lane from having any."""
    made = view(played())
    assert [type(lane.state) for lane in made] == [Mapped, Mapped, Failed, Mapped]
    assert made[1].state == Mapped()
    assert [type(state) for state in made.state.children[3].children] == [Success, Failed]
    assert "cannot map over an int" in made[2].state.message
    assert len(made[2]) == 0


@pytest.mark.parametrize("index", [4, -5, "0", (0, 2), (1, 0), (2, 0), (), (0, 1, 5)])
def test_a_child_that_there_is_not(index):
    """The error names the mapped task, or the lane, and how many it has."""
    with pytest.raises(IndexError, match=r"^inner\.give(\[[\d, ]+\])? has (\d|no) children; "):
        view(played())[index]


def test_the_results_of_lanes():
    """Lists in lists; what failed first in a lane is raised for that lane and those around it."""
    made = view(played())
    assert (made[0].result(), made[1].result(), made[0, 1].result()) == ([1, 2], [], 2)
    assert view(played([[1], []])).result() == [[1], []]
    for failed in (made[3], made[3, 1]):
        with pytest.raises(ValueError, match="no"):
            failed.result()
    for failed in (made, made[2]):
        with pytest.raises(Exception, match="cannot map over an int"):
            failed.result()


def test_one_task_run():
    """All that its columns tell of it."""
    made = view(played())[3, 1]
    assert (made.name, made.position, made.attempt, made.worker) == (
        "inner.give[3, 1]",
        3,
        1,
        "here",
    )
    assert made.started <= made.ended
    assert made.state.exception is ERROR
    assert "in give" in made.traceback
    assert repr(made) == "<TaskRun inner.give[3, 1]: Failed('ValueError: no'), attempt 1>"
    assert view(played())[3, 0].traceback == ""


def test_a_task_run_that_has_not_started():
    """It is Pending, with nothing in its columns yet."""
    book = Book(lanes, xs=[1])
    book.lower()
    made = view(Values(book.record, book), "inner.first")[0]
    assert (made.state, made.attempt, made.started, made.ended, made.worker, made.traceback) == (
        Pending(),
        0,
        None,
        None,
        "",
        "",
    )
    with pytest.raises(ResultGoneError, match=r"^inner\.first\[0\] is not finished"):
        made.result()


def test_a_task_run_for_which_no_room_was_made_yet():
    """Who looks just when its space has opened, before its columns have grown, sees it Pending."""
    book = Book(lanes, xs=[1, 2])
    space = book.record.nodes["inner.first"].space
    space.open(0, 2)
    made = view(Values(book.record, book), "inner.first")[1]
    assert (made.state, made.attempt, made.started, made.worker) == (Pending(), 0, None, "")


def test_instants_are_aware():
    """They are in UTC."""
    book = Book(lanes, xs=[[1]])
    book.lower()
    book.fold(1, segment("inner.first", 0, Success, notes={0: {"length": Length(1)}}))
    made = view(Values(book.record, book), "inner.first")[0]
    assert made.ended == datetime(1970, 1, 1, 0, 1, 41, tzinfo=UTC)


def test_all_task_runs_of_a_run():
    """Node by node; a lane without children is one, with a state and without a position."""
    runs = TaskRuns(played())
    names = [
        *(f"inner.first[{i}]" for i in range(4)),
        "inner.give[2]",
        *("inner.give[0, 0]", "inner.give[0, 1]", "inner.give[3, 0]", "inner.give[3, 1]"),
    ]
    assert [run.name for run in runs] == names
    assert [runs[i].name for i in range(len(runs))] == names
    assert [run.name for run in runs[3:6]] == names[3:6]
    assert runs[-1].name == names[-1]
    assert repr(runs) == "<9 task runs>"
    for place in (9, -10):
        with pytest.raises(IndexError, match=f"there are 9 task runs; there is no .{place}."):
            runs[place]
    ended = runs[4]
    assert (ended.position, ended.attempt, ended.started, ended.worker, ended.traceback) == (
        None,
        0,
        None,
        "",
        "",
    )
    assert isinstance(ended.state, Failed)


def test_a_lane_that_was_refused():
    """What its first task raised is the cause that its trigger names."""
    made = view(played([ERROR, [1]]))
    assert type(made[0].state) is TriggerFailed
    with pytest.raises(TriggerFailedError, match=r"^inner\.give\[0\]: trigger all_successful"):
        made[0].result()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (SystemExit(3), "b[1]: SystemExit: 3"),
        (Fail("odd"), "b[1]: Fail: odd"),
        (KeyboardInterrupt(), "b[1]: KeyboardInterrupt: "),
    ],
)
def test_what_would_end_the_caller_is_told_instead(error, told):
    """Only exceptions that a caller may expect are raised as they are."""
    made = raisable(error, "b[1]")
    assert type(made) is TaskRunError
    assert str(made) == told
    assert made.__cause__ is error
    assert raisable(ERROR, "b[1]") is ERROR

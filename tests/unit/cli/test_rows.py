"""What is shown while a run goes on, computed from plain values."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from daskflow.cli.rows import EventLines, Row, fit_rows, rows_of, stopwatch_text, sum_of, total_line
from daskflow.events import StateChanged
from daskflow.runs import NodeProgress
from daskflow.states import Cancelled, Failed, Paused, Retrying, Running, Skipped, TriggerFailed
from daskflow.wording import one_line, span_text


def row(name="a", total=10, **counts):
    return Row(name, total, counts)


def test_a_row_says_how_far_its_task_is():
    """Finished task runs count as done, waiting ones do not and are not named."""
    one = row(Success=6, Skipped=1, Retrying=1, Pending=2)
    assert (one.progress, one.states) == ("7/10", "6 Success, 1 Skipped, 1 Retrying")
    assert not one.is_done
    assert row(Success=9, Failed=1).is_done


def test_a_task_of_unknown_width_shows_a_dash():
    """Until its length is known, a mapped task shows no total and an empty bar."""
    one = row(total=None)
    assert (one.progress, one.states, one.is_done) == ("-", "", False)
    assert one.bar(8) == [("rest", 8)]


@pytest.mark.parametrize(
    ("counts", "bar"),
    [
        ({}, [("rest", 8)]),
        ({"Pending": 100}, [("rest", 8)]),
        ({"Success": 50}, [("success", 4), ("rest", 4)]),
        ({"Success": 100}, [("success", 8)]),
        ({"Success": 99, "Failed": 1}, [("success", 7), ("failed", 1)]),
        ({"Success": 96, "Skipped": 1, "Failed": 1, "Cancelled": 1, "Retrying": 1}, None),
        ({"Success": 1, "Failed": 99}, [("success", 1), ("failed", 7)]),
        ({"Success": 1}, [("success", 1), ("rest", 7)]),
    ],
)
def test_a_bar_shows_all_there_is(counts, bar):
    """However few there are of a kind, it has a cell; the cells are always as many as asked for."""
    found = row(total=100, **counts).bar(8)
    assert sum(cells for _, cells in found) == 8
    assert all(cells > 0 for _, cells in found)
    if bar is None:
        assert [share for share, _ in found] == [
            "success",
            "skipped",
            "failed",
            "cancelled",
            "retrying",
        ]
    else:
        assert found == bar


def test_a_map_over_nothing_is_a_full_bar():
    """A task without any task run has nothing left to do."""
    assert row(total=0).bar(8) == [("success", 8)]
    assert row(total=0).is_done


def test_the_sum_is_over_all_tasks():
    """Totals and states are added up; unknown widths count as nothing yet."""
    rows = rows_of(
        [NodeProgress("a", 2, {"Success": 1, "Pending": 1}), NodeProgress("b", None, {})]
    )
    total = sum_of([*rows, row(total=3, Failed=1)])
    assert (total.progress, total.states) == ("2/5", "1 Success, 1 Failed")


def test_rows_that_fit_are_all_shown():
    """A screen with room enough shows every task."""
    rows = [row("a"), row("b")]
    assert fit_rows(rows, 2) == (rows, "")


def test_a_small_screen_shows_what_is_at_work():
    """Tasks at work come first, then waiting ones, then finished ones; the order stays."""
    rows = [
        row("done", Success=10),
        row("late", Pending=10),
        row("busy", Success=5, Pending=5),
        row("again", Pending=9, Retrying=1),
        row("later", Pending=10),
    ]
    shown, others = fit_rows(rows, 4)
    assert [one.name for one in shown] == ["late", "busy", "again"]
    assert others == "2 more: 1 finished, 1 waiting"
    assert fit_rows(rows, 5) == (rows, "")
    assert fit_rows(rows[:2], 1) == ([], "2 more: 1 finished, 1 waiting")
    assert fit_rows([row("a", Success=10), row("b", Success=10)], 1)[1] == "2 more: 2 finished"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.004, "0.00 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (3599.6, "1 h 00 min")],
)
def test_a_span_has_no_sixty_seconds(seconds, text):
    """Spans are rounded without ever showing 60 seconds or 60 minutes."""
    assert span_text(seconds) == text


def test_a_stopwatch_counts_whole_seconds():
    """The time that goes on does not flicker."""
    assert [stopwatch_text(s) for s in (0.99, 61, 3661)] == ["0:00", "1:01", "1:01:01"]


def test_a_message_is_told_in_one_line():
    """Line breaks become spaces, and what is very long is cut."""
    assert one_line("a\n  b\tc") == "a b c"
    assert one_line("x" * 400) == "x" * 297 + "..."


def changed(name, state):
    return StateChanged(0.0, name, state)


def test_an_unhappy_event_is_a_line():
    """It has the time of day, the task run, the state, the reason, and when it goes on."""
    lines = EventLines("night")
    due = datetime(2013, 1, 1, tzinfo=UTC)
    line = lines.line(changed("a[3]", Retrying("no\nanswer", scheduled_for=due)))
    assert line[8:] == f" a[3] Retrying: no answer (again at {due.astimezone():%H:%M:%S})"
    assert lines.line(changed("b", Paused("look"))).endswith(" b Paused: look")
    assert lines.line(changed("b", Skipped())).endswith(" b Skipped")
    assert lines.line(changed("c", Cancelled("stop"))).endswith(" c Cancelled: stop")
    assert lines.rest() == []


def test_what_is_not_worth_a_line_has_none():
    """The run's own states, happy ones, and those that only follow from a failure."""
    lines = EventLines("night")
    assert lines.line(changed("night", Failed("all"))) is None
    assert lines.line(changed("a", Running())) is None
    assert lines.line(changed("a", TriggerFailed("no"))) is None


def test_a_flood_is_counted():
    """Twenty of a kind are shown for each task, the others are one line at the end."""
    lines = EventLines("night")
    shown = [lines.line(changed(f"a[{n}]", Failed("no"))) for n in range(30)]
    assert [line is not None for line in shown] == [True] * 20 + [False] * 10
    assert lines.line(changed("a[3]", Skipped())) is not None
    assert lines.line(changed("b[3]", Failed())) is not None
    assert lines.rest() == ["a: 10 more Failed"]


def test_the_progress_in_one_line():
    """It says how many, after how long, and what became of them."""
    rows = [row(total=3, Success=1), row(total=None)]
    assert total_line(rows, 4) == "1 of 3+ task runs finished after 4.0 s: 1 Success"
    assert total_line([row(total=3)], 4) == "0 of 3 task runs finished after 4.0 s: none yet"

"""What reaches the screen: live rows in a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
import sys
import threading

from rich.console import Console

from daskflow import LocalExecutor, Skip, flow, task
from daskflow.cli.display import LiveDisplay, PlainDisplay, make_console, make_display, news_of
from daskflow.cli.summary import how_far_is, print_interrupted, print_summary
from daskflow.timing import now

GATE = threading.Event()
SENTENCE = "long enough for a line of its own " * 2


@task
def gated(n: int) -> int:
    print("working on", n)  # noqa: T201 - where it comes out is what is tested
    assert GATE.wait(60)
    return n


@task
def odd(n: int) -> int:
    if n % 2 == 0:
        raise Skip("even")
    return n


@flow(executor=LocalExecutor(threads=1), run_name="night")
def etl(numbers: list[int]):
    return odd.map(gated.map(numbers))


@flow(executor=LocalExecutor(), run_name="night")
def unreadable():
    return task(Unreadable)()


class Unreadable:
    def __repr__(self):
        raise ValueError("no words")


def terminal(**options):
    return Console(file=io.StringIO(), force_terminal=True, width=80, height=24, **options)


def paper(width=80):
    return Console(file=io.StringIO(), force_terminal=False, width=width)


def submit(numbers):
    GATE.clear()
    return etl.submit(numbers=numbers)


def test_the_live_display_draws_a_row_for_each_task():
    """Name, bar, numbers and states, with what tasks print above them."""
    console = terminal(color_system=None)
    with LiveDisplay(console, "etl") as display:
        console.print(display._render())
        run = submit([1, 2])  # not before: what its tasks print is to go through the display
        GATE.set()
        display.follow(run)
        console.print(display._render())
    assert "working on 1" in console.file.getvalue()
    shown = console.file.getvalue()
    assert "etl: starting  0:00" in shown
    assert "etl / night  0:00" in shown
    assert "gated  ━━━━━━━━━━━━━━━━  2/2  2 Success" in shown
    assert "odd    ━━━━━━━━━━━━━━━━  2/2  1 Success, 1 Skipped" in shown


def test_the_live_display_fits_a_small_screen():
    """A line stands for the tasks that there is no room for, and a link is shown."""
    console = Console(file=io.StringIO(), force_terminal=True, width=60, height=7)

    @flow(executor=LocalExecutor())
    def long():
        return [odd.named(f"odd-{n}")(n) for n in range(9)]

    run = long.run()
    run.link = "http://127.0.0.1:8787/status"
    display = LiveDisplay(console, "long")
    display.follow(run)
    console.print(display._render())
    assert "7 more: 7 finished" in console.file.getvalue()
    assert "http://127.0.0.1:8787/status" in console.file.getvalue()


def test_plain_lines_tell_what_is_unhappy():
    """The start, each skip, and how far the run is; no code of a terminal in them."""
    console = paper()
    run = submit([1, 2])
    run.link = "http://127.0.0.1:8787/status"
    GATE.set()
    with PlainDisplay(console, first=0.0) as display:
        display.follow(run)
    lines = console.file.getvalue().splitlines()
    assert lines[0].endswith("etl / night started, dashboard: http://127.0.0.1:8787/status")
    assert sum(line.endswith(" odd[1] Skipped: even") for line in lines) == 1
    assert any("task runs finished after" in line for line in lines)
    assert "\x1b" not in console.file.getvalue()


def test_what_was_before_is_not_told_again():
    """What happened until a run is resumed was told when it did."""
    console = paper()
    run = submit([1, 2])
    GATE.set()
    run.wait(10)
    PlainDisplay(console, since=now() + 1.0).follow(run)
    assert "Skipped" not in console.file.getvalue()


def test_a_flood_of_events_ends_with_a_count():
    """Twenty skips are lines, the other thirty one line."""
    console = paper()
    run = submit(list(range(100)))
    GATE.set()
    PlainDisplay(console).follow(run)
    assert console.file.getvalue().splitlines()[-1] == "odd: 30 more Skipped"


def test_news_come_with_ticks_between():
    """Where nothing happens for a while the caller gets a turn; the end ends it."""
    run = submit([1])
    news = news_of(run, tick=0.01)
    assert next(news).name == "night"
    assert next(news) is None
    GATE.set()
    assert [event.name for event in news if event is not None] == ["night"]


def test_a_console_without_terminal_writes_no_codes(monkeypatch):
    """Not even where the environment asks for colours; its width may be told."""
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "70")
    console = make_console()
    assert (console.is_terminal, console.color_system, console.width) == (False, None, 70)
    assert isinstance(make_display(console, "etl"), PlainDisplay)


def test_a_terminal_gets_the_live_display(monkeypatch):
    """A terminal that can move its cursor, that is; a dumb one gets lines."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(make_display(make_console(), "etl"), LiveDisplay)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(make_display(make_console(), "etl"), PlainDisplay)


def test_the_summary_of_a_success():
    """The outcome, a line for each task, the skipped ones, and what was returned."""
    console = paper()
    run = submit([1, 2])
    GATE.set()
    print_summary(console, run.wait())
    text = console.file.getvalue()
    assert "etl / night: Success in " in text
    assert "  odd       2  1 Success, 1 Skipped" in text
    assert "\nskipped\n  odd[1]: Skipped: even\n" in text
    assert text.endswith("\nreturned\n  [1, None]\n")
    assert all(line == line.rstrip() for line in text.splitlines())


def test_the_summary_is_wrapped_in_a_terminal():
    """Its lines are no longer than the screen is wide."""
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=40)
    run = submit([1, 2, 3, 4, 5, 6])
    GATE.set()
    print_summary(console, run.wait())
    assert max(len(line) for line in console.file.getvalue().splitlines()) <= 40


def test_what_is_returned_is_cut_where_it_is_long():
    """Long lists and many lines say how much is left out."""
    console = paper()

    @flow(executor=LocalExecutor())
    def wordy():
        return task(lambda: dict.fromkeys(range(9), SENTENCE))(), [
            task(lambda: list(range(2000)))(),
            task(lambda: "\n" * 50)(),
            task(lambda: dict.fromkeys(range(9), SENTENCE))(),
        ]

    print_summary(console, wordy.run())
    assert console.file.getvalue().splitlines()[-1].strip().endswith("lines more")


def test_a_value_that_cannot_be_shown_is_no_failure():
    """The summary says that it cannot."""
    console = paper()
    print_summary(console, unreadable.run())
    assert "no words" in console.file.getvalue()


def test_a_value_that_is_gone_is_no_failure():
    """The summary says so instead."""
    console = paper()
    run = submit([1])
    GATE.set()
    run.wait().record.smalls = None
    run.values.at = lambda *_, **__: 1 / 0
    print_summary(console, run)
    assert "returned a value that cannot be shown: division by zero" in console.file.getvalue()


def test_a_flow_without_tasks_has_no_table():
    """Only the outcome and the value."""
    console = paper()

    @flow(executor=LocalExecutor(), run_name="night")
    def idle():
        return 3

    print_summary(console, idle.run())
    lines = console.file.getvalue().splitlines()
    assert lines[1].startswith("idle / night: Success")
    assert lines[2:] == ["", "returned", "  3"]


def test_an_interrupted_run_is_told_as_far_as_it_got():
    """How many task runs had finished, by task; before a run there is just a line."""
    console = paper()
    run = submit([1, 2])
    print_interrupted(console, run, run.started_at, how_far_is(run))
    print_interrupted(console, None, run.started_at, how_far_is(None))
    GATE.set()
    run.wait()
    text = console.file.getvalue()
    assert "etl / night: interrupted after 0." in text
    assert "; 0 of 4 task runs had finished" in text
    assert text.splitlines()[-1].endswith(" s, while it was starting.")

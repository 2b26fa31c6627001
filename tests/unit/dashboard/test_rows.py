"""The pages as markup: what is shown of runs, of a run, of a task run."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from daskflow.dashboard.bars import bar, pager, state_mark
from daskflow.dashboard.listing import AskedRuns, ListedRun, Progress, RunsPage
from daskflow.dashboard.run_rows import head_markup, parameters_markup, table_markup
from daskflow.dashboard.runs_rows import runs_markup
from daskflow.dashboard.tables import Asked, TaskPage, TaskRow
from daskflow.dashboard.task_rows import logs_markup
from daskflow.lines import LogLine
from daskflow.states import Cancelled, Crashed, Failed, Paused, Running, Success
from daskflow.stores.history import RunRow
from tests.unit.dashboard.test_markup import HOSTILE, Seen

ROW = RunRow(
    "1f" * 16, "calm-owl", "etl", Success(), 100.0, started=100.0, ended=160.0, user="ada", host="t"
)
DONE = Progress({"Success": 3, "Failed": 1}, 4, is_sure=True)


def text(markup):
    """What a person reads."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", markup))).strip()


def runs(*found, **more):
    page = RunsPage(found, 0, False, (), (), is_empty=False)
    return runs_markup(replace(page, **more), AskedRuns(), "sqlite:///runs.db", 170.0)


def test_where_there_are_no_runs_it_is_told_how_to_make_one():
    """The first page of a new user says what to do next, and where runs are read from."""
    told = text(runs(is_empty=True))
    assert "No flow has run here yet" in told
    assert "daskflow run hello.py:hello" in told
    assert "sqlite:///runs.db" in told


def test_filters_that_find_nothing_say_so():
    """It is no empty store."""
    assert "No run is like that" in text(runs())


def test_a_run_in_the_list():
    """State, name, flow, how far it is, how long it took, whose it is; the name leads to it."""
    markup = runs(ListedRun(ROW, ROW.state, DONE, None))
    told = text(markup)
    for part in ("✓ Success", "calm-owl", "etl", "4 of 4", "✓ 3", "✕ 1", "1 min 00 s", "ada@t"):
        assert part in told
    assert f'href="flow-run?id={ROW.id}"' in markup


def test_a_run_that_goes_on_in_the_list():
    """It has taken so long by now, and will have ended about then."""
    goes_on = ListedRun(replace(ROW, ended=None), Running(), None, 190.0)
    told = text(runs(goes_on))
    assert "1 min 10 s" in told
    assert "reading..." in told
    assert told.count(":") > text(runs(replace(goes_on, expected=None))).count(":")


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (Failed(), "daskflow rerun calm-owl --failed"),
        (Crashed(reason="driver lost"), "daskflow resume calm-owl"),
        (Cancelled(), "daskflow resume calm-owl"),
        (Paused(), "daskflow approve calm-owl"),
        (Success(), None),
    ],
)
def test_the_head_of_a_run_says_what_to_do_next(state, told):
    """A command for each state that asks for one."""
    found = text(head_markup(ROW, state, DONE, None, 170.0))
    assert ("next:" in found) == (told is not None)
    assert told is None or told in found


def test_the_head_of_a_run_says_when_it_will_end():
    """At which time, and in how long."""
    row = replace(ROW, ended=None, tags=frozenset({"b", "a"}), target="f.py:etl", parent="ab" * 16)
    told = text(head_markup(row, Running(), replace(DONE, is_sure=False), 175.5, 170.0))
    assert "(in 5.5 s)" in told
    assert "for 1 min 10 s" in told
    assert "tags a, b" in told
    assert "4 of 4+ task runs finished" in told
    assert "repeats abababab" in told
    called = replace(row, caller=f"{'cd' * 16}/load[3]")
    assert "called by load[3]" in text(head_markup(called, Running(), DONE, None, 170.0))


def test_parameters_are_shown_where_they_are_kept_in_words():
    """Mostly they are not."""
    assert parameters_markup(ROW) == ""
    row = replace(ROW, graph={"parameters": {"key": "'<b>'", "limit": "3"}})
    assert text(parameters_markup(row)) == "parameters key='<b>' limit=3"


def test_a_crash_says_how():
    """The reason is told where the state is."""
    assert text(state_mark(Crashed(reason="driver lost"))) == "↯ Crashed (driver lost)"


def test_a_bar_has_a_piece_for_each_look_and_an_empty_end():
    """Its pieces are as wide as their numbers; what is not known of is empty as well."""
    widths = dict(re.findall(r'class="piece (\w+)" style="flex-grow:(\d+)"', bar(DONE.counts, 10)))
    assert widths == {"success": "3", "failed": "1", "waiting": "6"}


TASK = TaskRow("load", (3,), "load[3]", Failed("bad"), 2, "tcp://w:1", 101.0, 2.5)


def table(*rows, found=None, asked=None, page=0):
    page = TaskPage(rows, page, len(rows) if found is None else found, 100)
    return table_markup(ROW.id, page, asked or Asked(), 170.0)


def test_a_row_of_the_table_leads_to_its_task_run():
    """All of its columns are there; the name is a link."""
    markup = table(TASK)
    for part in ("load[3]", "✕ Failed", "2", "tcp://w:1", "2.5 s", "bad"):
        assert part in text(markup)
    assert f'href="flow-task?run={ROW.id}&amp;task=load%5B3%5D"' in markup


def test_heads_of_the_table_ask_for_its_order():
    """The one it is sorted by shows which way, and asks for the other way."""
    up = table(TASK, asked=Asked(sort="took"))
    assert 'aria-sort="ascending"' in up
    assert unescape(up).count('{"sort": "took", "down": true}') == 1
    down = table(TASK, asked=Asked(sort="took", is_descending=True))
    assert 'aria-sort="descending"' in down
    assert unescape(down).count('{"sort": "took", "down": false}') == 1


def test_an_empty_table_says_why():
    """No task run is like that, or none is known of."""
    assert "No task run is like that" in text(table())
    blank = table_markup(ROW.id, TaskPage((), 0, 0, 0), Asked(), 170.0)
    assert "No task run is known of yet" in text(blank)


def test_pages_are_turned_where_there_are_several():
    """At the first page there is no way back, at the last one none ahead."""
    assert pager(0, 1, has_more=False) == ""
    first, last = pager(0, 3, has_more=True), pager(2, 3, has_more=False)
    assert re.findall(r'data-ask="([^"]*)"', unescape(first).replace('{"', "").replace("}", ""))
    assert first.count("disabled") == last.count("disabled") == 2
    assert "page 2" in text(pager(1, None, has_more=False))


LINE = LogLine(101.0, 30, "late", "load[3]", 2, "tcp://w:1")


def test_lines_of_a_log():
    """When, how important, and what; who logged it only where that is not plain."""
    told = text(logs_markup([LINE, replace(LINE, level=20, attempt=1)], 0, "load[3]"))
    assert "WARNING attempt 2 late" in told
    assert "INFO late" in told
    assert "load[3], attempt 2" in text(logs_markup([LINE], 7, "load"))
    assert "7 earlier lines: daskflow logs" in text(logs_markup([LINE], 7, "load"))
    assert logs_markup([], 0, "load") == ""


def everything(name):
    """All markup of a run in which everything has one name."""
    tags = frozenset({name})
    row = replace(ROW, name=name, flow_name=name, tags=tags, user=name, target=name)
    task = replace(TASK, label=name, worker=name, state=Failed(name))
    head = head_markup(row, Failed(name), DONE, None, 170.0)
    logs = logs_markup([replace(LINE, message=name, task_run=name, worker=name)], 1, "load")
    return Seen(runs(ListedRun(row, Failed(name), DONE, None)) + head + table(task) + logs)


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(40))
def test_names_and_messages_stay_text(hostile):
    """Whoever names a run, a flow, a tag, a user, a worker, a task: it is shown, and no more."""
    plain, seen = everything("x"), everything(hostile)
    assert seen.tags == plain.tags
    assert [name for name, _ in seen.attributes] == [name for name, _ in plain.attributes]
    links = [value for name, value in seen.attributes if name == "href"]
    assert all(re.match(r"flow-(run|task)\?", link) for link in links)

"""The page of runs as markup. Pure."""

from __future__ import annotations

from daskflow.dashboard.bars import bar, moment, pager, state_mark, tally
from daskflow.dashboard.listing import AskedRuns, ListedRun, RunsPage
from daskflow.dashboard.markup import Html, address, element, join
from daskflow.history.reading import seconds_of
from daskflow.wording import one_line, span_text

_HEADS = ("state", "run", "flow", "progress", "started", "took", "ends about", "owner", "tags")
_FIRST = """\
from daskflow import flow, task

@task
def square(number: int) -> int:
    return number * number

@flow
def hello(numbers: list[int] = [1, 2, 3]):
    return square.map(numbers)"""


def runs_markup(found: RunsPage, asked: AskedRuns, where: str, instant: float) -> Html:
    """Return the table of runs; where there are none, what to do to have some.

    Parameters
    ----------
    where
        How the source is named, for people.
    instant
        The present one.
    """
    if found.is_empty:
        return _first_steps(where)
    if not found.runs:
        return element("p", "No run is like that. Widen the filters above.", class_="empty")
    numbers = {"took": "number"}
    named = [element("th", head, scope="col", class_=numbers.get(head)) for head in _HEADS]
    heads = element("tr", named)
    rows = [_row(one, instant) for one in found.runs]
    table = element("table", element("thead", heads), element("tbody", rows), class_="runs")
    return join(table, pager(found.page, None, has_more=found.has_more))


def _row(one: ListedRun, instant: float) -> Html:
    row, state = one.row, one.state
    link = element("a", row.name, href=address("flow-run", id=row.id), title=f"run {row.id}")
    told = one_line(state.message) if state.message else None
    tags = [element("span", tag, class_="tag") for tag in sorted(row.tags)]
    cells = (
        element("td", state_mark(state), title=told),
        element("td", link, class_="name"),
        element("td", row.flow_name, class_="name"),
        element("td", _progress(one), class_="progress"),
        element("td", moment(row.started if row.started is not None else row.created, instant)),
        element("td", _took(one, instant), class_="number"),
        element("td", moment(one.expected, instant) if one.expected is not None else ""),
        element("td", f"{row.user}@{row.host}" if row.user else "-", class_="name"),
        element("td", tags),
    )
    return element("tr", cells)


def _progress(one: ListedRun) -> Html:
    if one.progress is None:
        return element("span", "reading...", class_="pale")
    total = f"{one.progress.total:,}{'' if one.progress.is_sure else '+'}"
    told = element("span", f"{one.progress.done:,} of {total}", class_="pale")
    marks = element("span", told, " ", tally(one.progress.counts), class_="tally")
    return join(bar(one.progress.counts, one.progress.total), marks)


def _took(one: ListedRun, instant: float) -> str:
    seconds = seconds_of(one.row, None if one.state.is_finished() else instant)
    return span_text(seconds) if seconds is not None else "-"


def _first_steps(where: str) -> Html:
    """Return what to do where there is no run yet."""
    code = element("code", "daskflow run hello.py:hello")
    return element(
        "div",
        element("h2", "No flow has run here yet"),
        element("p", "Write this to a file ", element("code", "hello.py"), ":"),
        element("pre", _FIRST),
        element("p", "then run ", code, ", and it shows up on this page."),
        element("p", f"Runs are read from {where}.", class_="pale"),
        class_="empty",
    )

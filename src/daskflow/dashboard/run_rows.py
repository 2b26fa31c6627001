"""The page of a run as markup: its head, its story, the table of its task runs. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from daskflow.dashboard.bars import ask, bar, moment, pager, state_mark, tally
from daskflow.dashboard.listing import Progress
from daskflow.dashboard.markup import Html, address, element, join
from daskflow.dashboard.stories import Chapter, Line
from daskflow.dashboard.tables import SORTS, Asked, TaskPage, TaskRow
from daskflow.history.reading import seconds_of
from daskflow.history.steps import Step, next_steps
from daskflow.states import State
from daskflow.stores.history import RunRow
from daskflow.wording import many, one_line, span_text

_HEADS = {"task run": "task run", "took": "duration"}  # what a column is called where it is shown
_NUMBERS = frozenset({"attempt", "took"})


def parameters_markup(row: RunRow) -> Html:
    """Return the parameters of a run, as far as they were kept in words; mostly they were not."""
    told = row.graph.get("parameters", {})
    if not told:
        return Html("")
    pairs = [element("code", f"{name}={value}") for name, value in told.items()]
    return element("p", element("span", "parameters ", class_="pale"), *pairs, class_="facts")


def head_markup(
    row: RunRow, state: State, progress: Progress, expected: float | None, instant: float
) -> Html:
    """Return what stands above everything: which run it is, how it stands, how far it is.

    Parameters
    ----------
    expected
        The instant at which it will have ended; None: nobody knows, or it has.
    """
    title = element("h1", f"{row.flow_name} / {row.name} ", state_mark(state), title=row.id)
    total = f"{progress.total:,}{'' if progress.is_sure else '+'}"
    done = element("span", f"{progress.done:,} of {total} task runs finished ", class_="done")
    facts = element("p", *_facts(row, state, expected, instant), class_="facts")
    far = element(
        "div", bar(progress.counts, progress.total), done, tally(progress.counts, is_named=True)
    )
    why = element("p", one_line(state.message, 600), class_="why") if state.message else ""
    following = join(map(_next, next_steps(state, shlex.quote(row.name))))
    return join(title, why, facts, far, following)


def _facts(row: RunRow, state: State, expected: float | None, instant: float) -> Iterator[Html]:
    if row.started is not None:
        yield _fact("started", moment(row.started, instant))
        seconds = seconds_of(row, None if state.is_finished() else instant)
        if seconds is not None:
            yield _fact("took" if state.is_finished() else "for", span_text(seconds))
    if expected is not None:
        left = span_text(max(0.0, expected - instant))
        yield _fact("ends about", join(moment(expected, instant), f" (in {left})"))
    if row.user:
        yield _fact("by", f"{row.user}@{row.host}, process {row.pid}")
    if row.tags:
        yield _fact("tags", ", ".join(sorted(row.tags)))
    if row.target:
        yield _fact("target", row.target)
    if row.parent and not row.caller:
        yield _fact(
            "repeats", element("a", row.parent[:8], href=address("flow-run", id=row.parent))
        )
    if row.caller:
        run, _, task = row.caller.partition("/")
        yield _fact("called by", element("a", task, href=address("flow-task", run=run, task=task)))


def _fact(name: str, told: str) -> Html:
    return element("span", element("span", f"{name} ", class_="pale"), told, class_="fact")


def _next(step: Step) -> Html:
    head = element("span", "next: ", class_="pale")
    why = element("span", f" {step.why}", class_="pale")
    return element("p", head, element("code", step.command), why, class_="next")


def story_markup(run_id: str, chapters: Sequence[Chapter]) -> Html:
    """Return what failed, what was skipped, what waits; empty where there is nothing."""
    return join(_chapter(run_id, chapter) for chapter in chapters)


def _chapter(run_id: str, chapter: Chapter) -> Html:
    number = f" ({chapter.total:,})" if chapter.total else ""
    lines = [element("li", *_line(run_id, line)) for line in chapter.lines]
    if chapter.more:
        lines.append(element("li", f"and {many(chapter.more, 'task run')} more", class_="pale"))
    if chapter.behind:
        lines.append(element("li", chapter.behind, class_="pale"))
    return element("section", element("h2", chapter.title, number), element("ul", lines))


def _line(run_id: str, line: Line) -> Iterator[Html | str]:
    yield state_mark(line.row.state)
    yield " "
    yield task_link(run_id, line.row.label)
    if line.row.worker:
        yield element("span", f" on {line.row.worker}", class_="pale")
    if line.told:
        yield element("span", ": ", one_line(line.told), class_="told")


def task_link(run_id: str, label: str) -> Html:
    """Return a link to the page of a task run."""
    return element("a", label, href=address("flow-task", run=run_id, task=label))


def table_markup(run_id: str, found: TaskPage, asked: Asked, instant: float) -> Html:
    """Return one page of the table of task runs."""
    heads = element("tr", [_head(name, asked) for name in SORTS], element("th", "message"))
    rows = [_row(run_id, row, instant) for row in found.rows]
    told = f"{found.found:,} of {many(found.total, 'task run')}"
    counted = element("p", told, class_="pale")
    if not rows:
        is_any = "No task run is like that." if found.total else "No task run is known of yet."
        return join(counted, element("p", is_any, class_="empty"))
    table = element("table", element("thead", heads), element("tbody", rows), class_="task-runs")
    turned = pager(found.page, found.pages, has_more=found.page + 1 < found.pages)
    return join(counted, table, turned)


def _head(name: str, asked: Asked) -> Html:
    is_it = name == asked.sort
    arrow = (" ▾" if asked.is_descending else " ▴") if is_it else ""
    order: dict[str, str | int | bool] = {"sort": name, "down": is_it and not asked.is_descending}
    sorted_ = ("descending" if asked.is_descending else "ascending") if is_it else None
    class_ = "number" if name in _NUMBERS else None
    button = ask(_HEADS.get(name, name) + arrow, order)
    return element("th", button, scope="col", aria_sort=sorted_, class_=class_)


def _row(run_id: str, row: TaskRow, instant: float) -> Html:
    took = span_text(row.took) if row.took is not None else "-"
    cells = (
        element("td", task_link(run_id, row.label), class_="name"),
        element("td", state_mark(row.state)),
        element("td", str(row.attempt or "-"), class_="number"),
        element("td", row.worker or "-", class_="name"),
        element("td", moment(row.started, instant)),
        element("td", took, class_="number"),
        element("td", one_line(row.state.message), class_="message"),
    )
    return element("tr", cells)

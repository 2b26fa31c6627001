"""The page of a task run as markup. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from logging import getLevelName

from daskflow.dashboard.bars import moment, state_mark
from daskflow.dashboard.details import Detail, Input, Step
from daskflow.dashboard.markup import Html, address, element, join
from daskflow.dashboard.run_rows import task_link
from daskflow.history.explaining import Reason
from daskflow.lines import LogLine
from daskflow.states import State
from daskflow.stores.history import RunRow
from daskflow.wording import many, one_line, span_text

_OF_TRACES = ("Traceback ", "  File ")  # how lines of tracebacks begin


def detail_markup(row: RunRow, state: State, detail: Detail, instant: float) -> Html:
    """Return all that is told of a task run but its logs.

    Parameters
    ----------
    state
        Of the flow run.
    """
    return join(
        _head(row, state, detail, instant),
        _reasons(row.id, detail),
        _trace(detail.trace),
        _steps(detail.steps, instant),
        _inputs(row.id, detail.inputs),
        _result(row.id, detail),
    )


def _head(row: RunRow, state: State, detail: Detail, instant: float) -> Html:
    link = element("a", f"{row.flow_name} / {row.name}", href=address("flow-run", id=row.id))
    above = element("p", link, " ", state_mark(state), class_="above")
    title = element("h1", f"{detail.label} ", state_mark(detail.state))
    message = detail.state.message
    why = element("p", one_line(message, 2000), class_="why") if message else ""
    return join(above, title, why, element("p", *_facts(detail, instant), class_="facts"))


def _facts(detail: Detail, instant: float) -> Iterator[Html]:
    if detail.attempt:
        yield _fact("attempt", str(detail.attempt))
    if detail.worker:
        yield _fact("worker", detail.worker)
    if detail.started is not None:
        yield _fact("started", moment(detail.started, instant))
        if detail.ended is not None:
            yield _fact("took", span_text(detail.ended - detail.started))


def _fact(name: str, told: str) -> Html:
    return element("span", element("span", f"{name} ", class_="pale"), told, class_="fact")


def _section(title: str, *parts: Html) -> Html:
    return element("section", element("h2", title), *parts)


def _reasons(run_id: str, detail: Detail) -> Html:
    """Return the way to the first cause; nothing where the rest of the page says as much."""
    reasons = detail.reasons
    is_way = len(reasons) > 1
    if not is_way and (detail.trace or not any(reason.told for reason in reasons)):
        return Html("")
    steps = [element("li", *_reason(run_id, reason, n)) for n, reason in enumerate(reasons)]
    return _section("why", element("ol", steps, class_="reasons"))


def _reason(run_id: str, reason: Reason, number: int) -> Iterator[Html | str]:
    if number:
        yield element("span", "because ", class_="pale")
    yield task_link(run_id, reason.who)
    yield " "
    yield state_mark(reason.state)
    if reason.attempt > 1:
        yield element("span", f" at attempt {reason.attempt}", class_="pale")
    if reason.worker:
        yield element("span", f" on {reason.worker}", class_="pale")
    if reason.state.message:
        yield element("div", one_line(reason.state.message, 600))
    if any(line.startswith(_OF_TRACES) for line in reason.told):
        yield element("pre", "\n".join(reason.told))
    else:
        yield from (element("div", line, class_="pale") for line in reason.told)


def _trace(trace: str) -> Html:
    return _section("traceback", element("pre", trace.rstrip())) if trace else Html("")


def _steps(steps: Sequence[Step], instant: float) -> Html:
    rows = [
        element(
            "tr",
            element("td", moment(step.at, instant)),
            element("td", state_mark(step.state)),
            element("td", str(step.state.attempt or ""), class_="number"),
            element("td", one_line(step.state.message, 600), class_="message"),
        )
        for step in steps
    ]
    heads = [
        element("th", head, scope="col", class_="number" if head == "attempt" else None)
        for head in ("when", "state", "attempt", "message")
    ]
    return _section("states", _table(heads, rows))


def _table(heads: Sequence[Html], rows: Sequence[Html]) -> Html:
    return element("table", element("thead", element("tr", heads)), element("tbody", rows))


def _inputs(run_id: str, inputs: Sequence[Input]) -> Html:
    if not inputs:
        return Html("")
    rows = [element("tr", *_input(run_id, one)) for one in inputs]
    heads = [element("th", head, scope="col") for head in ("argument", "from", "what is known")]
    return _section("inputs", _table(heads, rows))


def _input(run_id: str, one: Input) -> Iterator[Html]:
    yield element("td", one.name or element("span", "waited for", class_="pale"))
    lines = [
        element("div", task_link(run_id, came.label), " ", state_mark(came.state))
        for came in one.came
    ]
    if one.more:
        lines.append(element("div", f"and {many(one.more, 'task run')} more", class_="pale"))
    yield element("td", lines)
    yield element("td", [element("div", came.summary) for came in one.came], class_="message")


def _result(run_id: str, detail: Detail) -> Html:
    if detail.children is not None:
        link = element(
            "a",
            many(detail.children, "task run"),
            href=address("flow-run", id=run_id, node=detail.node),
        )
        return _section("children", element("p", link))
    return _section("result", element("p", detail.summary)) if detail.summary else Html("")


def logs_markup(lines: Iterable[LogLine], left_out: int, label: str) -> Html:
    """Return what a task run has logged; nothing where it has not.

    Parameters
    ----------
    left_out
        How many lines came before these.
    label
        Of the task run whose page it is: its lines need not name it.
    """
    rows = [_log_line(line, label) for line in lines]
    if not rows:
        return Html("")
    more = element("p", f"{left_out:,} earlier lines: daskflow logs", class_="pale")
    table = element("table", element("tbody", rows), class_="logs")
    return _section("logs", more if left_out else Html(""), table)


def _log_line(line: LogLine, label: str) -> Html:
    level = getLevelName(line.level)
    attempt = f"attempt {line.attempt}" if line.attempt > 1 else ""
    who = ", ".join(filter(None, (line.task_run if line.task_run != label else "", attempt)))
    return element(
        "tr",
        element("td", moment(line.at, line.at)),
        element("td", level, class_=f"level {level.lower()}"),
        element("td", who, class_="pale"),
        element("td", line.message, class_="message"),
    )

"""A run as a notebook shows it: markup of one moment, made of texts that are all escaped. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import islice

from daskflow.runtime.views import NodeProgress, TaskRun
from daskflow.states import UNFINISHED_NAMES, State

_MOST_FAILED = 5  # that are shown


def run_markup(
    title: str,
    state: State,
    link: str,
    progress: Sequence[NodeProgress],
    failed: Iterable[TaskRun],
) -> str:
    """Return how a run stands: its state, how far its tasks are, and what failed first.

    Parameters
    ----------
    link
        To the page of the run; empty: it has none.

    Examples
    --------
    >>> from daskflow.states import Running
    >>> run_markup("etl <1>", Running(), "", [], [])[:46]
    '<p><b>etl &lt;1&gt;</b>: Running</p><table><tr'
    """
    page = f' (<a href="{escape(link)}" target="_blank">live</a>)' if link else ""
    heads = "<tr><th>task</th><th>done</th><th>states</th></tr>"
    rows = "".join(map(_row, progress))
    return (
        f"<p><b>{escape(title)}</b>: {escape(str(state))}{page}</p>"
        f"<table>{heads}{rows}</table>{_failed_markup(failed)}"
    )


def _row(one: NodeProgress) -> str:
    done = sum(count for kind, count in one.counts.items() if kind not in UNFINISHED_NAMES)
    total = "?" if one.total is None else f"{one.total:,}"
    bar = f'<progress max="{one.total}" value="{done}"></progress> ' if one.total else ""
    states = ", ".join(f"{count:,} {kind}" for kind, count in one.counts.items())
    name = escape(one.node)
    return f"<tr><td>{name}</td><td>{bar}{done:,} of {total}</td><td>{escape(states)}</td></tr>"


def _failed_markup(failed: Iterable[TaskRun]) -> str:
    found = list(islice(failed, _MOST_FAILED + 1))
    told = [f"<li>{escape(one.name)}: {escape(str(one.state))}</li>" for one in found]
    more = "<li>...</li>" if len(found) > _MOST_FAILED else ""
    return f"<ul>{''.join(told[:_MOST_FAILED])}{more}</ul>" if told else ""

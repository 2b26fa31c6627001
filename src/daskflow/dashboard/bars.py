"""Small pieces of markup that several pages show: states, bars, times. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from daskflow.dashboard.markup import Html, element, join
from daskflow.dashboard.signs import LOOKS, WAITING, look_of, shares_of, symbol_of
from daskflow.states import Crashed, State
from daskflow.wording import moment_text

_NAMES = {look.name: look for look in LOOKS}


def state_mark(state: State) -> Html:
    """Return a state: its symbol and its kind, and how it crashed."""
    kind = type(state).__name__
    reason = f" ({state.reason})" if isinstance(state, Crashed) and state.reason else ""
    return kind_mark(kind, reason)


def kind_mark(kind: str, more: str = "") -> Html:
    """Return a kind of state by its name."""
    symbol = element("span", symbol_of(kind), class_="symbol", aria_hidden="true")
    return element("span", symbol, " ", kind, more, class_=f"state {look_of(kind).name}")


def bar(counts: Mapping[str, int], total: int) -> Html:
    """Return a bar of task runs by state; what is waiting is its empty end.

    Parameters
    ----------
    counts
        By the name of the kind.
    """
    shares = shares_of(counts)
    waiting = shares.pop(WAITING.name, 0) + max(0, total - sum(counts.values()))
    pieces = [
        element("span", class_=f"piece {name}", style=f"flex-grow:{number}")
        for name, number in [*shares.items(), (WAITING.name, waiting)]
        if number
    ]
    told = ", ".join(f"{number:,} {kind}" for kind, number in counts.items() if number)
    return element("span", pieces, class_="bar", title=told or "nothing yet", role="img")


def tally(counts: Mapping[str, int], *, is_named: bool = False) -> Html:
    """Return how many task runs look how, in symbols, or in words too; what waits is left out."""
    shares = shares_of(counts)
    shares.pop(WAITING.name, None)
    marks = [
        element(
            "span",
            f"{_NAMES[name].symbol} {number:,}" + (f" {name}" if is_named else ""),
            class_=f"count {name}",
            title=name,
        )
        for name, number in shares.items()
    ]
    return join(*marks)


def moment(instant: float | None, beside: float | None = None) -> Html:
    """Return an instant for people, in full where the mouse is."""
    if instant is None:
        return element("span", "-", class_="pale")
    return element("time", moment_text(instant, beside), title=moment_text(instant))


def pager(page: int, pages: int | None, *, has_more: bool) -> Html:
    """Return what turns pages; nothing where there is only one.

    Parameters
    ----------
    pages
        How many there are; None: that is not known.
    """
    if not page and not has_more:
        return Html("")
    told = f"page {page + 1:,} of {pages:,}" if pages is not None else f"page {page + 1:,}"
    back = ask("back", {"page": page - 1}, is_off=page == 0)
    ahead = ask("next", {"page": page + 1}, is_off=not has_more)
    first, last = Html(""), Html("")
    if pages is not None:
        first = ask("first", {"page": 0}, is_off=page == 0)
        last = ask("last", {"page": pages - 1}, is_off=not has_more)
    return element("div", first, back, element("span", told), ahead, last, class_="pager")


def ask(text: str, what: Mapping[str, str | int | bool], *, is_off: bool = False) -> Html:
    """Return a button that asks the server for something."""
    told = None if is_off else json.dumps(what)
    return element("button", text, type="button", data_ask=told, disabled="" if is_off else None)

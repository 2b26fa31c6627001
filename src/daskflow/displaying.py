"""Shows a run in the cell of a notebook, and keeps that up to date while somebody drives it.

IPython asks for it. A terminal cannot change what it has printed, so there the run is shown once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

_SECONDS = 0.5  # between two looks at a run that goes on

Show = Callable[..., Any]  # `IPython.display.display`, or what is called like it


class Displayed(Protocol):
    """What of a run is looked at."""

    def wait(self, timeout: float | None = None) -> Any:
        """Return when nobody drives it any more; raise TimeoutError where that takes longer."""

    def _repr_html_(self) -> str: ...


def display_run(run: Displayed) -> None:
    """Show a run where IPython shows the value of a cell."""
    from IPython import get_ipython
    from IPython.display import display

    shell: Any = get_ipython()
    is_notebook = getattr(shell, "kernel", None) is not None
    show_in(display, run, is_live=is_notebook)


def show_in(show: Show, run: Displayed, *, is_live: bool) -> threading.Thread | None:
    """Show a run; where that can be changed later, do it in a thread of its own, which is returned.

    It ends when the run has ended, or waits for a person.
    """
    told = _bundle(run)
    handle = show(told, raw=True, display_id=is_live or None)
    if not is_live:
        return None

    def keep_up_to_date() -> None:
        shown, is_over = told, False
        while not is_over:
            is_over = _is_over(run, _SECONDS)
            news = _bundle(run)
            if news != shown:
                shown = news
                handle.update(news, raw=True)

    thread = threading.Thread(target=keep_up_to_date, name="daskflow-cell", daemon=True)
    thread.start()
    return thread


def _is_over(run: Displayed, seconds: float) -> bool:
    try:
        run.wait(seconds)
    except TimeoutError:
        return False
    return True


def _bundle(run: Displayed) -> dict[str, str]:
    return {"text/plain": repr(run), "text/html": run._repr_html_()}

"""A run shown from its start to its end, and the code with which the command ends."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread, current_thread, main_thread
from typing import TYPE_CHECKING

from daskflow.cli.exits import Exit, exit_of
from daskflow.cli.reading import handle_of, open_store
from daskflow.errors import StoreError
from daskflow.garbage import spare_collector
from daskflow.states import Running
from daskflow.timing import now, watch

if TYPE_CHECKING:  # imported when a run begins: it needs Dask
    from rich.console import Console

    from daskflow.runs import FlowRun


_A_MOMENT = 0.5  # seconds
_PATIENCE = 3.0  # seconds for the driver to hear of it; in this process it may be in a body itself


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM mean what Ctrl-C does meanwhile: so do those ask who run programs for others.

    Where somebody else takes it, as the flow's own file may, it is left to him.
    """
    is_main = current_thread() is main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@_terminated_as_interrupted()
def run_shown(start: Callable[[], FlowRun], flow: str) -> int:
    """Show a run until it has ended, and return the exit code.

    Parameters
    ----------
    start
        Makes a run that goes on in the background.
    flow
        Name of its flow, to be shown until there is a run.
    """
    from daskflow.cli.display import make_console, make_display
    from daskflow.cli.summary import how_far_is, print_interrupted, print_summary

    console = make_console()
    began, flow_run = now(), None
    try:
        with make_display(console, flow, since=began) as display:
            flow_run = start()
            Thread(target=_spare_collector, args=(flow_run,), daemon=True).start()
            display.follow(flow_run)
    except KeyboardInterrupt:
        how_far = how_far_is(flow_run)
        with suppress(KeyboardInterrupt):  # once more: it is left as it is, and can be resumed
            _end(flow_run, console)
        print_interrupted(console, flow_run, began, how_far, _handle_of(flow_run))
        return Exit.CANCELLED
    print_summary(console, flow_run, _handle_of(flow_run))
    return exit_of(flow_run.state)


def _spare_collector(run: FlowRun) -> None:
    """Wait until the run is under way, for by then all is loaded that it needs here."""
    watch(lambda: run.record.in_flight or run.state.is_finished(), math.inf)
    if not run.state.is_finished():
        spare_collector()


def _handle_of(run: FlowRun | None) -> str:
    """Return how a run is named in a command; empty where it ends with this process."""
    if run is None or not run.is_durable:
        return ""
    try:
        return handle_of(open_store(), run.id, run.name)
    except StoreError:  # the run was kept elsewhere, or its store has gone since
        return run.name


def _end(run: FlowRun | None, console: Console) -> None:
    """Let a run end as Cancelled; where that takes a while, say how to leave at once."""
    from daskflow.cli.summary import say

    if run is None:
        return
    run.cancel("interrupted by the user")
    try:
        run.wait(_A_MOMENT)
    except TimeoutError:
        say(console, "Interrupted; waiting for it to end. Ctrl-C once more leaves at once.", "bold")
        if watch(lambda: not isinstance(run.state, Running), _PATIENCE):
            run.wait()  # for what cleans up, however long that takes

"""How the block that a thread runs is stopped in the midst of it: its cancel scope.

While nothing is cancelled a scope costs a body two assignments and two looks. The thread says that
it is about to call a body, then looks whether the scope was cancelled; who cancels notes that
first, then looks whether a body is called. So no body begins unseen. When it has ended, the thread
says so, and looks whether something may still be on its way to it: that arrives in `settle`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from daskflow.executors import at_work
from daskflow.executors.at_work import AtWork
from daskflow.runtime.deadlines import Watch, raise_in
from daskflow.signals import RunInterrupted


def do_nothing() -> None:
    """Stand where nothing is to be done."""


@dataclass(slots=True, eq=False)
class CancelScope:
    """The block that a thread runs, as far as it can be stopped."""

    run_id: str = ""  # as executors know the run
    number: int = 0  # of the block
    on_cancel: Callable[[], None] = do_nothing  # lets nothing more of it begin
    thread: int = field(default_factory=threading.get_ident)
    around: AtWork | None = None  # see `AtWork`
    is_cancelled: bool = False
    is_calling: bool = False  # a body is called, and may be interrupted
    watch: Watch | None = None  # interrupts that body
    # what cancels the runs that the body waits for, by the threads that drive them
    children: dict[int, Callable[[], None]] = field(default_factory=dict)
    stop_coroutine: Callable[[], object] | None = None  # that the body is

    def cancel(self) -> None:
        """Begin nothing more, and interrupt the body; by one thread at a time."""
        self.is_cancelled = True
        self.on_cancel()
        for cancel in list(self.children.values()) if self.is_calling else ():
            cancel()
        if self.is_calling and self.watch is None:
            watch = self.watch = Watch(0.0, self._hit)
            if self.is_calling:  # else its thread may not have seen the watch
                watch.begin()

    def _hit(self) -> None:
        """Interrupt the body, unless its thread drives a child run, which ends by itself."""
        if self.thread in self.children:
            return
        stop, self.stop_coroutine = self.stop_coroutine, None
        if stop is None:
            raise_in(self.thread, RunInterrupted)
        else:  # where that does not help, the next time it is interrupted like other code
            with suppress(RuntimeError):  # its loop has just been closed
                stop()

    def interrupt_here(self) -> None:
        """Stop the block from its own thread, which was in whatever it was in: a signal came.

        Raises
        ------
        RunInterrupted
            That was a body.
        """
        self.is_cancelled = True
        if self.is_calling and self.thread not in self.children:
            raise RunInterrupted

    @contextmanager
    def driving(self, cancel: Callable[[], None]) -> Iterator[None]:
        """Let this thread drive a run meanwhile that the body has begun.

        Parameters
        ----------
        cancel
            Cancels that run, from any thread.

        Raises
        ------
        RunInterrupted
            The body is to be interrupted, and this is its thread.
        """
        me = threading.get_ident()
        self.children[me] = cancel
        if self.is_cancelled and self.is_calling:  # it was told before the run was there
            cancel()
        try:
            yield
        finally:
            self.children.pop(me, None)
        if self.is_cancelled and self.is_calling and me == self.thread:
            raise RunInterrupted

    def settle(self) -> None:
        """Return when nothing more can arrive in this thread: its body has ended."""
        self.is_calling = False
        watch = self.watch
        if watch is not None:
            watch.running.clear()
            with suppress(RunInterrupted):
                watch.settle()

    def stopped(self) -> None:
        """Note that the body was interrupted: nothing more is begun."""
        self.is_cancelled = True
        self.settle()


def scope_of_thread(thread: int | None = None) -> CancelScope | None:
    """Return the scope of the innermost block that a thread runs, this one if none is named."""
    found = at_work.at_work(thread)
    return found if isinstance(found, CancelScope) else None

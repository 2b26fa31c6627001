"""The blocks that run in this process, by thread, and those that are called off.

Whoever cancels a run tells the process here, from whichever thread. A block that is called off
before it began begins nothing; one that is at work is told at once. Both take turns without a lock:
a block first says that it is at work, then asks whether it was called off; who calls blocks off
first notes that, then looks which are at work. While nothing is cancelled a block costs two entries
of a dict.
"""

from __future__ import annotations

import threading
from typing import Protocol

_KEPT = 256  # runs whose blocks were called off; what is left of older ones was let go long ago


class AtWork(Protocol):
    """A block that a thread runs."""

    run_id: str  # as executors know the run
    number: int  # of the block
    around: AtWork | None  # the block whose body, in the same thread, has begun this one's run

    def cancel(self) -> None:
        """Begin nothing more of it, and interrupt what can be; is called from another thread."""


_at_work: dict[int, AtWork] = {}  # by thread, the innermost
_called_off: dict[str, int] = {}  # by run, the first block that may begin
# one thread cancels at a time, a run and those that its bodies have begun
_calling_off = threading.RLock()


def begin(block: AtWork) -> bool:
    """Note that this thread runs a block; return whether it may: else it was called off."""
    me = threading.get_ident()
    block.around = _at_work.get(me)
    _at_work[me] = block
    return not _called_off or block.number >= _called_off.get(block.run_id, 0)


def end(block: AtWork) -> None:
    """Note that this thread has ended a block."""
    me = threading.get_ident()
    if block.around is None:
        del _at_work[me]
    else:
        _at_work[me] = block.around


def at_work(thread: int | None = None) -> AtWork | None:
    """Return the innermost block that a thread runs, this one if no other is named."""
    return _at_work.get(threading.get_ident() if thread is None else thread)


def call_off(run_id: str, before: int) -> None:
    """Let no block of a run begin anything any more; interrupt what is at work.

    Parameters
    ----------
    before
        Blocks with this number and greater ones are not meant.
    """
    with _calling_off:
        _called_off[run_id] = max(before, _called_off.pop(run_id, 0))
        while len(_called_off) > _KEPT:
            del _called_off[next(iter(_called_off))]
        for block in list(_at_work.values()):
            inner: AtWork | None = block
            while inner is not None:
                if inner.run_id == run_id and inner.number < before:
                    inner.cancel()
                inner = inner.around

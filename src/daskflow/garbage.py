"""When Python's garbage collector is kept from looking around."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector from looking through all that is made meanwhile: it is in use.

    A graph, a plan, or what came back of one, is many objects at once. To look at them again and
    again takes as long as to make them.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def spare_collector(*, collect: bool = True) -> None:
    """Let Python's garbage collector not look again at what was loaded by now.

    It would for a fifth of a second at a time, in which nothing else moves. That is for a process
    of our own, once; another's is not ours to settle.

    Parameters
    ----------
    collect
        Look once more before. Not needed where nothing of a user's was there yet that could be
        garbage.
    """
    if collect:
        gc.collect()
    gc.freeze()

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

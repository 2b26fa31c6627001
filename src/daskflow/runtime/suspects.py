"""Who may have been the cause when a worker died, and who is charged for it. Pure decisions.

A task run that was at work there is a suspect, and the rest of its block is not: the worker's black
box tells which it was. Where there is no box, or it says that the block was between two task runs,
all of the block are suspects. What the worker had not begun is innocent.

1. A suspect with no other beside it uses up one of its `infra_retries`. When they are gone, it is
   Crashed.
2. Where there are several, of whichever runs, none is charged. Each is *set apart*: it runs when
   all else is through that can run, on a worker that has no other block of its flow run. So what
   is lost then is its own doing, and is charged.
3. Suspects of either kind run alone in a block. Who comes back, with whatever result, is no suspect
   any more.

So a body that kills its worker starts at most `infra_retries + 2` times: once uncharged, and once
for each that is charged. Who only was beside it is never charged while it is. A worker that is
killed from outside counts like any other, which costs a task run one retry of as many as it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from daskflow.events import AT_BEGIN, ENDED, NOT_BEGUN, UNKNOWN, Fate, Span

TaskRunKey = tuple[str, int]  # node and position


class Finding(NamedTuple):
    """What is found of a block that was lost."""

    begun: list[TaskRunKey]  # whose bodies were started, or may have been
    suspects: list[TaskRunKey]
    is_charged: bool  # else they are set apart
    rest: list[TaskRunKey]  # of what is lost: was not begun


def walk_of(spans: Iterable[Span]) -> Iterator[TaskRunKey]:
    """Return the task runs of a block's spans in the order in which its walk begins them.

    Examples
    --------
    >>> list(walk_of([("a", 3, 5), ("b", 3, 5), ("a", 7, 8)]))
    [('a', 3), ('b', 3), ('a', 4), ('b', 4), ('a', 7)]
    """
    for (start, stop), strip in groupby(spans, key=lambda span: span[1:]):
        names = [name for name, _, _ in strip]
        for position in range(start, stop):
            yield from ((name, position) for name in names)


def investigate(
    spans: Iterable[Span], lost: Iterable[TaskRunKey], fate: Fate, *, is_apart: bool
) -> Finding:
    """Return what a block's fate says of its task runs.

    Parameters
    ----------
    spans
        Of all that was put into the block.
    lost
        Those of its task runs that it still had, and that were not told of.
    is_apart
        Whether it was set apart, and on the worker that it was to have.
    """
    left = set(lost)
    walk = list(walk_of(spans))
    place = fate.place
    count = {NOT_BEGUN: 0, AT_BEGIN: 0, ENDED: len(walk), UNKNOWN: len(walk)}.get(place, place)
    begun = [run for run in walk[:count] if run in left]
    rest = [run for run in walk[count:] if run in left]
    if fate.is_expected or place == NOT_BEGUN:
        suspects = []
    elif place > AT_BEGIN:
        suspects = [run for run in walk[place - 1 : place] if run in left]
    else:
        suspects = begun + rest
    is_sole = len(suspects) == 1 and not fate.beside
    return Finding(begun, suspects, is_sole or (is_apart and not fate.kin), rest)

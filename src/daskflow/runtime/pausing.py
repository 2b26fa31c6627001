"""What of a run waits for a person."""

from __future__ import annotations

from collections.abc import Callable
from heapq import nsmallest

from daskflow.context import run_label, split_label
from daskflow.errors import IllegalMoveError
from daskflow.runtime.record import RunRecord
from daskflow.states import Paused, State

_NAMED = 3  # so many are named in a flow run's state
_LISTED = 20  # and where somebody asks for one that is not paused


def parked(record: RunRecord) -> State | None:
    """Return the state of a flow run of which only what waits for a person is left; None: ended."""
    if not record.paused:
        return None
    return Paused(f"waits for approval: {_named(record, record.paused, _NAMED)}")


def _named(record: RunRecord, runs: set[tuple[str, int]], limit: int) -> str:
    """Return the names of so many task runs at most, and how many more there are."""
    first = nsmallest(limit, runs, key=_in_order(record))
    names = [run_label(name, record.index(name, place)) for name, place in first]
    more = f" and {len(runs) - len(names)} more" if len(runs) > len(names) else ""
    return f"{', '.join(names)}{more}"


def _in_order(record: RunRecord) -> Callable[[tuple[str, int]], tuple[int, int]]:
    """Return the key that sorts task runs into the order of the flow."""
    order = {name: place for place, name in enumerate(record.nodes)}
    return lambda run: (order[run[0]], run[1])


def paused_runs(
    record: RunRecord, node: str | None, index: tuple[int, ...] | None
) -> list[tuple[str, int]]:
    """Return the paused task runs that are meant, by node and position, in the order of the flow.

    Parameters
    ----------
    node
        Its name, or that of one child: ``review[2]``. None: all nodes.
    index
        Of the child, or of the lane that the children are in; None: all of them.

    Raises
    ------
    IllegalMoveError
        There are none.
    """
    if node is not None and node not in record.nodes and (found := split_label(node)):
        node, index = found
    paused = record.paused.copy()  # in one go, for the driver may be at work
    meant = [run for run in paused if node in (None, run[0])]
    if index is not None:
        meant = [run for run in meant if record.index(*run)[: len(index)] == index]
    if not meant:
        raise IllegalMoveError(_not_paused(record, paused, run_label(node or "", index or ())))
    return sorted(meant, key=_in_order(record))


def _not_paused(record: RunRecord, paused: set[tuple[str, int]], who: str) -> str:
    if not paused:
        return f"{who} is not paused: nothing is" if who else "nothing is paused"
    what = f"{who} is not paused; " if who else ""
    return f"{what}waiting for approval: {_named(record, paused, _LISTED)}"


def approve_all(record: RunRecord, runs: list[tuple[str, int]], message: str = "approved") -> None:
    """Let paused task runs go on."""
    for run in runs:
        record.approve(*run, message)


def reject_all(record: RunRecord, runs: list[tuple[str, int]], message: str) -> None:
    """Let paused task runs fail."""
    for run in runs:
        record.reject(*run, message)

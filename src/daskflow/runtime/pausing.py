"""What of a run waits for a person."""

from __future__ import annotations

import re

from daskflow.context import run_label
from daskflow.errors import IllegalMoveError
from daskflow.runtime.record import RunRecord
from daskflow.states import Paused, State

_LABEL = re.compile(r"(.+)\[(\d+(?:, ?\d+)*)\]\Z")
_NAMED = 3  # so many are named in a message


def parked(record: RunRecord) -> State | None:
    """Return the state of a flow run of which only what waits for a person is left; None: ended."""
    if not record.paused:
        return None
    names = [run_label(name, record.index(name, place)) for name, place in sorted(record.paused)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return Paused(f"waits for approval: {', '.join(names[:_NAMED])}{more}")


def paused_runs(
    record: RunRecord, node: str | None, index: tuple[int, ...] | None
) -> list[tuple[str, int]]:
    """Return the paused task runs that are meant, by node and position, in the order of the flow.

    Parameters
    ----------
    node
        Its name, or that of one child: ``review[2]``. None: all nodes.
    index
        Of the child; None: all of them.

    Raises
    ------
    IllegalMoveError
        There are none.
    """
    found = _LABEL.match(node) if node is not None and node not in record.nodes else None
    if found is not None:
        node, index = found[1], tuple(map(int, found[2].split(",")))
    order = {name: place for place, name in enumerate(record.nodes)}
    paused = sorted(record.paused, key=lambda run: (order[run[0]], run[1]))
    meant = [
        (name, place)
        for name, place in paused
        if node in (None, name) and index in (None, record.index(name, place))
    ]
    if not meant:
        waits = ", ".join(run_label(name, record.index(name, place)) for name, place in paused)
        what = f"{run_label(node, index or ())} is not paused; " if node is not None else ""
        msg = f"{what}waiting for approval: {waits or 'nothing'}"
        raise IllegalMoveError(msg)
    return meant


def approve_all(record: RunRecord, runs: list[tuple[str, int]]) -> None:
    """Let paused task runs go on."""
    for run in runs:
        record.approve(*run)


def reject_all(record: RunRecord, runs: list[tuple[str, int]], message: str) -> None:
    """Let paused task runs fail."""
    for run in runs:
        record.reject(*run, message)

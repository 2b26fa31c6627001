"""How a flow run ended, from its reference tasks. A pure decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from daskflow.states import Cancelled, Failed, State, Success

_NAMED = 3  # so many failed task runs are named in the message


class Outcome(NamedTuple):
    """How the task runs of a node ended."""

    codes: bytes  # kinds of their states
    failed: Sequence[str]  # names of those that failed


def verdict(references: Mapping[str, Outcome]) -> State:
    """Return Failed if any reference task run failed, else Cancelled if any was, else Success.

    Parameters
    ----------
    references
        The reference nodes, all finished.
    """
    failed = [name for outcome in references.values() for name in outcome.failed]
    cancelled = sum(outcome.codes.count(Cancelled.code) for outcome in references.values())
    total = sum(len(outcome.codes) for outcome in references.values())
    if failed:
        more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        told = f"{', '.join(failed[:_NAMED])}{more}"
        return Failed(f"{len(failed)} of {total} reference task runs failed: {told}")
    if cancelled:
        return Cancelled(f"{cancelled} of {total} reference task runs were cancelled")
    return Success()

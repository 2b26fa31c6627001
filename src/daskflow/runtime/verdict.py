"""How a flow run ended, from its reference tasks. A pure decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from daskflow.context import run_label
from daskflow.states import FAILED, Cancelled, Failed, State, Success, mask_of

_NAMED = 3  # so many failed task runs are named in the message
_FAILED_MASK = mask_of(FAILED)


class Ended(Protocol):
    """What the verdict looks at of a node that has ended."""

    decided: State | None
    codes: bytearray


def verdict(references: Mapping[str, Ended], mapped: frozenset[str] = frozenset()) -> State:
    """Return Failed if any reference task run failed, else Cancelled if any was, else Success.

    Parameters
    ----------
    references
        The reference nodes, all finished.
    mapped
        Those of them whose task runs have a map index.
    """
    failed: list[str] = []
    cancelled = total = 0
    for name, node in references.items():
        codes = bytes([node.decided.code]) if node.decided is not None else bytes(node.codes)
        total += len(codes)
        cancelled += codes.count(Cancelled.code)
        failed += [
            run_label(name, (position,) if name in mapped and node.decided is None else ())
            for position, is_failed in enumerate(codes.translate(_FAILED_MASK))
            if is_failed
        ]
    if failed:
        more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        told = f"{', '.join(failed[:_NAMED])}{more}"
        return Failed(f"{len(failed)} of {total} reference task runs failed: {told}")
    if cancelled:
        return Cancelled(f"{cancelled} of {total} reference task runs were cancelled")
    return Success()

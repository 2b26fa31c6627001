"""Which task runs clean up behind which setup, and what runs again where that came too early.

A run that is cancelled cleans up though not all has run that uses the resource. When it goes on,
the resource is set up once more, and all that used it runs again: what it did may be gone.
"""

from __future__ import annotations

from collections.abc import Iterator

from daskflow.definition.nodes import FlowGraph
from daskflow.graph import Edge
from daskflow.runtime.columns import Columns
from daskflow.states import FINISHED, OVER, PICKED
from daskflow.triggers import AfterSetup

CLEANED_UP = "its resource was cleaned up: it runs again"

Run = tuple[str, int]  # node, position


def setups_of(graph: FlowGraph) -> dict[str, Edge]:
    """Return, for each node that cleans up, the way to what it cleans up behind."""
    found: dict[str, Edge] = {}
    for name, node in graph.nodes.items():
        trigger = node.task.rules.trigger
        if isinstance(trigger, AfterSetup):
            found[name] = next(edge for edge in graph.upstream(name) if edge.key == trigger.key)
    return found


def is_to_clean_up(columns: Columns, setup: Edge, position: int) -> bool:
    """Return whether what cleans up has something to: its setup succeeded, or still may."""
    codes = [_code(columns, run) for run in _below(columns, setup, position)]
    return all(code in PICKED or code not in FINISHED for code in codes)


def cleanups_left(columns: Columns) -> Iterator[Run]:
    """Return what has not cleaned up yet behind a setup that succeeded."""
    for name, setup in setups_of(columns.graph).items():
        for position, code in enumerate(columns.nodes[name].codes):
            done = [_code(columns, run) in PICKED for run in _below(columns, setup, position)]
            if code not in FINISHED and all(done):
                yield name, position


def torn_down(columns: Columns) -> Iterator[Run]:
    """Return what has run with, and around, a resource that was cleaned up before all had."""
    for name, setup in setups_of(columns.graph).items():
        node = columns.nodes[name]
        inside = [edge for edge in columns.graph.upstream(name) if edge.key is None]
        for position, attempts in enumerate(node.attempts):
            if not attempts or node.codes[position] not in OVER:
                continue
            used = [run for edge in inside for run in _below(columns, edge, position)]
            if any(_code(columns, run) not in OVER for run in used):
                runs = (*_below(columns, setup, position), *used, (name, position))
                yield from (run for run in runs if _code(columns, run) in OVER)


def _below(columns: Columns, edge: Edge, position: int) -> Iterator[Run]:
    return ((edge.upstream, place) for place in columns.below(edge, position).positions())


def _code(columns: Columns, run: Run) -> int:
    return columns.nodes[run[0]].codes[run[1]]

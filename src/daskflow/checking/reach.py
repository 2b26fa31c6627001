"""What can never run. Pure, and only what is certain before a run is told."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from daskflow.checking.findings import Finding, error, note
from daskflow.definition.definitions import FlowDefinition
from daskflow.definition.mapping import measure
from daskflow.definition.nodes import ROOT, LiteralRef, NodeRef, Packed, SpaceSpec
from daskflow.errors import DefinitionError
from daskflow.graph import Edge
from daskflow.triggers import (
    Counts,
    CountTrigger,
    all_finished,
    all_successful,
    not_all_skipped,
)

_MOST_RUNS = 100  # of all ways in which so many may end, each is tried
_INDIFFERENT = (all_successful, all_finished, not_all_skipped)  # without upstream they mean little


class Reach:
    """How many task runs there will be of each node, as far as that is known before a run."""

    def __init__(self, definition: FlowDefinition) -> None:
        self.graph = definition.graph
        self._literals = definition.literals
        self._widths: dict[str, int | None] = {ROOT: 1}  # below each place of the space around
        self._never: dict[str, None] = {}  # nodes of which no task run can start

    def find(self) -> Iterator[Finding]:
        """Find what never runs, and what always fails."""
        for space in self.graph.spaces.values():
            if space.name != ROOT:
                yield from self._look_at_space(space)
        for name in self.graph.order():
            yield from self._look_at_trigger(name)

    def _look_at_space(self, space: SpaceSpec) -> Iterator[Finding]:
        """Find maps over nothing, and maps whose sequences have different lengths.

        Lengths are known of constants, of lists of nodes, and of maps over such.
        """
        known = {giver.what: self._length(giver.form) for giver in space.givers}
        lengths = {what: length for what, length in known.items() if length is not None}
        self._widths[space.name] = next(iter(lengths.values()), None)
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{what} has {length}" for what, length in lengths.items())
            yield error(space.name, f"maps over sequences of different lengths: {told}")
        for giver in space.givers:
            is_own = not isinstance(giver.form, NodeRef)  # not because another map is empty
            if is_own and known[giver.what] == 0:
                yield error(
                    space.name, f"never runs: it is mapped over {giver.what}, which is empty"
                )

    def _length(self, form: Any) -> int | None:
        if isinstance(form, LiteralRef) and form.name in self._literals:
            try:
                return measure(self._literals[form.name])
            except DefinitionError:  # told when it is traced, or when it runs
                return None
        if isinstance(form, Packed) and isinstance(form.template, list | tuple):
            return len(form.template)
        if isinstance(form, NodeRef) and not form.is_flat:
            around = self.graph.around(self.graph.nodes[form.name].space)
            if len(form.levels) < len(around):
                return self._widths.get(around[len(form.levels)])
        return None

    def _look_at_trigger(self, name: str) -> Iterator[Finding]:
        """Find triggers that say no however the tasks before them end.

        For ``some_failed(at_least=3)`` behind two task runs, and for whatever wants the success of
        a task that never runs. Where nothing comes before a task its trigger is never asked: that
        is worth a note for those that wait for a failure. A function as a trigger may say anything.
        """
        trigger = self.graph.nodes[name].task.rules.trigger
        upstream = self.graph.upstream(name)
        shut = [e.upstream for e in upstream if e.is_gate and e.upstream in self._never]
        if shut:
            self._never[name] = None
            yield error(name, f"never runs: it is in {', '.join(shut)}, which cannot run")
            return
        edges = {(e.upstream, e.levels, e.is_flat): e for e in upstream if not e.is_gate}
        counts = {key: self._count(edge) for key, edge in edges.items()}
        lost = {key[0]: n for key, n in counts.items() if key[0] in self._never and n}
        total = None if None in counts.values() else sum(n or 0 for n in counts.values())
        if not isinstance(trigger, CountTrigger):
            return
        if total == 0:
            if trigger not in _INDIFFERENT:
                yield note(name, f"always runs: nothing comes before it that {trigger} could ask")
        elif not _may_agree(trigger, total, sum(lost.values())):
            self._never[name] = None
            why = f" behind {', '.join(lost)}, which cannot run" if lost else ""
            runs = f" to {total} upstream task run{'s' * (total != 1)}" if total is not None else ""
            yield error(name, f"never runs: its trigger {trigger} cannot say yes{runs}{why}")

    def _count(self, edge: Edge) -> int | None:
        """Return how many task runs of the upstream node each of the downstream node waits for."""
        if edge.is_flat:
            return 1
        around = self.graph.around(self.graph.nodes[edge.upstream].space)
        widths = [self._widths.get(space) for space in around[len(edge.levels) :]]
        return prod(w for w in widths if w is not None) if None not in widths else None


def _may_agree(trigger: CountTrigger, total: int | None, lost: int) -> bool:
    """Return whether a trigger says yes to any of the ways in which task runs may end.

    Parameters
    ----------
    total
        How many there are; None: it is not known.
    lost
        How many of them fail for certain, because they never start.
    """
    if total is None or total > _MOST_RUNS:
        return not (lost and trigger == all_successful)
    return any(
        trigger.decide(Counts(total, successful, failed=failed))
        for failed in range(lost, total + 1)
        for successful in range(total - failed + 1)
    )

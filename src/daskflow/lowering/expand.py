"""How many children a mapped task has, decided as soon as its inputs tell.

The trigger and the skip rule are asked of the parent over the inputs that give its width, where a
mapped one counts as one successful state. So a parent is either Mapped, or it ends without
children: TriggerFailed, Skipped, or Failed where its inputs cannot be mapped over together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from daskflow.errors import DefinitionError
from daskflow.graph import Edge, Graph
from daskflow.lowering.known import AtHand, Column
from daskflow.lowering.order import is_lane
from daskflow.mapping import measure
from daskflow.nodes import LiteralRef, NodeRef, NodeSpec, Packed
from daskflow.states import Failed, Mapped, State, make_state
from daskflow.triggers import count_codes, refusal


@dataclass(slots=True)
class Expansion:
    """What became clear about mapped tasks in this pass."""

    widths: dict[str, int] = field(default_factory=dict)  # their children now exist
    decided: dict[str, State] = field(default_factory=dict)  # ended without children


def expand(
    graph: Graph[NodeSpec], order: Iterable[str], known: Mapping[str, Column], at_hand: AtHand
) -> Expansion:
    """Decide every mapped task whose inputs are known by now, in topological order."""
    found = Expansion()
    for name in order:
        column = known[name]
        if column.width is not None or column.decided is not None:
            continue
        verdict = _Parent(graph, name, known, at_hand, found).decide()
        if isinstance(verdict, int):
            found.widths[name] = verdict
        elif verdict is not None:
            found.decided[name] = verdict
    return found


class _Parent:
    """One mapped task that is not decided yet."""

    def __init__(
        self,
        graph: Graph[NodeSpec],
        name: str,
        known: Mapping[str, Column],
        at_hand: AtHand,
        found: Expansion,
    ) -> None:
        self.graph, self.name, self.known, self.at_hand = graph, name, known, at_hand
        self.found = found
        self.spec = graph.nodes[name]

    def decide(self) -> int | State | None:
        """Return the width, or the state it ends in, or None where it is too early."""
        states: dict[Edge, State] = {}
        for edge in self.graph.upstream(self.name):
            if not edge.mapped:
                continue
            state = self._state(edge)
            if state is None:
                return None
            states[edge] = state
        nodes = {edge.upstream: state for edge, state in states.items()}  # two edges may share one
        counts = count_codes(bytes([state.code]) for state in nodes.values())
        rules = self.spec.task.rules
        refused = refusal(
            rules.trigger, counts, states, skips_with_upstream=rules.skips_with_upstream
        )
        return refused or self._width()

    def _state(self, edge: Edge) -> State | None:
        """Return the state of an input that gives the width; None where it is not finished."""
        column = self.known[edge.upstream]
        if not is_lane(self.graph, edge):
            return make_state(column.codes[0]) if column.is_finished() else None
        if self._lane_width(edge.upstream) is not None:
            return Mapped()
        return column.decided or self.found.decided.get(edge.upstream)

    def _lane_width(self, name: str) -> int | None:
        width = self.known[name].width
        return self.found.widths.get(name) if width is None else width

    def _width(self) -> int | State:
        """Return the common length of all mapped inputs, or why there is none."""
        lengths: dict[str, int] = {}
        try:
            for argument in self.spec.arguments:
                if argument.is_mapped:
                    what = f"argument {argument.name!r}"
                    lengths[argument.name] = self._length(argument.form)
            for edge in self.graph.upstream(self.name):
                if edge.key is None and is_lane(self.graph, edge):
                    what = f"wait_for {edge.upstream!r}"
                    lengths[f"wait_for {edge.upstream}"] = self._length(NodeRef(edge.upstream))
        except DefinitionError as error:
            msg = f"{self.name}, {what}: {error}"
            return Failed(msg, exception=DefinitionError(msg))
        if len(set(lengths.values())) == 1:
            return next(iter(lengths.values()))
        told = " and ".join(map(str, lengths.values()))
        msg = f"{self.name}.map: its mapped arguments ({', '.join(lengths)}) have lengths {told}"
        return Failed(msg, exception=DefinitionError(msg))

    def _length(self, form: LiteralRef | NodeRef | Packed) -> int:
        if isinstance(form, LiteralRef):
            return measure(self.at_hand.literals[form.name])
        if isinstance(form, Packed):
            return measure(form.template)
        if self.graph.nodes[form.name].is_mapped:
            width = self._lane_width(form.name)
            length: int | str = "the task before it has no children" if width is None else width
        else:
            length = self.at_hand.lengths.get(form.name, "the task before it gave no value")
        if isinstance(length, str):
            raise DefinitionError(length)
        return length

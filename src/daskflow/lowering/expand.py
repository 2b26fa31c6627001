"""How many task runs a mapped task has, decided as soon as its inputs tell.

A space opens below each place of the space around it on its own: below one lane of a mapped
sub-flow a ``.map`` may have three children, below the next none. The trigger and the skip rule are
asked of the parent over the inputs that give its width, where a mapped one counts as one successful
state; for a mapped sub-flow those are the default ones. So a parent either has children, or it
ends without: TriggerFailed, Skipped, or Failed where its inputs cannot be mapped over together.
What is mapped in a case asks that first: where it did not match there is no width to be found.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from daskflow.context import run_label
from daskflow.definition.mapping import element_getter, measure
from daskflow.definition.nodes import (
    ROOT,
    Element,
    FlowGraph,
    Form,
    Giver,
    LiteralRef,
    NodeRef,
    Packed,
    SpaceSpec,
    fill,
)
from daskflow.definition.task_rules import TaskRules
from daskflow.errors import DefinitionError
from daskflow.events import Length
from daskflow.graph import Edge
from daskflow.lowering.known import AtHand, Known
from daskflow.lowering.spaces import Space
from daskflow.signals import Fail, Signal, Skip
from daskflow.states import (
    FINISHED,
    PICKED,
    Failed,
    Mapped,
    Pending,
    State,
    TriggerFailed,
    make_state,
)
from daskflow.triggers import closed, count_codes, refusal, state_of_signal


class Opening(NamedTuple):
    """Below a place of the space around it a space now has so many places."""

    space: str
    parent: int
    width: int
    parts: tuple[int, ...] = ()  # see `Width`


class Ended(NamedTuple):
    """A mapped node ended without children below a place of the space around it."""

    space: str
    parent: int
    state: State


@dataclass(slots=True)
class Expansion:
    """What became clear about mapped tasks in this pass."""

    openings: list[Opening] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    spaces: dict[str, Space] = field(default_factory=dict)  # all of them, as they are now


class Width(NamedTuple):
    """How many children a parent has."""

    total: int
    parts: tuple[int, ...] = ()  # of a flattened one: the elements of each value


class _Input(NamedTuple):
    """One input that gives the width, finished."""

    what: str
    length: Length
    edge: Edge | None = None  # where it comes from another node
    state: State | None = None
    parts: tuple[int, ...] = ()


def expand(graph: FlowGraph, known: Known, at_hand: AtHand) -> Expansion:
    """Decide all mapped tasks whose inputs are known by now."""
    return _Expander(graph, known, at_hand).expand()


class _Expander:
    def __init__(self, graph: FlowGraph, known: Known, at_hand: AtHand) -> None:
        self.graph, self.known, self.at_hand = graph, known, at_hand
        self.found = Expansion()
        self.spaces = self.found.spaces
        self._changed: set[str] = set()

    def expand(self) -> Expansion:
        for name in self.graph.spaces:
            self._visit(name)
        return self.found

    def _visit(self, name: str) -> None:
        """Decide a space behind those that it takes its width from."""
        if name in self.spaces:
            return
        spec = self.graph.spaces[name]
        if name != ROOT:
            self._visit(spec.parent)
        for giver in spec.givers:
            if isinstance(giver.form, NodeRef):
                self._visit(self.graph.nodes[giver.form.name].space)
        for gate in spec.gates:
            self._visit(self.graph.nodes[gate.name].space)
        space = self.spaces[name] = self.known.spaces[name]
        if spec.parent in self._changed:
            space = self._changing(spec)
        for parent in space.undecided():
            verdict = _Parent(self, spec, parent).decide()
            if verdict is None:
                continue
            space = self._changing(spec)
            if isinstance(verdict, State):
                space.decided[parent] = verdict
                self.found.ended.append(Ended(name, parent, verdict))
            else:
                space.open(parent, *verdict)
                self.found.openings.append(Opening(name, parent, *verdict))

    def _changing(self, spec: SpaceSpec) -> Space:
        """Return a copy of a space, which may change; what is known stays as it is."""
        if spec.name not in self._changed:
            self._changed.add(spec.name)
            self.spaces[spec.name] = self.known.spaces[spec.name].copy(self.spaces[spec.parent])
        return self.spaces[spec.name]


class _Parent:
    """One place below which a space is not decided yet."""

    def __init__(self, expander: _Expander, spec: SpaceSpec, parent: int) -> None:
        self.graph, self.known, self.at_hand = expander.graph, expander.known, expander.at_hand
        self.spaces = expander.spaces
        self.spec = spec
        self.index = self.spaces[spec.parent].index_of(parent)
        self.label = run_label(spec.name, self.index)

    def decide(self) -> Width | State | None:
        """Return the width, or the state it ends in, or None where it is too early."""
        inputs: list[_Input] = []
        for giver in self.spec.givers:
            one = self._input(giver)
            if one is None:
                return None
            inputs.append(one)
        gates = [self._gate(gate) for gate in self.spec.gates]
        if None in gates:
            return None
        return self._closed([gate for gate in gates if gate]) or self._open(inputs)

    def _gate(self, gate: NodeRef) -> dict[Edge, State] | None:
        """Return the states of a case; None where it is not decided."""
        picked = tuple(self.index[level] for level in gate.levels)
        space = self.known_space(gate.name)
        below = space.below(picked)
        positions = list(below.positions())
        if not below.is_complete or any(
            self._code(gate.name, place) not in FINISHED for place in positions
        ):
            return None
        edge = Edge(gate.name, self.spec.name, levels=gate.levels, is_gate=True)
        states = {edge._replace(map_index=index): one for index, one in below.decided.items()}
        for place in positions:
            told = self._state(gate.name, place)
            states[edge._replace(map_index=space.index_of(place))] = told
        return states

    @staticmethod
    def _closed(gates: list[dict[Edge, State]]) -> State | None:
        """Return the state in which its cases end it; None where it may open."""
        codes = [bytes(state.code for state in states.values()) for states in gates]
        merged = {edge: state for states in gates for edge, state in states.items()}
        return closed(count_codes(codes), merged)

    def _open(self, inputs: list[_Input]) -> Width | State:
        """Return the width, or the state it ends in, by the trigger and the inputs."""
        states = {one.edge: one.state for one in inputs if one.edge and one.state}
        runs = {(edge.upstream, edge.map_index): state for edge, state in states.items()}
        counts = count_codes(bytes([state.code]) for state in runs.values())
        node = self.graph.nodes.get(self.spec.name)
        rules = node.task.rules if node is not None else TaskRules()
        skips = rules.skips_with_upstream
        try:
            refused = refusal(rules.trigger, counts, states, skips_with_upstream=skips)
        except (Skip, Fail) as signal:
            return state_of_signal(signal)
        except Signal as signal:
            told = f"its trigger raised {type(signal).__name__}, which is for task runs with a body"
            return TriggerFailed(told, exception=signal)
        return refused or self._width(inputs)

    def _width(self, inputs: list[_Input]) -> Width | State:
        """Return the common length of all mapped inputs, or why there is none."""
        for one in inputs:
            if one.length.elements is None:
                place = one.what if one.edge and one.edge.key is None else f"argument {one.what!r}"
                return self._failed(f"{self.label}, {place}: {one.length.why}")
        lengths = [one.length.elements or 0 for one in inputs]
        if len(set(lengths)) == 1:
            return Width(lengths[0], inputs[0].parts)
        told = " and ".join(map(str, lengths))
        names = ", ".join(one.what for one in inputs)
        return self._failed(f"{self.label}.map: its mapped arguments ({names}) have lengths {told}")

    @staticmethod
    def _failed(message: str) -> State:
        return Failed(message, exception=DefinitionError(message))

    def _input(self, giver: Giver) -> _Input | None:
        """Return an input that gives the width; None where it is not finished."""
        form = giver.form
        if not isinstance(form, NodeRef):
            return _Input(giver.what, self._constant(form))
        key = None if giver.what.startswith("wait_for ") else giver.what
        picked = tuple(self.index[level] for level in form.levels)
        edge = Edge(form.name, self.spec.name, key, True, picked, form.levels)  # noqa: FBT003
        chain = self.known_space(form.name).chain()
        above = chain[len(picked)].find(picked) or 0  # it is there: else this place were not
        if len(chain) - 1 == len(picked):
            return self._value(giver.what, edge, above)
        return self._lanes(
            _Input(giver.what, _NO_CHILDREN, edge), chain, above, is_flat=form.is_flat
        )

    def _lanes(
        self, made: _Input, chain: list[Space], above: int, *, is_flat: bool
    ) -> _Input | None:
        """Return an input that is many task runs, below a place of the space around them."""
        levels = len(made.edge.levels) if made.edge else 0
        lanes = chain[levels + 1]
        if above in lanes.decided:
            return made._replace(state=lanes.decided[above])
        if above not in lanes.children:
            return None
        start, width = lanes.children[above]
        if is_flat:
            return self._flat(made, chain, range(start, start + width))
        return made._replace(length=Length(width), state=Mapped())

    def known_space(self, node: str) -> Space:
        """Return the space of a node as it is in this pass."""
        return self.spaces[self.graph.nodes[node].space]

    def _value(self, what: str, edge: Edge, position: int) -> _Input | None:
        """Return an input that is one value."""
        code = self._code(edge.upstream, position)
        if code not in FINISHED:
            return None
        length = self.at_hand.lengths.get(edge.upstream, {}).get(position, _NO_VALUE)
        return _Input(what, length, edge, self._state(edge.upstream, position))

    def _flat(self, made: _Input, chain: list[Space], positions: range) -> _Input | None:
        """Return an input of which the elements of all values are counted.

        One that failed or was skipped counts as one element.
        """
        parts: list[int] = []
        node, levels = (made.edge.upstream, len(made.edge.levels)) if made.edge else ("", 0)
        for position in positions:
            length = self._part(chain, node, levels + 1, position)
            if length is None:
                return None
            if length.elements is None:
                return made._replace(length=length, state=Mapped())
            parts.append(length.elements)
        return made._replace(length=Length(sum(parts)), state=Mapped(), parts=tuple(parts))

    def _part(self, chain: list[Space], node: str, depth: int, position: int) -> Length | None:
        if depth < len(chain) - 1:  # the elements are children
            if position in chain[depth + 1].decided:
                return Length(1)
            entry = chain[depth + 1].children.get(position)
            return Length(entry[1]) if entry is not None else None
        code = self._code(node, position)
        if code not in FINISHED:
            return None
        if code not in PICKED:
            return Length(1)
        length = self.at_hand.lengths.get(node, {}).get(position, _NO_VALUE)
        if length.is_text:
            return Length(1)
        child = run_label(node, chain[depth].index_of(position))
        return length._replace(why=f"the value of {child}: {length.why}")

    def _code(self, node: str, position: int) -> int:
        codes = self.known.columns[node].codes
        return codes[position] if position < len(codes) else Pending.code  # it came in this pass

    def _state(self, node: str, position: int) -> State:
        tell = self.at_hand.state_of
        return make_state(self._code(node, position)) if tell is None else tell(node, position)

    def _constant(self, form: Form) -> Length:
        """Return the length of a value that was known before the run."""
        try:
            return Length(measure(self._literal(form)))
        except Exception as error:  # noqa: BLE001 - values of the user's may raise anything
            return Length(None, str(error))

    def _literal(self, form: Form) -> Any:
        if isinstance(form, LiteralRef):
            return self.at_hand.literals[form.name]
        if isinstance(form, Element):
            element = element_getter(self._literal(form.of))(self.index[form.level])
            return fill(element, self._literal) if isinstance(form.of, Packed) else element
        return form.template if isinstance(form, Packed) else None


_NO_VALUE = Length(None, "the task before it gave no value")
_NO_CHILDREN = Length(None, "the task before it has no children")

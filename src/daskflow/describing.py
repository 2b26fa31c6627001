"""What a run comes to before anything has run: its definition, its spec, the driver's job."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from daskflow.definitions import FlowDefinition
from daskflow.errors import DefinitionError, ParameterError
from daskflow.lowering import AtHand
from daskflow.lowering.expand import expand
from daskflow.lowering.needs import given_literal
from daskflow.names import make_name
from daskflow.nodes import FlowGraph, NodeRef, references
from daskflow.results.serializers import small_bytes
from daskflow.runtime.code import OwnCode
from daskflow.runtime.driver import Assignment
from daskflow.runtime.given import Given, read_states, refuse_beyond, results_of
from daskflow.runtime.record import RunRecord
from daskflow.runtime.spec import RunSpec, own_code_by_value
from daskflow.settings import EngineSettings
from daskflow.timing import now

if TYPE_CHECKING:
    from daskflow.flows import Flow


def describe(
    flow: Flow[..., Any], parameters: dict[str, Any], settings: EngineSettings
) -> tuple[FlowDefinition, RunSpec, Assignment]:
    """Trace a flow, and see that all of it can travel."""
    definition = flow.definition_for(parameters)
    literals = {**definition.literals, **parameters}
    code = [flow, *(node.task for node in definition.graph.nodes.values())]
    with own_code_by_value(code):
        large = _large_literals(literals, settings)
    small = {name: value for name, value in literals.items() if name not in large}
    given = read_states(definition.graph, flow.options.get("states"))
    results = {given_literal(who): value for who, value in results_of(given).items()}
    with own_code_by_value(code):
        large_results = _large_literals(results, settings)
    literals |= {name: results[name] for name in large_results}
    _check_ranges(definition.graph, given, literals)
    spec = _make_spec(flow, definition, parameters, small, settings)
    assignment = Assignment(
        spec.run_id,
        definition.graph,
        literals,
        large | large_results,
        flow.options.get("block_size"),
        settings.retry_window,
        code,
        given=given,
        code=OwnCode(spec.run_id),
    )
    return definition, spec, assignment


def _check_ranges(graph: FlowGraph, given: Given, literals: Mapping[str, Any]) -> None:
    """Refuse states of children that are known before the run not to come into being."""
    if not any(index for states in given.values() for index in states):
        return
    record = RunRecord(graph, frozenset())
    record.give(given)
    at_hand = AtHand(literals, lengths=record.lengths, state_of=record.state)
    spaces = expand(graph, record.known, at_hand).spaces
    for name, states in given.items():
        refuse_beyond(name, spaces[graph.nodes[name].space], states)


def _make_spec(
    flow: Flow[..., Any],
    definition: FlowDefinition,
    parameters: dict[str, Any],
    small: dict[str, Any],
    settings: EngineSettings,
) -> RunSpec:
    graph = definition.graph
    kept = {*definition.reference_tasks, *graph.terminals(), *references(definition.returned)}
    measured = {
        giver.form.name
        for space in graph.spaces.values()
        for giver in space.givers
        if isinstance(giver.form, NodeRef)
        and graph.depth(giver.form.name) == len(giver.form.levels) + giver.form.is_flat
    }
    return RunSpec(
        uuid.uuid4().hex,
        _run_name(flow.options.get("run_name"), parameters),
        definition.name,
        graph,
        small,
        frozenset(kept),
        frozenset(measured),
        settings.small_result_bytes,
        flow.tags,
        tuple(parameters),
        now(),
        settings.max_signalled_retries,
    )


def _run_name(template: str | None, parameters: dict[str, Any]) -> str:
    if template is None:
        return make_name(random.Random())  # noqa: S311 - a name, not a secret
    try:
        return template.format(**parameters)
    except (LookupError, ValueError, AttributeError) as error:
        msg = f"run_name={template!r} does not fit the flow's parameters: {error}"
        raise ParameterError(msg) from None


def _large_literals(literals: Mapping[str, Any], settings: EngineSettings) -> frozenset[str]:
    """Return the names of the values that are too large to travel with the spec."""
    large = set()
    for name, value in literals.items():
        try:
            if small_bytes(value, settings.literal_bytes) is None:
                large.add(name)
        except Exception as error:
            msg = f"the value of {name!r} cannot be sent to workers: {error}"
            raise DefinitionError(msg) from error
    return frozenset(large)

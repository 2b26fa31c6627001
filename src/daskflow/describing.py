"""What a run comes to before anything has run: its definition, its spec, the driver's job."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from daskflow import context
from daskflow.caching import CacheFacts, Part, digest_of
from daskflow.definition.definitions import FlowDefinition
from daskflow.definition.nodes import FlowGraph, NodeRef, references
from daskflow.errors import CacheKeyError, DefinitionError, ParameterError
from daskflow.lines import LogLimits
from daskflow.logs import lowest_level
from daskflow.lowering import AtHand
from daskflow.lowering.expand import expand
from daskflow.lowering.needs import given_literal
from daskflow.names import make_name
from daskflow.results.serializers import small_bytes
from daskflow.runtime.budgets import Limits
from daskflow.runtime.code import OwnCode
from daskflow.runtime.driver import Assignment
from daskflow.runtime.fingerprints import fingerprint
from daskflow.runtime.given import Given, read_states, refuse_beyond, results_of
from daskflow.runtime.record import RunRecord
from daskflow.runtime.spec import RunSpec, own_code_by_value
from daskflow.settings import EngineSettings, Settings
from daskflow.tagging import active_tags
from daskflow.timing import now

if TYPE_CHECKING:
    from daskflow.definition.flows import Flow


Described = tuple[FlowDefinition, RunSpec, Assignment]


def describe(flow: Flow[..., Any], parameters: dict[str, Any], settings: Settings) -> Described:
    """Trace a flow, and see that all of it can travel."""
    definition = flow.definition_for(parameters)
    literals = {**definition.literals, **parameters}
    code = [flow, *definition.graph.tasks()]
    with own_code_by_value(code):
        large = _large_literals(literals, settings.engine)
        given = read_states(definition.graph, flow.options.get("states"))
        results = {given_literal(who): value for who, value in results_of(given).items()}
        large_results = _large_literals(results, settings.engine)
    small = {name: value for name, value in literals.items() if name not in large}
    literals |= {name: results[name] for name in large_results}
    _check_ranges(definition.graph, given, literals)
    spec = _make_spec(flow, definition, parameters, small, settings)
    assignment = Assignment(
        spec.run_id,
        definition.graph,
        literals,
        large | large_results,
        flow.options.get("block_size"),
        settings.engine.retry_window,
        code,
        given=given,
        code=OwnCode(spec.run_id),
        window=settings.engine.window,
        block_seconds=settings.engine.block_seconds,
        grace=settings.engine.cancel_grace,
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
    settings: Settings,
) -> RunSpec:
    graph, engine, told = definition.graph, settings.engine, settings.logging
    kept = {*definition.reference_tasks, *graph.terminals(), *references(definition.returned)}
    return RunSpec(
        uuid.uuid4().hex,
        _run_name(flow.options.get("run_name"), parameters),
        definition.name,
        graph,
        small,
        frozenset(kept),
        _measured(graph),
        engine.small_result_bytes,
        flow.tags | active_tags.get(),
        tuple(parameters),
        now(),
        engine.max_signalled_retries,
        caching=_cache_facts(graph, parameters),
        parents=_parents(),
        log_level=lowest_level(told.threshold),
        log_limits=LogLimits(told.lines, told.characters, told.message),
        limits=Limits(engine.block_seconds, engine.block_bytes),
        log_prints=flow.options.get("log_prints", told.prints),
    )


def _measured(graph: FlowGraph) -> frozenset[str]:
    """Return the nodes whose values something maps over."""
    return frozenset(
        giver.form.name
        for space in graph.spaces.values()
        for giver in space.givers
        if isinstance(giver.form, NodeRef)
        and graph.depth(giver.form.name) == len(giver.form.levels) + giver.form.is_flat
    )


def _cache_facts(graph: FlowGraph, parameters: Mapping[str, Any]) -> CacheFacts | None:
    """Return what caches go by that is hashed here; None: no task of the flow is cached."""
    if all(task.rules.cache is None for task in graph.tasks()):
        return None
    rules = {name: node.task.rules.cache for name, node in graph.nodes.items()}
    cached = {name: rule for name, rule in rules.items() if rule is not None}
    sources: dict[str, str] = {}
    known: dict[tuple[object, str], str] = {}  # by what a task is made of
    for name, rule in cached.items():
        if rule.goes_by(Part.TASK_SOURCE):
            task = graph.nodes[name].task
            key = (task.origin, task.name)
            if key not in known:
                known[key] = fingerprint(task)
            sources[name] = known[key]
    is_asked = any(rule.goes_by(Part.FLOW_PARAMETERS) for rule in cached.values())
    return CacheFacts(sources, _digests(parameters) if is_asked else {})


def _digests(parameters: Mapping[str, Any]) -> dict[str, str]:
    found = dict.fromkeys(parameters, "")
    for name, value in parameters.items():
        with suppress(CacheKeyError):  # it may be left out
            found[name] = digest_of(value, f"parameter {name!r}")
    return found


def _parents() -> tuple[str, ...]:
    """Return the ids of the running task and of those that called its flow, outermost first."""
    here = context.get()
    return () if here is None else (*here.run.parents, here.task_run_id)


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

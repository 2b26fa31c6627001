"""What is not connected as it should be: arguments, values, reference tasks. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from typing import Any

from daskflow.checking.findings import Finding, error, note
from daskflow.definition.definitions import FlowDefinition
from daskflow.definition.nodes import FlowGraph, NodeSpec, references
from daskflow.triggers import is_cleanup


def find_unfed(graph: FlowGraph) -> Iterator[Finding]:
    """Find calls that will raise a TypeError: what is required is fed by nothing, or does not fit.

    A call in a flow's function is checked when it is traced; this is for graphs made by hand.
    Functions that do not tell their signature are taken as they are.
    """
    signatures: dict[int, inspect.Signature | None] = {}
    for node in graph.nodes.values():
        function = node.task.fn
        if id(function) not in signatures:
            signatures[id(function)] = _signature_of(function)
        signature = signatures[id(function)]
        if signature is None:
            continue
        try:
            _bind(signature, node)
        except TypeError as reason:
            yield error(node.name, f"{node.task.name}{signature}: {reason}")


def _signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # a builtin that does not tell
        return None


def _bind(signature: inspect.Signature, node: NodeSpec) -> None:
    by_position = [None for argument in node.arguments if argument.keyword is None]
    by_name = {one.keyword: None for one in node.arguments if one.keyword is not None}
    signature.bind(*by_position, **by_name)


def find_unused(definition: FlowDefinition) -> Iterator[Finding]:
    """Find nodes whose failure nobody would see.

    Nothing depends on them, the flow does not return them, and they are no reference tasks. That
    is so only where `reference_tasks` are given, for else all terminal tasks are.
    """
    graph = definition.graph
    used = {*references(definition.returned), *definition.reference_tasks}
    for space in graph.spaces.values():
        used.update(space.needs())
    for name in graph.terminals():
        if name not in used and not is_cleanup(graph.nodes[name].task.rules.trigger):
            yield note(
                name,
                "nobody uses its value and it is no reference task: the flow succeeds if it fails",
            )


def find_unknown(flow: str, reference_tasks: Collection[str], graph: FlowGraph) -> list[Finding]:
    """Find reference tasks that are no nodes: the flow cannot be run at all."""
    unknown = [name for name in reference_tasks if name not in graph]
    told = ", ".join(graph.nodes) or "none"
    return [
        error(flow, f"no node is named {n!r}, a reference task; there are: {told}") for n in unknown
    ]

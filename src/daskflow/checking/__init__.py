"""Checks of a flow before it runs: what cannot travel, what is missing, what can never run.

Each check is a function that says in its docstring what it finds; none runs a task. What cannot be
told for certain is not told.
"""

from __future__ import annotations

from typing import Any

from daskflow.checking.findings import Finding, Level
from daskflow.checking.imports import find_missing
from daskflow.checking.reach import Reach
from daskflow.checking.travel import find_stuck, find_unhashable
from daskflow.checking.wiring import find_unfed, find_unknown, find_unused
from daskflow.definition.definitions import FlowDefinition
from daskflow.definition.flows import Flow
from daskflow.errors import DefinitionError

__all__ = ["Finding", "Level", "check"]


def check(flow: Flow[..., Any]) -> list[Finding]:
    """Return what is worth knowing about a flow before it runs, errors first.

    Raises
    ------
    DefinitionError
        The flow cannot be traced.

    Examples
    --------
    >>> import threading
    >>> from daskflow import flow, task
    >>> lock = threading.Lock()
    >>> @task
    ... def guarded(x: int) -> int:
    ...     with lock:
    ...         return x
    >>> @flow
    ... def case():
    ...     return guarded(1)
    >>> for finding in check(case):
    ...     print(finding)
    error: guarded: its task cannot be sent to workers because of the global 'lock': cannot ...
    """
    definition, findings = _traced(flow)
    findings += find_unfed(definition.graph)
    findings += Reach(definition).find()
    findings += find_missing(definition.graph)
    findings += find_stuck(flow, definition)
    findings += find_unhashable(flow, definition)
    findings += find_unused(definition)
    return sorted(findings, key=lambda finding: finding.level is Level.NOTE)


def _traced(flow: Flow[..., Any]) -> tuple[FlowDefinition, list[Finding]]:
    """Return the traced flow, without its reference tasks where they are wrong."""
    try:
        return flow.definition(), []
    except DefinitionError:
        given: Any = flow.options.get("reference_tasks")
        if given is None:
            raise
        free: Any = {"reference_tasks": None}
        definition = flow.with_options(**free).definition()
        names = (given,) if isinstance(given, str) else tuple(given)
        return definition, find_unknown(flow.name, names, definition.graph)

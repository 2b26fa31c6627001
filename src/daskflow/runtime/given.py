"""States that a run is given before it starts: what they name, and whether they fit its flow.

A task run with such a state counts as finished: it is put into no block, and neither its trigger
nor the skip rule is asked. Children get theirs when they come into being; see `RunRecord.give`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from daskflow.context import run_label, split_label
from daskflow.definition.mapping import measure
from daskflow.definition.nodes import FlowGraph
from daskflow.definition.tasks import Task
from daskflow.errors import DefinitionError
from daskflow.events import Length
from daskflow.graph import listed
from daskflow.lowering.needs import result_of
from daskflow.lowering.spaces import Index, Space
from daskflow.runtime.calling import make_portable
from daskflow.states import Failed, Mapped, State
from daskflow.timing import as_datetime, now

Given = dict[str, dict[Index, State]]  # by node and map index


def read_states(graph: FlowGraph, states: Any) -> Given:
    """Return what the option ``states=`` gives, by node and map index.

    Parameters
    ----------
    states
        By the name of a node, a task that has one node, or a name with a map index; see
        `daskflow.definition.flows.FlowOptions`. None: nothing is known.

    Raises
    ------
    DefinitionError
        It names what is not in the graph, or gives what is no finished state.
    """
    if states is None:
        return {}
    if not isinstance(states, Mapping):
        msg = f"states={states!r} must be a dict of nodes and the states that are known of them"
        raise DefinitionError(msg)
    found: Given = {}
    for key, value in states.items():
        name, index = _place_of(graph, key)
        mine = found.setdefault(name, {})
        for place, state in _unfold(name, index, value, graph.depth(name)):
            if place in mine:
                msg = f"states= gives {run_label(name, place)} a state twice: leave one out"
                raise DefinitionError(msg)
            mine[place] = _settled(state)
    return found


def _place_of(graph: FlowGraph, key: Any) -> tuple[str, Index]:
    """Return the node that a key names, and the map index, or the beginning of one."""
    name = key
    index: Index = ()
    if isinstance(key, Task):
        nodes = graph.nodes_of(key)
        if len(nodes) > 1:
            msg = f"states= names the task {key.name!r}; it has several nodes: {', '.join(nodes)}"
            raise DefinitionError(msg)
        name = nodes[0] if nodes else key.name
    elif isinstance(key, str) and (found := split_label(key)):
        name, index = found
    if name not in graph.nodes:
        msg = f"states= names {name!r}; the flow's nodes are {listed(graph.nodes)}"
        raise DefinitionError(msg)
    if len(index) > graph.depth(name):
        what = f"{graph.depth(name)} numbers" if graph.depth(name) else "none: it is not mapped"
        msg = f"states= names {key!r}, but the map indexes of {name} have {what}"
        raise DefinitionError(msg)
    return name, index


def _unfold(name: str, index: Index, value: Any, depth: int) -> Iterator[tuple[Index, State]]:
    """Return the states in a value with their map indexes: it is one, or a list for children."""
    label = run_label(name, index)
    children = value.children if isinstance(value, Mapped) else value
    if children is None:
        return
    if isinstance(children, list | tuple):
        if len(index) == depth:
            msg = f"states= gives {label} the states of children, but it has none: give one state"
            raise DefinitionError(msg)
        for place, child in enumerate(children):
            yield from _unfold(name, (*index, place), child, depth)
        return
    if not isinstance(value, State):
        msg = f"states= gives {label} {value!r}, which is no state: give Success(result=...)"
        raise DefinitionError(msg)
    if not value.is_finished():
        msg = f"states= gives {label} the state {value}, which is not a finished one: leave it out"
        raise DefinitionError(msg)
    if len(index) < depth:
        msg = (
            f"states= gives {label} one state, but it is mapped: give a list with a state or None "
            f"for each child, or name one child: {run_label(name, (*index, 0))!r}"
        )
        raise DefinitionError(msg)
    yield index, value


def _settled(state: State) -> State:
    """Return a state with an instant, and with an exception that can travel."""
    if state.timestamp is None:
        state = replace(state, timestamp=as_datetime(now()))
    if isinstance(state, Failed) and state.exception is not None:
        state = replace(state, exception=make_portable(state.exception)[0])
    return state


def results_of(given: Given) -> dict[str, Any]:
    """Return the values that come with states, by the label of their task run."""
    return {
        run_label(name, index): result_of(state)
        for name, states in given.items()
        for index, state in states.items()
        if result_of(state) is not None
    }


def refuse_beyond(name: str, space: Space, indexes: Iterable[Index]) -> None:
    """Raise `DefinitionError` for a map index that is known not to come into being."""
    for index in indexes:
        if (width := space.exceeded(index)) is not None:
            children = "no children" if not width else f"{width} children, counted from 0"
            msg = f"states= names {run_label(name, index)}, but there are {children}: leave it out"
            raise DefinitionError(msg)


def length_of(value: Any) -> Length:
    """Return what is known of a value that came with a state and that something maps over."""
    is_text = isinstance(value, str | bytes | bytearray)
    try:
        return Length(measure(value), is_text=is_text)
    except Exception as error:
        return Length(None, str(error), is_text=is_text)

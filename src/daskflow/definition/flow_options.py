"""The words that `flow` takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from daskflow.errors import DefinitionError
from daskflow.hooks import Hook, StateHandler
from daskflow.states import State

if TYPE_CHECKING:
    from daskflow.executors.base import Executor
    from daskflow.stores.history import RunStore


class FlowOptions(TypedDict, total=False):
    """The words that `flow` and `Flow.with_options` take."""

    name: str  # default: the function's
    executor: Executor  # default: the settings, the active Client, a temporary local cluster
    store: RunStore | str | Path  # keeps the run; a URL, a file; default: a file in the home folder
    run_name: str  # may hold {parameters}; default: a name is made up
    tags: Iterable[str]
    reference_tasks: Iterable[str]  # names of the nodes that decide; default: the terminal ones
    # known already, by node, task or "node[2]"; for a mapped one a list with a state or None each
    states: Mapping[Any, State | Sequence[Any] | None]
    state_handlers: StateHandler | Iterable[StateHandler]  # may replace a state of the run
    terminal_state_handler: Callable[..., Any]  # may replace the state that the run ends in
    on_completion: Hook | Iterable[Hook]  # the run succeeded
    on_failure: Hook | Iterable[Hook]
    on_cancellation: Hook | Iterable[Hook]
    on_crashed: Hook | Iterable[Hook]
    persist_result: bool | None  # whether results are durable, of tasks that do not say
    on_lost: Literal["rerun"]  # what becomes of a result or an attempt that was lost
    log_prints: bool  # whether what tasks print is logged; default: the setting logging.prints
    block_size: int | None  # elements of a lane in one Dask task; 1: no grouping; default: by width


def check_block_size(flow: str, size: Any) -> None:
    """Raise `DefinitionError` for what is no size of a block."""
    if size is not None and (not isinstance(size, int) or size < 1):
        msg = f"flow {flow!r}: block_size={size!r} must be a whole number from 1, or None"
        raise DefinitionError(msg)

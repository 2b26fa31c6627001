"""Flows of tasks on Dask: write functions, call them, know what became of every call.

The face of the package. What needs Dask or pydantic is imported when it is first asked for, so
that ``import daskflow`` costs little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from daskflow import context
from daskflow.caching import FLOW_PARAMETERS, INPUTS, RUN_ID, TASK_SOURCE, CachePolicy
from daskflow.context import get_run_logger
from daskflow.definition import operators
from daskflow.definition.control import case, ifelse, merge, switch
from daskflow.definition.flattening import flatten, successful
from daskflow.definition.flows import Flow, flow
from daskflow.definition.mapping import unmapped
from daskflow.definition.parameters import Parameter
from daskflow.definition.resources import resource_manager
from daskflow.definition.shell import shell
from daskflow.definition.static import Static
from daskflow.definition.tasks import Task, task
from daskflow.errors import (
    CacheKeyError,
    CrashedError,
    CycleError,
    DaskflowError,
    DefinitionError,
    ExecutorError,
    FlowRunFailedError,
    FlowRunPausedError,
    IllegalMoveError,
    ParameterError,
    PortableError,
    ResultGoneError,
    ShellError,
    StoreError,
    TargetError,
    TaskRunError,
    TaskTimeoutError,
    TracingError,
    TriggerFailedError,
    UnansweredError,
)
from daskflow.executors.local import LocalExecutor
from daskflow.graph import Edge
from daskflow.signals import Fail, Loop, Pause, Retry, Signal, Skip, Succeed
from daskflow.tagging import tags
from daskflow.triggers import (
    all_failed,
    all_finished,
    all_successful,
    always_run,
    any_failed,
    any_successful,
    manual_only,
    not_all_skipped,
    some_failed,
    some_successful,
)

if TYPE_CHECKING:
    from daskflow.executors.cluster import DaskExecutor
    from daskflow.executors.temporary import shutdown
    from daskflow.runs import FlowRun
    from daskflow.runtime.views import MappedTaskRun, TaskRun
    from daskflow.settings import Settings
    from daskflow.stores.memory import MemoryStore

    __version__: str

__all__ = [
    "FLOW_PARAMETERS",
    "INPUTS",
    "RUN_ID",
    "TASK_SOURCE",
    "CacheKeyError",
    "CachePolicy",
    "CrashedError",
    "CycleError",
    "DaskExecutor",
    "DaskflowError",
    "DefinitionError",
    "Edge",
    "ExecutorError",
    "Fail",
    "Flow",
    "FlowRun",
    "FlowRunFailedError",
    "FlowRunPausedError",
    "IllegalMoveError",
    "LocalExecutor",
    "Loop",
    "MappedTaskRun",
    "MemoryStore",
    "Parameter",
    "ParameterError",
    "Pause",
    "PortableError",
    "ResultGoneError",
    "Retry",
    "Settings",
    "ShellError",
    "Signal",
    "Skip",
    "Static",
    "StoreError",
    "Succeed",
    "TargetError",
    "Task",
    "TaskRun",
    "TaskRunError",
    "TaskTimeoutError",
    "TracingError",
    "TriggerFailedError",
    "UnansweredError",
    "all_failed",
    "all_finished",
    "all_successful",
    "always_run",
    "any_failed",
    "any_successful",
    "case",
    "context",
    "flatten",
    "flow",
    "get_run_logger",
    "ifelse",
    "manual_only",
    "merge",
    "not_all_skipped",
    "resource_manager",
    "shell",
    "shutdown",
    "some_failed",
    "some_successful",
    "successful",
    "switch",
    "tags",
    "task",
    "unmapped",
]

operators.install()

_LATE = {
    "DaskExecutor": "daskflow.executors.cluster",
    "FlowRun": "daskflow.runs",
    "MappedTaskRun": "daskflow.runtime.views",
    "MemoryStore": "daskflow.stores.memory",
    "Settings": "daskflow.settings",
    "TaskRun": "daskflow.runtime.views",
    "shutdown": "daskflow.executors.temporary",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("daskflow")
    if name not in _LATE:
        msg = f"module 'daskflow' has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_LATE[name]), name)


def __dir__() -> list[str]:
    return sorted({*__all__, "__doc__", "__version__"})

"""What is set up for some tasks, and cleaned up behind them, whatever became of them.

A class tells how. In a flow each `with` records two nodes, ``Database.setup`` in front of what is
called inside and ``Database.cleanup`` behind all of it. An object of the class is made for each of
the two, from the same arguments, on the worker that runs it: what would be noted on `self` could
not be found again on another one. So only what `setup` returns reaches `cleanup`, and it must be
able to travel.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial, update_wrapper
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from daskflow.definition.nodes import check_name
from daskflow.definition.placeholders import Node
from daskflow.definition.task_rules import TaskOptions
from daskflow.definition.tasks import Task
from daskflow.definition.tracing import Trace, current_trace
from daskflow.errors import DefinitionError
from daskflow.triggers import AfterSetup

P = ParamSpec("P")
T = TypeVar("T")


class SetsUp(Protocol[T]):
    """What `resource_manager` asks of a class."""

    def setup(self) -> T:
        """Return what the tasks inside of the `with` get."""

    def cleanup(self, resource: T, /) -> Any:
        """Undo what `setup` did."""


class ResourceManager(Generic[P, T]):
    """A class that sets up and cleans up, ready for ``with``; made by `resource_manager`."""

    def __init__(
        self,
        kind: Callable[P, SetsUp[T]],
        name: str,
        setup: TaskOptions,
        cleanup: TaskOptions,
    ) -> None:
        update_wrapper(self, kind, updated=())
        self.kind = kind
        self.name = check_name(name, "a resource manager")
        signature = inspect.signature(kind)
        key = "resource" if "resource" not in signature.parameters else "resource_"
        setup_options: Any = {**setup, "name": f"{name}.setup"}
        cleanup_options: Any = {
            **cleanup,
            "name": f"{name}.cleanup",
            "trigger": AfterSetup(key),
        }
        self.setup: Task[..., Any] = Task(_setup_of(kind, signature), **setup_options)
        self.cleanup: Task[..., Any] = Task(_cleanup_of(kind, signature, key), **cleanup_options)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Use[T]:
        """Return what a `with` enters, for these arguments of the class."""
        return Use(self, args, kwargs)

    def __repr__(self) -> str:
        return f"<resource manager {self.name!r}>"


class Use(Generic[T]):
    """One use of a resource: the `with` around some tasks, or in plain Python around some lines."""

    def __init__(
        self, by: ResourceManager[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._by, self._args, self._kwargs = by, args, kwargs
        self._end: Callable[[], Any] = lambda: None  # what the `with` ends with
        self._is_traced = False

    def __enter__(self) -> T:
        trace = current_trace.get()
        self._is_traced = trace is not None
        return cast(T, self._record_setup(trace) if trace is not None else self._set_up())

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or not self._is_traced:
            self._end()

    def _set_up(self) -> T:
        made = self._by.kind(*self._args, **self._kwargs)
        resource = made.setup()
        self._end = partial(made.cleanup, resource)
        return resource

    def _record_setup(self, trace: Trace) -> Any:
        prefix = trace.new_prefix(self._by.name)
        setup = self._by.setup.named(f"{prefix}.setup")(*self._args, **self._kwargs)
        self._end = partial(self._record_cleanup, trace, setup, prefix, len(trace.graph))
        return setup

    def _record_cleanup(self, trace: Trace, setup: Node, prefix: str, before: int) -> None:
        """Put what was called inside between setup and cleanup."""
        inside = trace.recorded_since(before)
        known = {trace.name_of(setup), *inside}
        for name in inside:
            if not any(edge.upstream in known for edge in trace.graph.upstream(name)):
                trace.wait_for(name, setup)
        cleanup = self._by.cleanup.named(f"{prefix}.cleanup")
        waited = [Node(name, trace) for name in inside]
        cleanup(setup, *self._args, **self._kwargs, wait_for=waited)


@overload
def resource_manager(kind: Callable[P, SetsUp[T]], /) -> ResourceManager[P, T]: ...
@overload
def resource_manager(
    *, name: str | None = None, setup: TaskOptions = ..., cleanup: TaskOptions = ...
) -> Callable[[Callable[P, SetsUp[T]]], ResourceManager[P, T]]: ...
def resource_manager(
    kind: Any = None,
    /,
    *,
    name: str | None = None,
    setup: Mapping[str, Any] | None = None,
    cleanup: Mapping[str, Any] | None = None,
) -> Any:
    """Make a class ready for ``with``: its `setup` comes before the tasks inside, `cleanup` behind.

    The tasks inside start when the setup has succeeded, and a retry of one of them does not repeat
    it. The cleanup comes when all of them are finished, also when some failed; where the setup did
    not succeed it is skipped. It does not decide how a flow ends unless it is named as a reference
    task. Outside of flows a ``with`` does the same in plain Python.

    For mypy, which takes a decorated class for the class itself, write it as a call:
    ``Schema = resource_manager(SchemaKind)``.

    Parameters
    ----------
    kind
        A class with the methods ``setup(self)`` and ``cleanup(self, resource)``. An object is made
        for each of the two calls; ``resource`` is what `setup` returned, and must be able to
        travel: the name of a schema, not a connection.
    name
        In flows; default: the class's.
    setup, cleanup
        Options of the two tasks, as `task` takes them.

    Raises
    ------
    DefinitionError
        The class lacks a method, or an option makes no sense.

    Examples
    --------
    >>> from daskflow import LocalExecutor, flow, resource_manager, task
    >>> @resource_manager(setup={"retries": 2})
    ... class Schema:
    ...     def __init__(self, name: str):
    ...         self.name = name
    ...     def setup(self) -> str:
    ...         print("create", self.name)
    ...         return self.name
    ...     def cleanup(self, schema: str) -> None:
    ...         print("drop", schema)
    >>> @task
    ... def fill(schema: str) -> None:
    ...     print("fill", schema)
    >>> @flow(executor=LocalExecutor())
    ... def nightly(name: str):
    ...     with Schema(name) as schema:
    ...         fill(schema)
    >>> nightly("tmp_1")
    create tmp_1
    fill tmp_1
    drop tmp_1
    """
    if kind is None:
        return lambda kind: _made(kind, name, setup, cleanup)
    return _made(kind, name, setup, cleanup)


def _made(kind: Any, name: str | None, setup: Any, cleanup: Any) -> ResourceManager[..., Any]:
    missing = [word for word in ("setup", "cleanup") if not callable(getattr(kind, word, None))]
    if not isinstance(kind, type) or missing:
        msg = f"resource_manager belongs on a class with setup and cleanup, not on {kind!r}"
        raise DefinitionError(msg)
    for word, options in (("setup", setup or {}), ("cleanup", cleanup or {})):
        taken = {"name", "trigger", "skip_on_upstream_skip"} & set(options)
        if taken and (word == "cleanup" or "name" in taken):
            msg = f"{kind.__name__}: {min(taken)}= of its {word} is not yours to choose"
            raise DefinitionError(msg)
    made: Any = (setup or {}, cleanup or {})
    return ResourceManager(kind, name or kind.__name__, *made)


def _setup_of(kind: Any, signature: inspect.Signature) -> Callable[..., Any]:
    def setup(*args: Any, **kwargs: Any) -> Any:
        return kind(*args, **kwargs).setup()

    setup.__module__ = kind.__module__  # whose folder's code travels along
    setup.__signature__ = signature  # type: ignore[attr-defined]
    return setup


def _cleanup_of(kind: Any, signature: inspect.Signature, key: str) -> Callable[..., Any]:
    def cleanup(resource: Any, /, *args: Any, **kwargs: Any) -> Any:
        return kind(*args, **kwargs).cleanup(resource)

    first = inspect.Parameter(key, inspect.Parameter.POSITIONAL_ONLY)
    cleanup.__module__ = kind.__module__  # the same
    cleanup.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[first, *signature.parameters.values()],
        return_annotation=inspect.Signature.empty,
    )
    return cleanup

"""Flows: functions that say which tasks are called with what. Containers without logic.

The function is traced on first use, never at import: it runs once with a `Parameter` in place of
each argument, and the calls of tasks in it become a graph. This room knows nothing of how a flow
is run; it hands itself to `runs`, the one door that leads upwards.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import update_wrapper
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    ParamSpec,
    TypedDict,
    TypeVar,
    Unpack,
    cast,
    overload,
)

from daskflow import context
from daskflow.errors import DefinitionError
from daskflow.mapping import unmapped
from daskflow.nodes import FlowGraph, Form, check_name
from daskflow.parameters import Signature
from daskflow.placeholders import Parameter
from daskflow.tasks import Task, as_node, as_tags, check_words, in_sight
from daskflow.tracing import Trace, current_trace

if TYPE_CHECKING:
    from dask.delayed import Delayed

    from daskflow.executors.base import Executor
    from daskflow.runs import FlowRun

P = ParamSpec("P")
R = TypeVar("R")

# The target that is being imported: what its file runs meanwhile would be run twice.
being_imported: ContextVar[str] = ContextVar("daskflow_being_imported", default="")


class FlowOptions(TypedDict, total=False):
    """The words that `flow` and `Flow.with_options` take."""

    name: str  # default: the function's
    executor: Executor  # default: the settings, the active Client, a temporary local cluster
    run_name: str  # may hold {parameters}; default: a name is made up
    tags: Iterable[str]
    reference_tasks: Iterable[str]  # names of the nodes that decide; default: the terminal ones
    block_size: int | None  # elements of a lane in one Dask task; 1: no grouping; default: by width


@dataclass(frozen=True)
class FlowDefinition:
    """A traced flow."""

    name: str
    graph: FlowGraph
    literals: dict[str, Any]  # the constants in it, by node.argument
    returned: Form  # what the flow gives back
    reference_tasks: tuple[str, ...]  # the nodes that decide how it ended


class Flow(Generic[P, R]):
    """A function of task calls as a flow; made by `flow`.

    Parameters
    ----------
    function
        Calls tasks; what it returns is what a run gives back.
    options
        See `FlowOptions`.

    Examples
    --------
    >>> from daskflow import Flow, LocalExecutor, task
    >>> @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> Flow(lambda: double(4), name="eight", executor=LocalExecutor())()
    8
    """

    def __init__(self, function: Callable[P, R], **options: Unpack[FlowOptions]) -> None:
        if not callable(function):
            msg = f"a flow needs a function, not {function!r}"
            raise DefinitionError(msg)
        update_wrapper(self, function, updated=())
        name = str(options.get("name") or getattr(function, "__name__", "flow"))
        self.fn = function
        self.options = options
        self.name = check_name("lambda_" if name == "<lambda>" else name, "a flow")
        check_words(f"flow {name!r}", options, FlowOptions.__annotations__)
        _check_block_size(self.name, options.get("block_size"))
        self.tags = as_tags(options.get("tags", ()))
        self.signature = Signature.of(function, self.name)
        self._definition: FlowDefinition | None = None

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the flow and return its value; raise what made it fail.

        Inside another flow its nodes become part of that one, under its name.
        """
        trace = current_trace.get()
        if trace is None:
            return cast(R, self.run(*args, **kwargs).result())
        by_position, by_name = self._split(self.signature.bind(args, kwargs))
        with trace.scope(self.name):
            return self.fn(*by_position, **by_name)

    def map(self, /, *args: Any, **kwargs: Any) -> list[R]:
        """Call the flow inside another one, once for each element of its arguments.

        Every argument is mapped unless it is wrapped in `unmapped`. All tasks in it, ``.map``
        included, run lane by lane: what fails in one stops no other.

        Examples
        --------
        >>> from daskflow import LocalExecutor, flow, task
        >>> @task
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> @flow
        ... def quadruple(x: int):
        ...     return double(double(x))
        >>> @flow(executor=LocalExecutor())
        ... def all_of(xs: list[int]):
        ...     return quadruple.map(xs)
        >>> all_of([1, 2])
        [4, 8]
        """
        trace = current_trace.get()
        if trace is None:
            msg = f"{self.name}.map(...) works inside a flow; here: [{self.name}(x) for x in xs]"
            raise DefinitionError(msg)
        given = self.signature.names(args, kwargs)
        whole = {
            name: unmapped(parameter.default)
            for name, parameter in self.signature.parameters.items()
            if name not in given
        }
        lanes = {name: in_sight(trace, value) for name, value in given.items()}
        with trace.mapped_scope(self.name, lanes | whole) as each:
            by_position, by_name = self._split(each)
            returned = self.fn(*by_position, **by_name)
            return cast(list[R], as_node(returned))

    def _split(self, values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return arguments by position, where they have to be passed so, and by name."""
        kinds = self.signature.parameters
        by_position = [
            value
            for name, value in values.items()
            if kinds[name].kind is inspect.Parameter.POSITIONAL_ONLY
        ]
        by_name = {
            name: value
            for name, value in values.items()
            if kinds[name].kind is not inspect.Parameter.POSITIONAL_ONLY
        }
        return by_position, by_name

    def run(self, /, *args: P.args, **kwargs: P.kwargs) -> FlowRun:
        """Run the flow to its end and return the record of the run, however it ended.

        Raises
        ------
        ParameterError
            Unknown, missing or invalid parameters; nothing has run.
        ExecutorError
            The executor cannot be reached; nothing has run.

        Examples
        --------
        >>> from daskflow import LocalExecutor, flow, task
        >>> @task
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> @flow(executor=LocalExecutor())
        ... def four():
        ...     return double(double(1))
        >>> run = four.run()
        >>> run.result(), str(run["double-2"].state)
        (4, 'Success')
        """
        run = self._prepare(args, kwargs)
        run.drive()
        return run

    def submit(self, /, *args: P.args, **kwargs: P.kwargs) -> FlowRun:
        """Start the flow in the background and return the live record of the run.

        Examples
        --------
        >>> from daskflow import LocalExecutor, flow, task
        >>> @task
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> @flow(executor=LocalExecutor())
        ... def four():
        ...     return double(double(1))
        >>> run = four.submit()
        >>> run.wait().result()
        4
        """
        run = self._prepare(args, kwargs)
        run.start()
        return run

    def to_delayed(self, /, *args: P.args, **kwargs: P.kwargs) -> Delayed:
        """Return the flow as a `dask.delayed` object; computed, it gives the flow run's `State`.

        It goes wherever Dask's graphs go: ``dask.compute`` under any scheduler, ``client.compute``,
        ``dask.visualize``, another delayed call. Nothing has run before; each computation calls
        the tasks anew. The `executor` option plays no part.

        A state that failed has as its `exception` what `FlowRun.result` would raise. Task runs
        that wait for a retry hold a thread meanwhile. What shows only when the flow runs, such as
        the children of a map over a result, is run by the graph's last node in its own process, one
        after another: to have all of that on the cluster, use `run`. So too where each task run is
        to be looked at, or must not be started twice: Dask repeats what a lost worker held, and
        where it gives up, the computation raises.

        Raises
        ------
        ParameterError
            Unknown, missing or invalid parameters.
        DefinitionError
            The flow cannot be traced, or something in it cannot travel.

        Examples
        --------
        >>> import dask
        >>> from daskflow import flow, task
        >>> @task
        ... def inverse(x: int) -> float:
        ...     return 1 / x
        >>> @flow
        ... def inverses(xs: list[int]):
        ...     return inverse.map(xs)
        >>> one, two = dask.compute(inverses.to_delayed([1, 2]), inverses.to_delayed([1, 0]))
        >>> str(one), str(two)
        ('Success', "Failed('1 of 2 reference task runs failed: inverse[1]')")
        >>> two.exception
        ZeroDivisionError('division by zero')
        """
        from daskflow.runs import delay

        return delay(self, self._bind(args, kwargs, "to_delayed"))

    def with_options(self, **options: Unpack[FlowOptions]) -> Flow[P, R]:
        """Return the same flow with some options replaced.

        Examples
        --------
        >>> from daskflow import flow
        >>> @flow
        ... def nothing(): ...
        >>> nothing.with_options(run_name="tonight").options["run_name"]
        'tonight'
        """
        merged: Any = {**self.options, **options}
        return Flow(self.fn, **merged)

    def graph(self) -> FlowGraph:
        """Return the graph of the traced flow.

        Examples
        --------
        >>> from daskflow import flow, task
        >>> @task
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> @flow
        ... def four():
        ...     return double(double(1))
        >>> four.graph().order()
        ['double', 'double-2']
        """
        return self.definition().graph

    def definition(self) -> FlowDefinition:
        """Trace the function on the first call; return what came of it."""
        if self._definition is None:
            self._definition = self._traced()
        return self._definition

    def _prepare(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> FlowRun:
        from daskflow.runs import prepare

        if being_imported.get():
            msg = (
                f"flow {self.name!r} is run while {being_imported.get()} is imported: put that "
                'call under `if __name__ == "__main__":`'
            )
            raise DefinitionError(msg)
        return prepare(self, self._bind(args, kwargs, "run"))

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any], word: str) -> dict[str, Any]:
        """Return the parameters by name, where the flow may be run."""
        if current_trace.get() is not None:
            msg = (
                f"{self.name}.{word}() inside a flow: just call {self.name}(...), it becomes a part"
            )
            raise DefinitionError(msg)
        if context.get() is not None:
            msg = f"flow {self.name!r} is called inside a running task: call its tasks there"
            raise DefinitionError(msg)
        return self.signature.bind(args, kwargs)

    def _traced(self) -> FlowDefinition:
        trace = Trace()
        handles = {name: Parameter(name) for name in self.signature.parameters}
        by_position, by_name = self._split(handles)
        _warn_of_none_tests(self.fn, self.name)
        token = current_trace.set(trace)
        try:
            returned = self.fn(*by_position, **by_name)
        finally:
            current_trace.reset(token)
        form = trace.form_of(returned, "<returned>")
        return FlowDefinition(
            self.name, trace.graph, trace.literals, form, self._reference_tasks(trace.graph)
        )

    def _reference_tasks(self, graph: FlowGraph) -> tuple[str, ...]:
        given = self.options.get("reference_tasks")
        if given is None:
            return tuple(graph.terminals())
        names = (given,) if isinstance(given, str) else tuple(given)
        unknown = [name for name in names if name not in graph]
        if unknown or not names:
            msg = (
                f"flow {self.name!r}: reference_tasks= names {', '.join(unknown) or 'no node'}; "
                f"its nodes are {', '.join(graph.nodes) or 'none'}"
            )
            raise DefinitionError(msg)
        return names

    def __repr__(self) -> str:
        return f"<flow {self.name!r}>"


@overload
def flow(function: Callable[P, R], /) -> Flow[P, R]: ...
@overload
def flow(**options: Unpack[FlowOptions]) -> Callable[[Callable[P, R]], Flow[P, R]]: ...
def flow(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a flow of a function that calls tasks.

    Parameters
    ----------
    function
        Calls tasks and passes on what they return; its parameters are the flow's.
    options
        ``name``: default the function's. ``executor``: default what the settings say, the active
        Client, a temporary local cluster. ``run_name``: may hold ``{parameter}``. ``tags``:
        strings. ``reference_tasks``: names of the nodes that decide how a run ended, default the
        terminal ones. ``block_size``: elements of a lane in one Dask task; 1: no grouping.

    Raises
    ------
    DefinitionError
        An option is unknown or its value makes no sense.

    Examples
    --------
    >>> from daskflow import LocalExecutor, flow, task
    >>> @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> @flow(executor=LocalExecutor())
    ... def total(xs: list[int]):
    ...     return task(sum)(double.map(xs))
    >>> total([1, 2, 3])
    12
    """
    if function is None:
        return lambda function: Flow(function, **options)
    return Flow(function, **options)


def _check_block_size(flow: str, size: Any) -> None:
    if size is not None and (not isinstance(size, int) or size < 1):
        msg = f"flow {flow!r}: block_size={size!r} must be a whole number from 1, or None"
        raise DefinitionError(msg)


def _warn_of_none_tests(function: Callable[..., Any], flow: str) -> None:
    """Warn where the flow tests a placeholder with ``is None``: no guard can catch that."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):  # no source to look at: a lambda, a notebook's exec
        return
    scope = {**getattr(function, "__globals__", {}), **inspect.getclosurevars(function).nonlocals}
    unseen = {argument.arg for node in ast.walk(tree) for argument in _arguments_of(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _calls_task(node.value, scope):
            unseen |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot)):
            continue
        if isinstance(node.left, ast.Name) and node.left.id in unseen:
            warnings.warn(
                f"flow {flow!r} tests {ast.unparse(node)!r} while it is traced, before "
                f"{node.left.id!r} has a value: it is never None here; test it inside a task",
                stacklevel=2,
            )


def _arguments_of(node: ast.AST) -> list[ast.arg]:
    if not isinstance(node, ast.FunctionDef):
        return []
    return node.args.posonlyargs + node.args.args + node.args.kwonlyargs


def _calls_task(value: ast.expr, scope: dict[str, Any]) -> bool:
    if not isinstance(value, ast.Call):
        return False
    called = value.func
    while isinstance(called, ast.Attribute | ast.Call):
        called = called.value if isinstance(called, ast.Attribute) else called.func
    return isinstance(called, ast.Name) and isinstance(scope.get(called.id), Task)

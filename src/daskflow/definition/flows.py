"""Flows: functions that say which tasks are called with what. Containers without logic.

The function is traced on first use, never at import: it runs once with a `Parameter` in place of
each argument, and the calls of tasks in it become a graph. A flow by hand has a name instead, and
a graph that is empty at first. This room knows nothing of how a flow is run; it hands itself to
`runs`, the one door that leads upwards.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from copy import copy
from functools import update_wrapper
from os import PathLike
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    ParamSpec,
    TypeVar,
    Unpack,
    cast,
    overload,
)

from daskflow.definition.by_hand import ByHand
from daskflow.definition.definitions import FlowDefinition, Traces
from daskflow.definition.editing import EditableTrace
from daskflow.definition.flow_options import FlowOptions, check_block_size
from daskflow.definition.grafting import graft
from daskflow.definition.mapping import unmapped
from daskflow.definition.nodes import FlowGraph, check_name
from daskflow.definition.none_tests import warn_of_none_tests
from daskflow.definition.parameters import Signature
from daskflow.definition.placeholders import Parameter
from daskflow.definition.static import key_of
from daskflow.definition.task_rules import as_tags, check_words, checked_persistence
from daskflow.definition.tasks import Task, as_node, in_sight
from daskflow.definition.tracing import Trace, current_trace
from daskflow.errors import DefinitionError
from daskflow.garbage import uncollected
from daskflow.hooks import make_watchers
from daskflow.tagging import no_tags

if TYPE_CHECKING:
    from dask.delayed import Delayed

    from daskflow.drawing.drawing import Drawing
    from daskflow.runs import FlowRun

P = ParamSpec("P")
R = TypeVar("R")

# The target that is being imported: what its file runs meanwhile would be run twice.
being_imported: ContextVar[str] = ContextVar("daskflow_being_imported", default="")


class Flow(ByHand, Generic[P, R]):
    """A graph of tasks with parameters: of a function that calls tasks, or made by hand.

    Parameters
    ----------
    function
        Calls tasks; what it returns is what a run gives back. Or a name: then the flow is made by
        hand, under its ``with`` or by `add_task` and `add_edge`.
    options
        See `FlowOptions`.

    Examples
    --------
    >>> from daskflow import Flow, LocalExecutor, Parameter, task
    >>> @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> Flow(lambda: double(4), name="eight", executor=LocalExecutor())()
    8
    >>> with Flow("twice", executor=LocalExecutor()) as f:
    ...     f.set_returned(double(Parameter("x")))
    >>> f(x=5)
    10
    """

    @overload
    def __init__(self: Flow[..., Any], function: str, **options: Unpack[FlowOptions]) -> None: ...
    @overload
    def __init__(self, function: Callable[P, R], **options: Unpack[FlowOptions]) -> None: ...
    def __init__(self, function: Any, **options: Any) -> None:
        self.fn: Callable[P, R] | None = None  # None: the flow is made by hand
        self.origin: Flow[P, R] = self  # the one that this is with other options
        self._traces = Traces()
        if isinstance(function, str):
            # where it was made, as a function would tell; `inspect` is a hundred times slower
            self.__module__ = sys._getframe(1).f_globals.get("__name__", "")  # noqa: SLF001
            options = {"name": function, **options}
            self._traces.add((), EditableTrace(function))
        elif callable(function):
            update_wrapper(self, function, updated=())
            self.fn = function
        else:
            msg = f"a flow needs a function, not {function!r}; or a name, to be made by hand"
            raise DefinitionError(msg)
        self._set_options(options)

    def _set_options(self, options: Any) -> None:
        default = getattr(self.fn, "__name__", "flow") if self.fn is not None else ""
        name = str(options.get("name") or default)
        self.options: FlowOptions = options
        self.name = check_name("lambda_" if name == "<lambda>" else name, "a flow")
        check_words(f"flow {name!r}", options, FlowOptions.__annotations__)
        check_block_size(self.name, options.get("block_size"))
        self.persists = checked_persistence(f"flow {self.name!r}", options)
        self.tags = as_tags(options.get("tags", ()))
        self.watchers = make_watchers(f"flow {self.name!r}", options)
        terminal = options.get("terminal_state_handler")
        if terminal is not None and not callable(terminal):
            msg = f"flow {self.name!r}: terminal_state_handler={terminal!r} must be a function"
            raise DefinitionError(msg)
        if self.fn is None:
            self.signature = Signature(self.name, self._traces.only().parameters)  # which may grow
        else:
            self.signature = Signature.of(self.fn, self.name)

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the flow and return its value; raise what made it fail.

        Inside another flow its nodes become part of that one, under its name. Inside a running
        task it is a run of its own, a child run, on the cluster on which the task runs, unless
        it names an executor itself; ``DASKFLOW_EXECUTOR`` is for runs that no task calls.
        """
        trace = current_trace.get()
        if trace is None:
            return cast(R, self.run(*args, **kwargs).result())
        values = self.signature.bind(args, kwargs)
        with trace.scope(self.name):
            return self._inlined(trace, values)

    def _inlined(self, trace: Trace, values: Mapping[str, Any]) -> R:
        """Record the flow as a part of another; return what stands for its value."""
        known = self._traces.get(key_of(self.name, self.signature.plain_static(values)))
        if self.fn is None or (known is not None and known.is_edited):
            return cast(R, graft(trace, self._trace_of(values), values))
        by_position, by_name = self.signature.split(values)
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
        static = self.signature.mapped_static(given)  # every lane gets all of them
        whole |= {name: unmapped(value) for name, value in static.items()}
        lanes = {name: in_sight(trace, value) for name, value in given.items()}
        with trace.mapped_scope(self.name, lanes | whole) as each:
            return cast(list[R], as_node(trace, self._inlined(trace, each)))

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
        with uncollected():  # until it waits for the first bodies
            run = self._prepare(args, kwargs)
            run.drive()
        return run

    def resume(self, run: str, *, allow_code_change: bool = False) -> FlowRun:
        """Go on with a run of this flow that was paused, cancelled or lost its driver.

        What was accepted and kept is not done again. Returns when the run has ended, or waits.

        Parameters
        ----------
        run
            Its id, the beginning of one, its name, or ``last``.
        allow_code_change
            Whether tasks that are still to run may have changed.

        Raises
        ------
        UnknownRunError
            There is no such run.
        IllegalMoveError
            It is final, or tasks that are still to run have changed.
        LeaseTakenError
            Somebody else drives it.
        """
        from daskflow.starting import resume

        resumed = resume(self, run, allow_code_change=allow_code_change)
        resumed.drive()
        return resumed

    def rerun(
        self, run: str, *, failed: bool = False, from_task: str | Task[..., Any] | None = None
    ) -> FlowRun:
        """Make a new run with the parameters of an earlier one; return when it has ended, or waits.

        With nothing more, all of it runs again. What is kept of the earlier run otherwise is the
        new one's own from then on: durable results are copied. A value that was not kept, and that
        something needs, is made again by its task; a `Pending` in `FlowRun.events` says so.

        Parameters
        ----------
        run
            Its id, the beginning of one, its name, or ``last``.
        failed
            Keep what succeeded or was skipped; the rest, and what hangs on it, runs again.
        from_task
            Keep how all ended but this task and what hangs on it: a task, the name of a node, or
            of one task run, ``"clean[3]"``. With `failed` what did not succeed runs again too.

        Raises
        ------
        UnknownRunError
            There is no such run.
        LeaseTakenError
            It still goes on.
        DefinitionError
            There is no such task in it.

        Examples
        --------
        >>> from daskflow import LocalExecutor, flow, task
        >>> weather = ["rain"]
        >>> @task
        ... def pack() -> str:
        ...     print("packing")
        ...     return "rucksack"
        >>> @task
        ... def hike(load: str) -> str:
        ...     if weather == ["rain"]:
        ...         raise OSError("it rains")
        ...     return f"up and down with a {load}"
        >>> @flow(executor=LocalExecutor())
        ... def tour():
        ...     return hike(pack())
        >>> run = tour.run()
        packing
        >>> weather[:] = ["sun"]
        >>> tour.rerun(run.id, failed=True).result()
        'up and down with a rucksack'
        """
        from daskflow.starting import rerun

        repeated = rerun(self, run, failed=failed, from_task=from_task)
        repeated.drive()
        return repeated

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
        that wait for a retry hold a thread meanwhile. Nothing is cached, for there is no driver to
        ask. What shows only when the flow runs, such as the children of a map over a result, is run
        by the graph's last node in its own process, one after another: to have all of that on the
        cluster, use `run`. So too where each task run is to be looked at, or must not be started
        twice: Dask repeats what a lost worker held, and where it gives up, the computation raises.

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
        from daskflow.starting import delay

        return delay(self, self._bind(args, kwargs, "to_delayed"))

    def with_options(self, **options: Unpack[FlowOptions]) -> Flow[P, R]:
        """Return the same flow with some options replaced.

        With ``states=`` task runs count as finished before the start: their bodies do not run, and
        neither triggers nor skip rules of theirs are asked. By the name of a node, its task, or
        ``"node[2]"``; for a mapped one a list with a state or None for each child. A `Success`
        passes its ``result`` on.

        Examples
        --------
        >>> from daskflow import LocalExecutor, flow, task
        >>> from daskflow.states import Success
        >>> @task
        ... def fetch() -> int:
        ...     raise OSError("no network")
        >>> @task
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> @flow(executor=LocalExecutor())
        ... def doubled():
        ...     return double(fetch())
        >>> doubled.with_options(states={fetch: Success(result=21)})()
        42
        """
        made = copy(self)
        merged: Any = {**self.options, **options}
        name = str(merged.get("name") or self.name)
        made._traces = self._traces.copy(name)  # noqa: SLF001 - of its own kind
        made._set_options(merged)  # noqa: SLF001 - the same
        return made

    def graph(self, **static: Any) -> FlowGraph:
        """Return the graph of the flow, to read and to change; later runs see the changes.

        Parameters
        ----------
        static
            Values of its `Static` parameters, if it has any.

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
        return self._trace_of(self.signature.bind_static(static)).graph

    def visualize(
        self,
        path: str | PathLike[str] | None = None,
        format: str | None = None,  # noqa: A002 - the word that everybody looks for
        **static: Any,
    ) -> Drawing:
        """Return a drawing of the flow: SVG in a notebook, text where it is printed.

        Parameters
        ----------
        path
            A file to write it to as well: .svg, .txt, .mmd (Mermaid) or .dot (Graphviz).
        format
            ``text``, ``mermaid``, ``dot`` or ``svg``.
        static
            Values of its `Static` parameters, if it has any.

        Examples
        --------
        >>> from daskflow import flow, task
        >>> @task
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> @flow
        ... def four():
        ...     return double(double(1))
        >>> print(four.visualize())
        four()
        <BLANKLINE>
          double   = double(x=1)
        * double-2 = double(x=double)
        <BLANKLINE>
          returns double-2
        <BLANKLINE>
        * decides how the flow ends
        """
        from daskflow.drawing.drawing import Drawing
        from daskflow.drawing.picture import picture_of

        drawing = Drawing(picture_of(self.definition(**static), self.signature.parameters), format)
        if path is not None:
            drawing.save(path)
        return drawing

    @property
    def trace(self) -> EditableTrace:
        """The graph in the making, and all that belongs to it.

        Raises
        ------
        DefinitionError
            It has `Static` parameters, and so many graphs.
        """
        if self.signature.static:
            names = ", ".join(self.signature.static)
            msg = (
                f"flow {self.name!r} has a graph for each value of {names}: "
                f"change its function, or one of its graphs: graph({names}=...)"
            )
            raise DefinitionError(msg)
        return self._trace_of({})

    def definition(self, **static: Any) -> FlowDefinition:
        """Return what a run would be made from: a snapshot of the graph and what belongs to it.

        Parameters
        ----------
        static
            Values of its `Static` parameters, if it has any.

        Raises
        ------
        DefinitionError
            The flow cannot run; the message tells all that is wrong.
        """
        return self.definition_for(self.signature.bind_static(static))

    def definition_for(self, values: Mapping[str, Any]) -> FlowDefinition:
        """Return the definition that is meant for a run with these values of the parameters."""
        self._trace_of(values)
        given = self.options.get("reference_tasks")
        chosen = (given,) if isinstance(given, str) else None if given is None else tuple(given)
        key = key_of(self.name, self.signature.plain_static(values))
        return self._traces.definition(key, chosen)

    def _prepare(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> FlowRun:
        from daskflow.starting import prepare

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
                f"{self.name}.{word}() inside a flow: just call {self.name}(...), it becomes a "
                "part; a flow by hand runs behind its `with`"
            )
            raise DefinitionError(msg)
        return self.signature.bind(args, kwargs)

    def _trace_of(self, values: Mapping[str, Any]) -> EditableTrace:
        """Return the trace for these values of the static parameters; trace on the first call."""
        static = self.signature.plain_static(values)
        key = key_of(self.name, static)
        return self._traces.get(key) or self._traces.add(key, self._traced(static))

    def _traced(self, static: dict[str, Any]) -> EditableTrace:
        """Run the function once, and keep what it calls."""
        function = cast(Callable[P, R], self.fn)  # by hand there is a trace from the beginning
        trace = EditableTrace(self.name, self.signature.parameters)
        handles = {name: Parameter(name) for name in self.signature.parameters}
        by_position, by_name = self.signature.split(handles | static)
        warn_of_none_tests(function, self.name, static)
        token = current_trace.set(trace)
        try:
            with no_tags(), uncollected():
                trace.give_back(function(*by_position, **by_name))
        finally:
            current_trace.reset(token)
        trace.recorded = trace.changes
        return trace

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
        Client, a temporary local cluster. ``store``: what keeps its runs and cached results, as a
        URL, the path of a SQLite file, or an object; default what the settings say, a file in the
        home folder. ``run_name``: may hold ``{parameter}``. ``tags``: strings.
        ``reference_tasks``: names of the nodes that decide how a run ended, default the
        terminal ones. ``persist_result``: whether results of its tasks are durable, where a task
        does not say. ``block_size``: elements of a lane in one Dask task; 1: no grouping.
        ``states``: finished states that are known before the start, see `Flow.with_options`.
        ``log_prints``: whether what its tasks print is logged, where they do not say.
        ``state_handlers``: functions ``handler(flow, old, new)`` that may return an end in place of
        the new state. ``terminal_state_handler``: a function of the flow, the state that the run is
        about to end in, and the states of its reference tasks; it may return another one.
        ``on_completion``, ``on_failure``, ``on_cancellation``, ``on_crashed``: functions
        ``hook(flow, run, state)`` that observe; they may ask for ``run.result()``.

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

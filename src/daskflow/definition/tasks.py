"""Tasks: functions with a name and rules for when they run, how often, and what stops them.

Called inside a flow, a task records a node and is typed as returning what its function returns.
Called anywhere else, a task is its function.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from copy import copy
from functools import cached_property, update_wrapper
from itertools import repeat
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    NoReturn,
    ParamSpec,
    Protocol,
    TypeVar,
    Unpack,
    cast,
    overload,
)

from daskflow.caching import check_left_out
from daskflow.definition.binding import Binding, outputs_of
from daskflow.definition.nodes import check_name
from daskflow.definition.placeholders import Node, Placeholder
from daskflow.definition.task_rules import TaskOptions, make_rules
from daskflow.definition.tracing import Trace, current_trace
from daskflow.errors import DefinitionError

P = ParamSpec("P")
R = TypeVar("R")


class Task(Generic[P, R]):
    """A function as a unit of work; made by `task`, or a class with a method ``run``.

    Parameters
    ----------
    function
        What it does; None: the method ``run`` of a class that is derived from this one.
    options
        See `TaskOptions`.

    Examples
    --------
    >>> from daskflow import Task
    >>> def double(x: int) -> int:
    ...     return 2 * x
    >>> Task(double, retries=2)(4)
    8
    >>> class Multiply(Task):
    ...     def __init__(self, factor: int, **options):
    ...         super().__init__(**options)
    ...         self.factor = factor
    ...     def run(self, x: int) -> int:
    ...         return self.factor * x
    >>> triple = Multiply(3, retries=2)
    >>> triple(4), triple.name
    (12, 'Multiply')
    """

    def __init__(
        self, function: Callable[P, R] | None = None, **options: Unpack[TaskOptions]
    ) -> None:
        if function is not None and not callable(function):
            msg = f"a task needs a function, not {function!r}"
            raise DefinitionError(msg)
        self.node_name: str | None = None  # of its nodes; None: its own name
        self.origin: object = object()  # the same for tasks that differ in their options only
        if function is None:
            self._use_run()
        else:
            self.origin = self.fn = function
            update_wrapper(self, function, updated=())  # a class brings more than a Task can take
        self._set_options(options)

    def _use_run(self) -> None:
        """Let the method `run` be what the task does."""
        kind = type(self).__name__
        function: Callable[P, R] | None = getattr(self, "run", None)
        if function is None:
            msg = f"a task needs a function, or a class with a method `run`, which {kind} has not"
            raise DefinitionError(msg)
        self.fn = self.__wrapped__ = function
        self.__name__ = kind

    def _set_options(self, options: Any) -> None:
        is_class = self.origin is not self.fn
        default = type(self).__name__ if is_class else _function_name(self.fn)
        self.options: TaskOptions = options
        self.name = check_name(options.get("name") or default, "a task")
        self.rules = make_rules(self.name, options)
        if self.rules.cache is not None and self.rules.cache.policy.left_out:
            check_left_out(self.name, self.rules.cache, self.binding.signature.parameters)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            """Tell who derived a class what is missing; type checkers know all names."""
            if name in {"fn", "name", "options", "origin"}:
                msg = f"{type(self).__name__}.__init__ has to call super().__init__(**options)"
                raise DefinitionError(msg)
            msg = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(msg)

    @overload
    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    @overload
    def __call__(self, /, *args: Any, wait_for: Iterable[Any], **kwargs: Any) -> R: ...
    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Record a node inside a flow; elsewhere call the function."""
        trace = current_trace.get()
        if trace is None:
            kwargs.pop("wait_for", None)
            return self.fn(*args, **kwargs)
        waited, arguments = self.bind(args, kwargs)
        return trace.add_call(self, arguments, waited, name=self.node_name)

    def map(self, /, *args: Any, wait_for: Iterable[Any] = (), **kwargs: Any) -> list[R]:
        """Call the task once for each element of its arguments.

        Every argument is mapped unless it is wrapped in `unmapped`; all mapped ones must have the
        same length. Over the result of another map it goes lane by lane.

        Parameters
        ----------
        wait_for
            What must be finished first: lane by lane where it is mapped, else whole.

        Examples
        --------
        >>> from daskflow import LocalExecutor, flow, task
        >>> @task
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> @flow(executor=LocalExecutor())
        ... def doubled():
        ...     return double.map([1, 2, 3])
        >>> doubled()
        [2, 4, 6]
        """
        trace = current_trace.get()
        if trace is None:
            msg = f"{self.name}.map(...) works inside a flow; here: [{self.name}(x) for x in xs]"
            raise DefinitionError(msg)
        waited, arguments = self.bind(args, {**kwargs, "wait_for": wait_for})
        arguments = [(name, word, in_sight(trace, value)) for name, word, value in arguments]
        node = trace.add_call(self, arguments, waited, is_mapped=True, name=self.node_name)
        return cast(list[R], node)

    def named(self, name: str) -> Task[P, R]:
        """Return this task for one call whose node has this name.

        Examples
        --------
        >>> from daskflow import LocalExecutor, flow, task
        >>> @task
        ... def double(x: int) -> int:
        ...     return 2 * x
        >>> @flow(executor=LocalExecutor())
        ... def twice():
        ...     return double.named("second")(double.named("first")(1))
        >>> twice.run()["first"].result()
        2
        """
        made = self.with_options()
        made.node_name = check_name(name, "a node")
        return made

    def with_options(self, **options: Unpack[TaskOptions]) -> Task[P, R]:
        """Return a task with the same function and some options replaced.

        Examples
        --------
        >>> from daskflow import task
        >>> @task(retries=1)
        ... def fetch() -> str:
        ...     return "page"
        >>> fetch.with_options(retries=5).rules.retry.retries
        5
        """
        made = copy(self)
        if self.origin is not self.fn:
            made._use_run()  # noqa: SLF001 - of its own kind
        made._set_options({**self.options, **options})  # noqa: SLF001 - the same
        return made

    def submit(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise: the word of Prefect 3 for what a plain call does here."""
        msg = f"{self.name}.submit(...): just call {self.name}(...), every call in a flow is traced"
        raise DefinitionError(msg)

    def bind(
        self, args: Sequence[Any], kwargs: dict[str, Any], *, is_partial: bool = False
    ) -> tuple[Any, list[tuple[str, str | None, Any]]]:
        """Return what to wait for, and for each argument its parameter, keyword and value.

        Parameters
        ----------
        is_partial
            Whether arguments may be missing.
        """
        waited = kwargs.pop("wait_for", _NOTHING)
        if waited is not _NOTHING and (
            isinstance(waited, str | Placeholder) or not isinstance(waited, Iterable)
        ):
            msg = f"{self.name}: wait_for takes a list of what tasks returned"
            raise DefinitionError(msg)
        names = self.binding.names(args, kwargs, is_partial=is_partial)
        arguments: list[tuple[str, str | None, Any]]
        arguments = list(zip(names, repeat(None), args, strict=False))  # there are as many names
        if kwargs:
            arguments += [(name, name, value) for name, value in kwargs.items()]
        return waited, arguments

    @cached_property
    def binding(self) -> Binding:
        """The parameters of its function, and which argument feeds which."""
        return Binding(self.name, self.fn)

    @cached_property
    def outputs(self) -> int | None:
        """How many values it returns, to be unpacked in a flow; None: it does not say."""
        nout = self.options.get("nout")
        return outputs_of(self.fn) if nout is None else nout

    def __getstate__(self) -> dict[str, Any]:
        made = {"binding", "outputs"}  # and made again where they are needed
        return {name: value for name, value in self.__dict__.items() if name not in made}

    def __repr__(self) -> str:
        return f"<task {self.name!r}>"


_NOTHING: tuple[Any, ...] = ()  # what a call waits for that does not say


def _same(x: Any) -> Any:
    return x


def in_sight(trace: Trace, value: Any) -> Any:
    """Return a value that can be mapped over: the element of another's gets a node of its own."""
    return Task(_same, name="element")(value) if trace.is_out_of_sight(value) else value


def as_node(trace: Trace, value: Any) -> Any:
    """Return what a lane of a mapped sub-flow gives back as the value of one node in that lane."""
    if value is None or (isinstance(value, Node) and trace.is_inside(value)):
        return value
    return Task(_same, name="returned")(value)


def _function_name(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return "lambda_" if name == "<lambda>" else name


class TaskMaker(Protocol):
    """What `task` with options returns: makes a task of a function."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Task[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(function: Callable[P, Coroutine[Any, Any, R]], /) -> Task[P, R]: ...
@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(**options: Unpack[TaskOptions]) -> TaskMaker: ...
def task(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a task of a function.

    Parameters
    ----------
    function
        What the task does; any function, it need not know that it is a task. Each call of an
        ``async def`` function has an event loop of its own.
    options
        ``name``: default the function's. ``tags``: strings. ``trigger``: a function of
        ``{Edge: State}``, default `all_successful`. ``skip_on_upstream_skip``: default True.
        ``retries``: attempts after the first. ``retry_delay_seconds``: a number, a `timedelta`, a
        list of them (the last one repeats), or a function of the attempt that failed, from 1.
        ``retry_jitter_factor``: the share of the delay that is added at random at most.
        ``retry_on``: an exception type or a tuple of them. ``retry_condition``: a function of the
        exception, asked last. ``nout``: how many values it returns, where they are to be unpacked
        in a flow; default: as many as its annotation says, such as ``tuple[int, str]``.
        ``persist_result``: whether results are durable that are too large for the run's history
        (over 4 KiB); then no body runs again for want of its result, whatever dies.
        ``cache``: True: a result is kept, and a later call by the same inputs and code is Cached
        and does not run. ``cache_policy``: what else it goes by, such as ``INPUTS - "verbose"``.
        ``cache_key``: the key itself, as ``"{path}-{day}"``. ``cache_expiration``: seconds, or a
        `timedelta`. Equal calls that run at the same time may all run.
        ``log_prints``: whether what it prints is logged, default what the flow says. And for
        Dask: ``resources``: what a worker must offer, as ``{"GPU": 1}``; ``priority``: a whole
        number, higher goes first, default 0; ``workers``: the name, host or address of the workers
        that may run it, one or a list. ``timeout_seconds``: how long one attempt may take, a number
        or a `timedelta`; in a thread only Python code can be interrupted. ``state_handlers``: one
        or a list of functions ``handler(task, old, new)`` that may return another state in place of
        the new one. ``on_completion``, ``on_failure``, ``on_retry``, ``on_cancellation``,
        ``on_crashed``: one or a list of functions ``hook(task, run, state)`` that observe.

    Raises
    ------
    DefinitionError
        An option is unknown or its value makes no sense.

    Examples
    --------
    >>> from daskflow import task
    >>> @task(retries=3, retry_delay_seconds=[1, 10, 60])
    ... def fetch(url: str) -> str:
    ...     return f"page of {url}"
    >>> fetch("example.org")
    'page of example.org'
    """
    if function is None:
        return lambda function: Task(function, **options)
    return Task(function, **options)

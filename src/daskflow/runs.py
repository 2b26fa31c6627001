"""The front door: makes a run of a flow, wires executor, record and driver, tells the outcome.

`prepare` is what `Flow.run` and `Flow.submit` call. A `FlowRun` can be read from any thread while
its driver works; values leave the executor only when somebody asks for them.
"""

from __future__ import annotations

import html
import random
import signal
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from daskflow import context
from daskflow.errors import DefinitionError, FlowRunFailedError, ParameterError
from daskflow.events import Report, StateChanged
from daskflow.executors.base import Executor, Session
from daskflow.executors.choice import choose_executor
from daskflow.lowering.plan import Plan, literal_key
from daskflow.names import make_name
from daskflow.nodes import LiteralRef, NodeRef, fill, references
from daskflow.results.serializers import small_bytes
from daskflow.runtime.code import OwnCode
from daskflow.runtime.driver import Assignment, Driver
from daskflow.runtime.record import RunRecord
from daskflow.runtime.spec import RunSpec, own_code_by_value, pack_spec
from daskflow.runtime.values import Values
from daskflow.runtime.verdict import verdict
from daskflow.runtime.views import NodeProgress, TaskRun, TaskRuns, raisable, view_of
from daskflow.settings import EngineSettings, Settings
from daskflow.signals import RunInterrupted
from daskflow.states import (
    KINDS,
    Cancelled,
    Crashed,
    Failed,
    Pending,
    Running,
    State,
    TriggerFailed,
)
from daskflow.tasks import Task
from daskflow.timing import as_datetime, now

if TYPE_CHECKING:
    from dask.delayed import Delayed

    from daskflow.definitions import FlowDefinition
    from daskflow.flows import Flow


class FlowRun:
    """One run of a flow, live and afterwards.

    Returned by `Flow.run` and `Flow.submit`.

    Examples
    --------
    >>> from daskflow import LocalExecutor, flow, task
    >>> @task
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> @flow(executor=LocalExecutor(), run_name="tonight")
    ... def eight():
    ...     return double(4)
    >>> run = eight.run()
    >>> run
    <FlowRun 'tonight' of flow 'eight': Success, 1 task run>
    >>> run["double"].attempt
    1
    """

    def __init__(
        self,
        definition: FlowDefinition,
        spec: RunSpec,
        session: Session,
        assignment: Assignment,
        parameters: Mapping[str, Any],
    ) -> None:
        self.id = spec.run_id
        self.name = spec.run_name
        self.flow_name = definition.name
        self.parameters = dict(parameters)
        self.tags = spec.tags
        self.link = session.link  # a page that shows what goes on; empty: none
        self.record = RunRecord(definition.graph, spec.kept)
        self.values = Values(self.record, session)
        self.started_at = now()  # instant, seconds since the epoch
        self.ended_at: float | None = None
        self._definition = definition
        self._session = session
        self._assignment = assignment
        self._state: State = Pending()
        self._failure: BaseException | None = None
        self._changed = threading.Condition()
        self._done = threading.Event()

    @property
    def state(self) -> State:
        """The state of the flow run."""
        return self._state

    @property
    def started(self) -> datetime:
        """When it was prepared."""
        return as_datetime(self.started_at)

    @property
    def ended(self) -> datetime | None:
        """When it ended; None: it has not."""
        return as_datetime(self.ended_at) if self.ended_at is not None else None

    @property
    def task_runs(self) -> TaskRuns:
        """All task runs, node by node."""
        return TaskRuns(self.values)

    def start(self) -> None:
        """Drive the run in a thread of its own."""
        threading.Thread(target=self.drive, name=f"daskflow-{self.name}", daemon=True).start()

    def drive(self) -> None:
        """Drive the run to its end in this thread.

        Raises
        ------
        KeyboardInterrupt
            The user pressed Ctrl-C; the run is Cancelled.
        """
        self._enter(Running())
        state: State = Crashed("the driver was stopped", reason="driver")
        try:
            with _interrupts() as is_interrupted:
                Driver(
                    self._assignment, self.record, self._session, self._notify, is_interrupted
                ).drive()
            state = self._verdict()
        except RunInterrupted:
            state = Cancelled("interrupted by the user")
            raise KeyboardInterrupt from None
        except Exception as error:  # noqa: BLE001 - whatever it is, the states stay to be read
            self._failure = error
            state = Crashed(f"{type(error).__name__}: {error}", reason="driver")
        finally:
            self._finish(state)

    def wait(self, timeout: float | None = None) -> FlowRun:
        """Return this run when it has ended.

        Parameters
        ----------
        timeout
            Seconds to wait at most; None: without end.

        Raises
        ------
        TimeoutError
            It has not ended by then.
        """
        if not self._done.wait(timeout):
            msg = f"flow run {self.name!r} has not ended within {timeout} s"
            raise TimeoutError(msg)
        return self

    def result(self) -> Any:
        """Return what the flow returned; raise what made it fail.

        Raises
        ------
        Exception
            The exception of the first failed reference task run; where its trigger failed, that of
            the first failed task run upstream of it.
        FlowRunFailedError
            It did not succeed and no task's exception tells why.
        """
        self.wait()
        if not self._state.is_successful():
            raise self._first_failure()
        return fill(self._definition.returned, self._value_of)

    def events(self) -> Iterator[StateChanged]:
        """Iterate over the changes of state that happened, and on while the run goes on.

        The flow run's own, and of the task runs those that were not happy. Where a task waits for
        a worker that is not there, a `Pending` says what it asks for; its state did not change.
        """
        place = 0
        while True:
            with self._changed:
                while place >= len(self.record.events) and not self._done.is_set():
                    self._changed.wait()
            news = self.record.events[place:]
            place += len(news)
            yield from news
            if not news and self._done.is_set():
                return

    def progress(self) -> list[NodeProgress]:
        """Return how far each node is, in the order of the flow."""
        return [
            NodeProgress(
                name,
                self.record.total(name),
                # a copy, for the driver may be at work
                {KINDS[code].__name__: count for code, count in dict(node.counts).items() if count},
            )
            for name, node in list(self.record.nodes.items())
        ]

    def failures(self) -> list[TaskRun]:
        """Return the task runs that failed, those that a trigger kept from starting included."""
        return [TaskRun(self.values, *found) for found in self.record.failed(self._order())]

    def __getitem__(self, wanted: str | Task[..., Any]) -> Any:
        """Return the task run, or the mapped task run, of a node given by name or by its task."""
        name = wanted if isinstance(wanted, str) else self._node_of(wanted)
        if name not in self.record.nodes:
            known = ", ".join(self.record.nodes) or "none"
            msg = f"flow {self.flow_name!r} has no node {name!r}; its nodes: {known}"
            raise KeyError(msg)
        return view_of(self.values, name)

    def _node_of(self, wanted: Task[..., Any]) -> str:
        nodes = self.record.graph.nodes
        names = [name for name, spec in nodes.items() if spec.task.origin is wanted.origin]
        if len(names) > 1:
            msg = f"{wanted.name} has several nodes, name one: {', '.join(names)}"
            raise KeyError(msg)
        return names[0] if names else wanted.name

    def _order(self) -> list[str]:
        return self._definition.graph.order()

    def _verdict(self) -> State:
        names = self._definition.reference_tasks
        return verdict({name: self.record.outcome(name) for name in names})

    def _first_failure(self) -> BaseException:
        wanted = set(self._definition.reference_tasks)
        order = self._order()
        for found in self.record.failed(name for name in order if name in wanted):
            return self._explained(self._root_of(*found, order))
        msg = f"flow run {self.name!r} of {self.flow_name!r} ended {self._state}"
        error = FlowRunFailedError(msg)
        error.__cause__ = self._failure
        return error

    def _root_of(self, name: str, index: tuple[int, ...], order: list[str]) -> TaskRun:
        """Return the task run whose exception tells why this one failed."""
        first = TaskRun(self.values, name, index)
        if not isinstance(first.state, TriggerFailed):
            return first
        upstream: set[str] = {name}
        for other in reversed(order):
            if any(edge.downstream in upstream for edge in self.record.graph.downstream(other)):
                upstream.add(other)
        for found in self.record.failed(other for other in order if other in upstream):
            run = TaskRun(self.values, *found)
            if not isinstance(run.state, TriggerFailed):
                return run
        return first

    def _explained(self, run: TaskRun) -> BaseException:
        """Return the exception of a task run, with a note that says where it comes from."""
        error = raisable(self.values.exception(run.node, run.index), run.name)
        kinds = [type(other.state) for other in self.failures() if other != run]
        idle = kinds.count(TriggerFailed)
        more = f"; others that failed: {len(kinds) - idle}" if len(kinds) > idle else ""
        more += f"; not started because of failures: {idle}" if idle else ""
        where = f" on {run.worker}" if run.worker else ""
        told = f"in task run {run.name}, attempt {run.attempt}{where}"
        note = f"{told}, of flow run {self.name!r}{more}"
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
            if error.__traceback__ is None and run.traceback:
                error.add_note(f"there:\n{run.traceback}")
        return error

    def _value_of(self, ref: LiteralRef | NodeRef) -> Any:
        if isinstance(ref, LiteralRef):
            return self._assignment.literals[ref.name]
        return self.values.at(ref.name, is_picky=ref.is_picky)

    def _finish(self, state: State) -> None:
        """Note how the run ended, and let go of what nobody needs any more."""
        self.ended_at = now()
        try:
            self._session.finish()
            if isinstance(state, Cancelled | Crashed):
                self.record.cancel_unfinished(state.message)
                self._session.close()  # nothing that waits is begun any more
            else:
                large = self._assignment.large
                self._session.release([literal_key(self.id, name) for name in large])
        finally:
            self._enter(state)
            self._done.set()
            self._notify()

    def _enter(self, state: State) -> None:
        instant = now()
        self._state = replace(state, timestamp=as_datetime(instant))
        self.record.events.append(StateChanged(instant, self.name, self._state))
        self._notify()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def __repr__(self) -> str:
        count = len(self.task_runs)
        runs = "1 task run" if count == 1 else f"{count} task runs"
        kind = type(self._state).__name__
        return f"<FlowRun {self.name!r} of flow {self.flow_name!r}: {kind}, {runs}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(p.node)}</td><td>{'?' if p.total is None else p.total}</td>"
            f"<td>{html.escape(', '.join(f'{n} {kind}' for kind, n in p.counts.items()))}</td></tr>"
            for p in self.progress()
        )
        head = f"{html.escape(self.flow_name)} / {html.escape(self.name)}"
        return (
            f"<p><b>{head}</b>: {html.escape(str(self._state))}</p>"
            f"<table><tr><th>task</th><th>task runs</th><th>states</th></tr>{rows}</table>"
        )


def prepare(flow: Flow[..., Any], parameters: dict[str, Any]) -> FlowRun:
    """Make a run of a flow: trace it, see that all of it can travel, open the executor.

    Raises
    ------
    DefinitionError
        The flow cannot be traced, or something in it cannot travel.
    ExecutorError
        The executor cannot be reached, or refuses.
    """
    settings = Settings()
    definition, spec, assignment = _describe(flow, parameters, settings.engine)
    executor: Executor = flow.options.get("executor") or choose_executor(settings)

    def pack(spec: RunSpec) -> bytes:
        with own_code_by_value(assignment.functions):
            return pack_spec(spec, assignment.code)

    session = executor.open(spec.run_id, spec, pack)
    return FlowRun(definition, spec, session, assignment, parameters)


def delay(flow: Flow[..., Any], parameters: dict[str, Any]) -> Delayed:
    """Make a graph of a flow for other Dask code to compute; see `delaying`.

    Raises
    ------
    DefinitionError
        The flow cannot be traced, or something in it cannot travel.
    """
    from daskflow.delaying import make_delayed

    return make_delayed(*_describe(flow, parameters, Settings().engine), conclude)


def conclude(
    definition: FlowDefinition,
    spec: RunSpec,
    session: Session,
    assignment: Assignment,
    first: tuple[Plan, Sequence[Report]],
) -> State:
    """Return how a run ended; drive what is left of it.

    Parameters
    ----------
    first
        The plan that was computed elsewhere, and what became of its blocks.
    """
    run = FlowRun(definition, spec, session, assignment, {})
    plan, reports = first
    run.record.take_plan(plan)
    for report in reports:
        run.record.fold(report)
    run.drive()
    if isinstance(run.state, Failed):
        return replace(run.state, exception=run._first_failure())  # noqa: SLF001 - same room
    return run.state


def _describe(
    flow: Flow[..., Any], parameters: dict[str, Any], settings: EngineSettings
) -> tuple[FlowDefinition, RunSpec, Assignment]:
    """Trace a flow, and see that all of it can travel."""
    definition = flow.definition_for(parameters)
    literals = {**definition.literals, **parameters}
    code = [flow, *(node.task for node in definition.graph.nodes.values())]
    with own_code_by_value(code):
        large = _large_literals(literals, settings)
    small = {name: value for name, value in literals.items() if name not in large}
    spec = _make_spec(flow, definition, parameters, small, settings)
    assignment = Assignment(
        spec.run_id,
        definition.graph,
        literals,
        large,
        flow.options.get("block_size"),
        settings.retry_window,
        code,
        code=OwnCode(spec.run_id),
    )
    return definition, spec, assignment


def _make_spec(
    flow: Flow[..., Any],
    definition: FlowDefinition,
    parameters: dict[str, Any],
    small: dict[str, Any],
    settings: EngineSettings,
) -> RunSpec:
    graph = definition.graph
    kept = {*definition.reference_tasks, *graph.terminals(), *references(definition.returned)}
    measured = {
        giver.form.name
        for space in graph.spaces.values()
        for giver in space.givers
        if isinstance(giver.form, NodeRef)
        and graph.depth(giver.form.name) == len(giver.form.levels) + giver.form.is_flat
    }
    return RunSpec(
        uuid.uuid4().hex,
        _run_name(flow.options.get("run_name"), parameters),
        definition.name,
        graph,
        small,
        frozenset(kept),
        frozenset(measured),
        settings.small_result_bytes,
        flow.tags,
    )


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


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Take Ctrl-C in the main thread meanwhile, where nobody else does; tell whether it came.

    While a task's body runs in that thread it is interrupted, else the driver asks now and then.
    """
    came: list[bool] = []
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield lambda: False
        return

    def interrupt(*_: Any) -> None:
        came.append(True)
        if context.get() is not None:
            raise RunInterrupted

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield lambda: bool(came)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)

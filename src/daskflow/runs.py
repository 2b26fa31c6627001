"""A run of a flow: wires session, record, keeper and driver, tells the outcome.

`starting` makes them. A `FlowRun` can be read from any thread while its driver works; values leave
the executor only when somebody asks for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from contextvars import copy_context
from dataclasses import replace
from datetime import datetime
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from daskflow import context
from daskflow.context import run_label
from daskflow.definition.nodes import LiteralRef, NodeRef, fill
from daskflow.definition.tasks import Task
from daskflow.displaying import display_run
from daskflow.errors import (
    FlowRunFailedError,
    FlowRunPausedError,
    IllegalMoveError,
    SchedulerLostError,
    StoreError,
)
from daskflow.events import StateChanged
from daskflow.executors.base import Session
from daskflow.executors.showing import Silent, Teller
from daskflow.hearing import carry_out
from daskflow.keeping import Keeper, NoKeeper
from daskflow.lines import LogLine, Reader
from daskflow.logs import show
from daskflow.lowering.plan import literal_key
from daskflow.runtime.cancelling import is_too_late, wind_down
from daskflow.runtime.driver import Assignment, Contact, Driver, Order
from daskflow.runtime.failing import failures, first_failure
from daskflow.runtime.flow_handlers import NOBODY_WATCHES, FlowWatch
from daskflow.runtime.interrupts import interrupts
from daskflow.runtime.listening import Listener
from daskflow.runtime.notebooks import run_markup
from daskflow.runtime.pausing import approve_all, parked, paused_runs, reject_all
from daskflow.runtime.record import RunRecord
from daskflow.runtime.scopes import scope_of_thread
from daskflow.runtime.spec import RunSpec
from daskflow.runtime.state_handlers import TaskWatch
from daskflow.runtime.values import Values
from daskflow.runtime.verdict import verdict
from daskflow.runtime.views import NodeProgress, TaskRun, TaskRuns, progress_of, view_of
from daskflow.showing import ShownRun
from daskflow.signals import RunInterrupted
from daskflow.states import (
    Cancelled,
    Cancelling,
    Crashed,
    Paused,
    Pending,
    Running,
    State,
)
from daskflow.stores.orders import OrderRow, Wish
from daskflow.timing import as_datetime, now

if TYPE_CHECKING:
    from daskflow.definition.definitions import FlowDefinition
    from daskflow.opening import Opener


_CANCELLED = "cancelled by the user"
_INTERRUPTED = "interrupted by the user"
_ORPHANED = "the task that called it was cancelled"


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

    def __init__(  # noqa: PLR0913, PLR0917 - what `prepare` has put together
        self,
        definition: FlowDefinition,
        spec: RunSpec,
        session: Session,
        assignment: Assignment,
        parameters: Mapping[str, Any],
        watch: FlowWatch = NOBODY_WATCHES,
        keeper: Keeper | None = None,
        opener: Opener | None = None,
    ) -> None:
        self._keeper: Keeper = NoKeeper() if keeper is None else keeper
        self.id = spec.run_id
        self.name = spec.run_name
        self.flow_name = definition.name
        self.parameters = dict(parameters)
        self.tags = spec.tags
        self.parents = spec.parents  # ids of the task runs that called it, outermost first
        self.link = session.link  # a page that shows what goes on; empty: none
        self._shown: ShownRun | None = None
        self._teller: Teller = Silent()
        tasks = definition.graph.tasks()
        judge = TaskWatch(spec) if any(task.rules.watchers.is_any for task in tasks) else None
        self.record = RunRecord(definition.graph, spec.kept, judge, self._keeper.add)
        self.record.give(assignment.given)
        self.values = Values(self.record, session, spec.storage)
        self._listener = _listener_of(spec, self._keeper)
        session.tell_lines(self._listener.take)
        self.record.last_lines = self._listener.last_lines
        self.started_at = now()  # instant, seconds since the epoch
        self.ended_at: float | None = None
        self._definition = definition
        self._session = session
        self._assignment = assignment
        self._watch = watch
        self._opener = opener  # None: it ends with its scheduler
        self._state: State = Pending()
        self._failure: BaseException | None = None
        self._changed = threading.Condition()
        self._thread: int | None = None  # of who drives it, or did last
        self._why_cancelled = ""  # empty: it is not
        self._scope = scope_of_thread() if spec.parents else None  # of the task that called it
        self._idle = threading.Event()  # nobody drives it: it has ended, or waits for a person
        self._is_live = False  # it is driven in a thread of its own
        self._orders: SimpleQueue[Order] = SimpleQueue()
        self._interrupts: Callable[[], int] = lambda: 0
        contact = Contact(
            self._on_change,
            lambda: bool(self._why_cancelled or self._interrupts()),
            lambda: self._interrupts() > 1,
            self._keeper.may_go_on,
            self._orders,
        )
        self._driver = Driver(assignment, self.record, session, contact)

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
    def is_durable(self) -> bool:
        """Whether what is kept of it outlives this process: another one can go on with it."""
        return self._keeper.is_durable

    @property
    def task_runs(self) -> TaskRuns:
        """All task runs, node by node."""
        return TaskRuns(self.values)

    def show(self, shown: ShownRun) -> None:
        """Let people look at the run where it runs, if there is a page for that."""
        self._shown = shown
        self._teller = self._session.show(shown)
        self.link = self._teller.link or self.link

    def start(self) -> None:
        """Drive the run in a thread of its own."""
        self._is_live = True
        drive: Callable[[], None] = self.drive
        if context.get() is not None:  # a task called it, whose code the driver may have to pack
            drive = partial(copy_context().run, drive)
        threading.Thread(target=drive, name=f"daskflow-{self.name}", daemon=True).start()

    def give_back(self) -> None:
        """Leave a run that was resumed, and never driven since, to whoever resumes it next."""
        self._session.close()
        self._keeper.close()

    def drive(self) -> None:
        """Drive the run in this thread to its end, or to where only a person helps.

        Raises
        ------
        KeyboardInterrupt
            The user pressed Ctrl-C; the run is Cancelled.
        """
        self._thread = threading.get_ident()
        if self._scope is None:
            self._drive()
        else:
            with self._scope.driving(partial(self._cancel, _ORPHANED)):
                self._drive()

    def _drive(self) -> None:
        is_driven = True
        self._keeper.listen(self._hear)
        try:
            while is_driven:
                self._enter(Running())
                if isinstance(self._state, Running):  # else a state handler made an end of it
                    self._enter(self._outcome())
                is_driven = not self._rests()
        finally:
            if is_driven:
                self._stop()
        if self._interrupts():
            # where a task called this run, it is that task's run that is interrupted
            raise RunInterrupted if context.get() is not None else KeyboardInterrupt

    def _outcome(self) -> State:
        """Drive until nothing moves by itself any more; return what the run comes into."""
        with interrupts() as self._interrupts:
            try:
                return self._driven()
            except SchedulerLostError as error:
                self._failure = error
                cure = f"; `daskflow resume {self.name}` goes on with it" if self.is_durable else ""
                return Crashed(f"{error}{cure}", reason="scheduler lost")
            except Exception as error:  # noqa: BLE001 - whatever it is, the states stay to be read
                self._failure = error
                return Crashed(f"{type(error).__name__}: {error}", reason="driver")

    def _driven(self) -> State:
        try:
            is_driven = True
            while is_driven:
                self._drive_anywhere()
                is_driven = not self._orders.empty()
            return parked(self.record) or self._verdict()
        except RunInterrupted:
            return self._wound_down()

    def _wound_down(self) -> State:
        """Cancel what is left; where nothing is, that came too late."""
        why = self._why_cancelled or _INTERRUPTED
        if is_too_late(self.record):
            return self._verdict()
        self._come_into(Cancelling(why))
        # told twice, the user does not want to wait; without a scheduler nobody answers
        with suppress(RunInterrupted, SchedulerLostError):
            wind_down(self._driver, why)
        return self._verdict() if is_too_late(self.record) else Cancelled(why)

    def _drive_anywhere(self) -> None:
        """Drive; where the scheduler is lost meanwhile, go on where there is another."""
        while True:
            try:
                return self._driver.drive()
            except SchedulerLostError as error:
                if self._opener is None:
                    raise
                told = self._driver.contact.is_interrupted
                at, lost = now(), Crashed(str(error), reason="scheduler lost")
                self._session, self._assignment = self._opener.again(error, told)
                self._driver.move(self._session, self._assignment)
                self.values.move(self._session)
                self._session.tell_lines(self._listener.take)
                self.link = self._session.link
                if self._shown is not None:
                    self.show(self._shown)
                self._note(at, lost)
                self._note(now(), Running("goes on where there is another scheduler"))

    def _note(self, at: float, state: State) -> None:
        """Note in the history what the run went through, without stopping for it."""
        state = replace(state, timestamp=as_datetime(at))
        self.record.events.append(StateChanged(at, self.name, state))
        self._keeper.moved(at, state)
        self._notify()

    def _rests(self) -> bool:
        """Note that nobody drives it any more; return False where there is something to do."""
        self._listener.settle()
        self._do_with_store(self._keeper.settle)  # it may take long, so nobody else waits for it
        self._teller.settle()
        with self._changed:  # no order comes meanwhile
            if isinstance(self._state, Paused) and not self._orders.empty():
                return False
            self._do_with_store(self._keeper.close)
            self._idle.set()
            self._changed.notify_all()
            return True

    def _stop(self) -> None:
        """End it in the middle, for something stopped this thread."""
        try:
            if not self._state.is_finished():
                self._enter(Crashed("the driver was stopped", reason="driver"))
        finally:
            self._listener.settle()
            self._do_with_store(self._keeper.close)
            self._idle.set()
            self._notify()

    def approve(
        self, task: str | Task[..., Any] | None = None, index: int | tuple[int, ...] | None = None
    ) -> list[str]:
        """Let paused task runs go on, and return their names.

        A run that nothing else was left of goes on: in this thread to its end if it was made by
        `Flow.run`, in the background if by `Flow.submit`.

        Parameters
        ----------
        task
            The task, or the name of its node, ``"review"`` or ``"review[2]"``; None: all that are
            paused.
        index
            Of the child, where it is mapped; None: all of its children that are paused.

        Raises
        ------
        IllegalMoveError
            Nothing that is meant is paused.

        Examples
        --------
        >>> from daskflow import LocalExecutor, flow, manual_only, task
        >>> @task(trigger=manual_only)
        ... def publish() -> str:
        ...     return "published"
        >>> @flow(executor=LocalExecutor())
        ... def report():
        ...     return publish()
        >>> run = report.run()
        >>> str(run.state)
        "Paused('waits for approval: publish')"
        >>> run.approve(publish), run.result()
        (['publish'], 'published')
        """
        return self._decide(task, index, approve_all)

    def reject(
        self,
        task: str | Task[..., Any] | None = None,
        index: int | tuple[int, ...] | None = None,
        message: str = "",
    ) -> list[str]:
        """Let paused task runs fail, and return their names; see `approve`.

        Parameters
        ----------
        message
            For people: why. It is in the states.

        Raises
        ------
        IllegalMoveError
            Nothing that is meant is paused.

        Examples
        --------
        >>> from daskflow import LocalExecutor, flow, manual_only, task
        >>> @task(trigger=manual_only)
        ... def publish() -> str:
        ...     return "published"
        >>> @flow(executor=LocalExecutor())
        ... def report():
        ...     return publish()
        >>> run = report.run()
        >>> run.reject(message="too early"), str(run[publish].state)
        (['publish'], "Failed('rejected: too early')")
        """
        told = f"rejected: {message}" if message else "rejected"
        return self._decide(task, index, partial(reject_all, message=told))

    def _decide(self, task: Any, index: Any, order: Callable[..., None]) -> list[str]:
        """Let the driver do something with the paused task runs that are meant; return their names.

        Parameters
        ----------
        order
            Called with the record and with ``runs=``.
        """
        wanted = index if index is None or isinstance(index, tuple) else (index,)
        name = task if task is None or isinstance(task, str) else self._node_of(task)
        found = paused_runs(self.record, name, wanted)
        self._give(partial(order, runs=found))
        return [run_label(node, self.record.index(node, place)) for node, place in found]

    def _give(self, order: Order) -> None:
        """Let the driver carry something out; where none is at work, let one go on."""
        with self._changed:
            if self._state.is_finished():
                msg = f"flow run {self.name!r} has ended: nothing of it waits for approval"
                raise IllegalMoveError(msg)
            if not self._idle.is_set():
                self._orders.put(order)
                return
            self._keeper.go_on()
            self._orders.put(order)
            self._idle.clear()
        if self._is_live:
            self.start()
        else:
            self.drive()

    def _hear(self, order: OrderRow) -> None:
        """Do what another process wants, or let the driver do it; called in whichever thread."""
        if order.wish is Wish.CANCEL:
            self._cancel(f"cancelled by {order.by}")
        else:
            self._orders.put(lambda record: carry_out(order, record, self._keeper.answer))

    def cancel(self, message: str = _CANCELLED) -> None:
        """Let the run end as Cancelled: nothing more of it is begun. Can be resumed.

        Returns at once, `wait` waits for the end. Bodies that run are interrupted; what finishes
        all the same counts. Python code ends at once; what runs in C is waited for two seconds
        (the setting ``engine.cancel_grace``). Resources that were set up are cleaned up. A run that
        waits for a person ends here and now; one that has ended stays as it is.

        Parameters
        ----------
        message
            For people: why. It is in the states.

        Examples
        --------
        >>> from daskflow import LocalExecutor, flow, manual_only, task
        >>> @task(trigger=manual_only)
        ... def publish() -> str:
        ...     return "published"
        >>> @flow(executor=LocalExecutor())
        ... def report():
        ...     return publish()
        >>> run = report.run()
        >>> run.cancel()
        >>> str(run.state)
        "Cancelled('cancelled by the user')"
        """
        self._cancel(message)
        if isinstance(self._state, Paused) and self._idle.is_set():
            self._give(lambda _: None)

    def _cancel(self, why: str) -> None:
        """Tell the driver, and all bodies, that the run is cancelled; from any thread."""
        with self._changed:
            if self._why_cancelled or self._state.is_finished():
                return
            self._why_cancelled = why
            self._orders.put(lambda _: None)  # so that it does not come to rest just now
        self._session.cancel(self._driver.next_block)

    def wait(self, timeout: float | None = None) -> FlowRun:
        """Return this run when it has ended, or waits for a person (its state is Paused).

        Parameters
        ----------
        timeout
            Seconds to wait at most; None: without end.

        Raises
        ------
        TimeoutError
            It has not ended by then.
        """
        if not (self._is_over() or self._idle.wait(timeout)):
            msg = f"flow run {self.name!r} has not ended within {timeout} s"
            raise TimeoutError(msg)
        return self

    def _is_over(self) -> bool:
        """Return whether nothing more will happen, for the hooks that are called in its thread."""
        is_here = self._thread == threading.get_ident()
        return self._idle.is_set() or (is_here and self._state.is_finished())

    def result(self) -> Any:
        """Return what the flow returned; raise what made it fail.

        Raises
        ------
        Exception
            The exception of the first failed reference task run; where its trigger failed, that of
            the first failed task run upstream of it.
        FlowRunFailedError
            It did not succeed and no task's exception tells why.
        FlowRunPausedError
            It waits for a person.
        """
        self.wait()
        if isinstance(self._state, Paused):
            raise FlowRunPausedError(self._how_to_go_on())
        if not self._state.is_successful():
            raise self.why_failed()
        given = getattr(self._state, "result", None)
        if self._state.is_skipped() or given is not None:  # a state handler made an end of it
            return given
        return fill(self._definition.returned, self._value_of)

    def events(self) -> Iterator[StateChanged]:
        """Iterate over the changes of state that happened, and on while the run goes on.

        The flow run's own, and of the task runs those that were not happy. Where a task waits for
        a worker that is not there, a `Pending` says what it asks for; its state did not change.
        """
        place = 0
        while True:
            with self._changed:
                while place >= len(self.record.events) and not self._is_over():
                    self._changed.wait()
            news = self.record.events[place:]
            place += len(news)
            yield from news
            if not news and self._is_over():
                return

    def logs(self, task: str | None = None, level: int = 0) -> list[LogLine]:
        """Return what the task runs have logged by now, in the order in which it came.

        What they print is among it where that is logged; see ``log_prints``. Of a task run that
        logs much there are the first lines and the last ones, and one that tells of the others.

        Parameters
        ----------
        task
            Of which: ``"clean"`` with all its children, or ``"clean[3]"``; None: of all.
        level
            The lowest, as `logging` counts: 30 for warnings and errors only.

        Examples
        --------
        >>> from daskflow import LocalExecutor, flow, task
        >>> @task(log_prints=True)
        ... def greet(name: str) -> None:
        ...     print(f"hello {name}")
        >>> @flow(executor=LocalExecutor())
        ... def greetings():
        ...     greet.map(["Ada", "Grace"])
        >>> [(line.task_run, line.message) for line in greetings.run().logs()]
        [('greet[0]', 'hello Ada'), ('greet[1]', 'hello Grace')]
        """
        pieces = (one.piece for one in self._keeper.logs(task))
        return list(Reader(level).read(pieces))

    def last_lines(self, task_run: str, attempt: int | None = None) -> list[LogLine]:
        """Return the last lines of an attempt that has not ended: it runs, or its worker was lost.

        Parameters
        ----------
        task_run
            Its name: ``clean[3]``.
        attempt
            None: the newest.
        """
        return self._listener.last_lines(task_run, attempt)

    def progress(self) -> list[NodeProgress]:
        """Return how far each node is, in the order of the flow."""
        return progress_of(self.record)

    def failures(self) -> list[TaskRun]:
        """Return the task runs that failed, those that a trigger kept from starting included."""
        return failures(self.values)

    def __getitem__(self, wanted: str | Task[..., Any]) -> Any:
        """Return the task run, or the mapped task run, of a node given by name or by its task."""
        name = wanted if isinstance(wanted, str) else self._node_of(wanted)
        if name not in self.record.nodes:
            known = ", ".join(self.record.nodes) or "none"
            msg = f"flow {self.flow_name!r} has no node {name!r}; its nodes: {known}"
            raise KeyError(msg)
        return view_of(self.values, name)

    def _node_of(self, wanted: Task[..., Any]) -> str:
        names = self.record.graph.nodes_of(wanted)
        if len(names) > 1:
            msg = f"{wanted.name} has several nodes, name one: {', '.join(names)}"
            raise KeyError(msg)
        return names[0] if names else wanted.name

    def _verdict(self) -> State:
        names = self._definition.reference_tasks
        found = verdict({name: self.record.outcome(name) for name in names})
        return self._watch.conclude(found, {name: self.record.node_state(name) for name in names})

    def _how_to_go_on(self) -> str:
        return (
            f"flow run {self.name!r} {self._state.message}; "
            "approve() of what the flow's .run(...) returns lets it go on"
        )

    def why_failed(self) -> BaseException:
        """Return what tells why the run did not succeed."""
        error = first_failure(self.values, self._definition.reference_tasks, self.name)
        if error is None or not self._state.is_failed():
            msg = f"flow run {self.name!r} of {self.flow_name!r} ended {self._state}"
            error = FlowRunFailedError(msg)
            error.__cause__ = self._failure or getattr(self._state, "exception", None)
        return error

    def _value_of(self, ref: LiteralRef | NodeRef) -> Any:
        if isinstance(ref, LiteralRef):
            return self._assignment.literals[ref.name]
        return self.values.at(ref.name, is_picky=ref.is_picky)

    def _enter(self, state: State) -> None:
        """Come into a state, or into what the state handlers make of it."""
        made = self._watch.judge(self._state, state)
        try:
            if made.is_finished():
                self._close(made)
        finally:
            self._come_into(made)
        self._watch.observe(self, self._state)

    def _come_into(self, state: State) -> None:
        """Come into a state that nobody has anything to say about."""
        instant = now()
        self.ended_at = instant if state.is_finished() else None
        self._state = replace(state, timestamp=as_datetime(instant))
        self.record.events.append(StateChanged(instant, self.name, self._state))
        self._keeper.moved(instant, self._state, started=self.started_at, ended=self.ended_at)
        self._notify()
        self._tell(at_once=True)

    def _do_with_store(self, call: Callable[[], None]) -> None:
        """Let the keeper do something; where the store never will, the run is Crashed."""
        try:
            call()
        except StoreError as error:
            self._failure = error
            told = f"{type(error).__name__}: {error}"
            self._state = Crashed(told, as_datetime(now()), reason="store")

    def _close(self, state: State) -> None:
        """Note that nothing more is begun; let go of what nobody needs any more."""
        self._session.finish()
        if isinstance(state, Cancelled | Crashed) or not self.record.is_finished():
            self.record.cancel_unfinished(state.message)
            self._session.close()
        else:
            large = self._assignment.large
            self._session.release([literal_key(self._assignment.run_id, name) for name in large])

    def _on_change(self) -> None:
        self._notify()
        self._tell()

    def _tell(self, *, at_once: bool = False) -> None:
        """Tell who looks at the run where it runs."""
        shown = self._shown
        if shown is not None:

            def summary() -> dict[str, Any]:
                return shown.summary(self._state, self.started_at, self.ended_at, self.record)

            self._teller.tell(summary, at_once=at_once)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def __repr__(self) -> str:
        count = len(self.task_runs)
        runs = "1 task run" if count == 1 else f"{count} task runs"
        kind = type(self._state).__name__
        return f"<FlowRun {self.name!r} of flow {self.flow_name!r}: {kind}, {runs}>"

    def _repr_html_(self) -> str:
        title = f"{self.flow_name} / {self.name}"
        return run_markup(title, self._state, self.link, self.progress(), self.failures())

    def _ipython_display_(self) -> None:
        display_run(self)


def _listener_of(spec: RunSpec, keeper: Keeper) -> Listener:
    """Return who hears what the task runs of a run log."""
    names = {"flow_name": spec.flow_name, "run_id": spec.run_id, "run_name": spec.run_name}
    return Listener(keeper.add_lines, partial(show, names=names, threshold=spec.log_level))

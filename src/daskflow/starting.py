"""The front door: makes a run of a flow, or lets one go on, out of store and executor.

`prepare` is what `Flow.run` and `Flow.submit` call, `resume` what `Flow.resume` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from daskflow import context
from daskflow._crash_points import reach
from daskflow.definitions import FlowDefinition
from daskflow.describing import describe
from daskflow.events import Report
from daskflow.executors.base import Executor, PackedSpec, Session
from daskflow.executors.choice import choose_executor
from daskflow.executors.local import LocalExecutor
from daskflow.keeping import StoreKeeper, begin, row_of, take_over
from daskflow.lowering.plan import Plan
from daskflow.persisting import storage_of, unpack_parameters, with_storage
from daskflow.resuming import (
    changed_tasks,
    check_may_resume,
    entries_that_fit,
    find_run,
    refuse_changed,
)
from daskflow.runs import FlowRun
from daskflow.runtime.code import OwnCode
from daskflow.runtime.driver import Assignment
from daskflow.runtime.flow_handlers import FlowWatch
from daskflow.runtime.nesting import executor_of_children
from daskflow.runtime.restoring import cancelled_runs, lost_runs, reopen, reopen_maps, restore
from daskflow.runtime.spec import RunSpec, own_code_by_value, pack_spec
from daskflow.settings import Settings
from daskflow.states import Failed, State
from daskflow.stores.answering import answers_of
from daskflow.stores.choice import choose_store
from daskflow.stores.history import RunRow, RunStore

if TYPE_CHECKING:
    from dask.delayed import Delayed

    from daskflow.flows import Flow

_TOKEN_BITS = 32  # blocks of different drivers of a run have different numbers


def prepare(flow: Flow[..., Any], parameters: dict[str, Any]) -> FlowRun:
    """Make a run of a flow: trace it, see that all of it can travel, open store and executor.

    Raises
    ------
    DefinitionError
        The flow cannot be traced, or something in it cannot travel.
    ExecutorError
        The executor cannot be reached, or refuses.
    StoreError
        There is no such store.
    """
    settings = Settings()
    store = choose_store(flow.options.get("store"), settings)
    definition, spec, assignment = describe(flow, parameters, settings)
    spec = with_storage(spec, flow, settings, store)
    assignment = replace(assignment, answer=answers_of(store))
    session = _open(flow, settings, spec, assignment)
    try:
        keeper = begin(store, row_of(flow, spec, parameters))
    except BaseException:
        session.close()
        raise
    watch = FlowWatch.of(flow)
    return FlowRun(definition, spec, session, assignment, parameters, watch, keeper)


def resume(flow: Flow[..., Any], wanted: str, *, allow_code_change: bool = False) -> FlowRun:
    """Restore a run of a flow as it was, ready to go on.

    Parameters
    ----------
    wanted
        Its id, the beginning of one, its name, or ``last``.

    Raises
    ------
    UnknownRunError
        There is no such run.
    IllegalMoveError
        It is final, or tasks that are still to run have changed.
    LeaseTakenError
        Somebody else drives it.
    """
    settings = Settings()
    store = choose_store(flow.options.get("store"), settings)
    row = find_run(store, wanted)
    check_may_resume(row)
    keeper = take_over(store, row.id)
    try:
        reach("resume.leased")
        run = _reopened(flow, settings, store, row, keeper)
        entries = [one.entry for one in store.entries(row.id)]
        restore(run.record, entries_that_fit(entries, run.record.graph), row.name)
        if not allow_code_change:
            refuse_changed(changed_tasks(run.record, row.code))
        keeper.is_restoring = False
        reach("resume.restored")
        reopen_maps(run.record)
        reopen(run.record, list(cancelled_runs(run.record)), "the run was resumed")
        reopen(run.record, list(lost_runs(run.record)), "its value was not kept: it runs again")
        keeper.settle()  # a body that runs again has its reason in the history before it begins
    except BaseException:
        keeper.close()
        raise
    return run


def _reopened(
    flow: Flow[..., Any], settings: Settings, store: RunStore, row: RunRow, keeper: StoreKeeper
) -> FlowRun:
    """Return a run by the name and the parameters of one that there was, with an empty record."""
    kept = storage_of(settings, store, row.id)
    parameters = unpack_parameters(store.parameters(row.id), kept)
    definition, spec, assignment = describe(flow, parameters, settings)
    spec = replace(spec, run_id=row.id, run_name=row.name, scheduled_for=row.created)
    spec = with_storage(spec, flow, settings, store)
    assignment = replace(
        assignment,
        run_id=row.id,
        code=OwnCode(row.id),
        first_block=store.run(row.id).token << _TOKEN_BITS,
        answer=answers_of(store),
    )
    session = _open(flow, settings, spec, assignment)
    watch = FlowWatch.of(flow)
    run = FlowRun(definition, spec, session, assignment, parameters, watch, keeper)
    run.started_at = row.started or row.created
    return run


def _open(
    flow: Flow[..., Any], settings: Settings, spec: RunSpec, assignment: Assignment
) -> Session:
    """Begin on the executor that is meant."""

    def pack(spec: RunSpec) -> PackedSpec:
        with own_code_by_value(assignment.functions):
            return pack_spec(spec, assignment.code)

    return _executor_of(flow, settings).open(spec.run_id, spec, pack)


def _executor_of(flow: Flow[..., Any], settings: Settings) -> Executor:
    """Return where a flow runs; one that a task calls, where that task runs.

    What a flow names itself counts for child runs too. Settings do not: they would send a child
    elsewhere than its parent.
    """
    named = flow.options.get("executor")
    if context.get() is None:
        return named or choose_executor(settings)
    if isinstance(named, LocalExecutor):
        return named
    same = executor_of_children()  # asked in any case: the task waits for whatever cluster it is
    return named or same


def delay(flow: Flow[..., Any], parameters: dict[str, Any]) -> Delayed:
    """Make a graph of a flow for other Dask code to compute; see `delaying`.

    Raises
    ------
    DefinitionError
        The flow cannot be traced, or something in it cannot travel.
    """
    from daskflow.delaying import make_delayed

    described = describe(flow, parameters, Settings())
    return make_delayed(*described, conclude, FlowWatch.of(flow))


def conclude(  # noqa: PLR0917 - what the last node of a graph was given
    definition: FlowDefinition,
    spec: RunSpec,
    session: Session,
    assignment: Assignment,
    first: tuple[Plan, Sequence[Report]],
    watch: FlowWatch,
) -> State:
    """Return how a run ended; drive what is left of it.

    Parameters
    ----------
    first
        The plan that was computed elsewhere, and what became of its blocks.
    """
    run = FlowRun(definition, spec, session, assignment, {}, watch)
    plan, reports = first
    run.record.take_plan(plan)
    for report in reports:
        run.record.fold(report)
    run.drive()
    if isinstance(run.state, Failed):
        return replace(run.state, exception=run.why_failed())
    return run.state

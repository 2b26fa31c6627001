"""The front door: makes a run of a flow, or lets one go on, out of store and executor.

`prepare` is what `Flow.run` and `Flow.submit` call, `resume` what `Flow.resume` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from daskflow._crash_points import reach
from daskflow.context import run_label
from daskflow.definition.definitions import FlowDefinition
from daskflow.definition.nodes import FlowGraph
from daskflow.definition.outlining import BESIDE, heritage_of, outline_of
from daskflow.definition.tasks import Task
from daskflow.describing import Described, describe
from daskflow.entries import SpaceEnded
from daskflow.errors import DefinitionError
from daskflow.events import Report, StateChanged
from daskflow.executors.base import Session
from daskflow.garbage import uncollected
from daskflow.keeping import (
    StoreKeeper,
    begin,
    row_of,
    take_over,
    with_heritage,
    with_parameters_told,
)
from daskflow.lowering.plan import Plan
from daskflow.opening import Opener
from daskflow.persisting import storage_of, unpack_parameters, with_storage
from daskflow.results.storage import ResultStorage
from daskflow.resuming import (
    Legacy,
    changed_tasks,
    check_may_rerun,
    check_may_resume,
    find_run,
    legacy_of,
    positions_of,
    refuse_changed,
)
from daskflow.runs import FlowRun
from daskflow.runtime.code import OwnCode
from daskflow.runtime.driver import Assignment
from daskflow.runtime.flow_handlers import FlowWatch
from daskflow.runtime.given import Given
from daskflow.runtime.record import RunRecord
from daskflow.runtime.repeating import KEEP_ENDED, KEEP_GOOD, Repeats, find_repeats
from daskflow.runtime.resources import CLEANED_UP, torn_down
from daskflow.runtime.restoring import (
    begin_again,
    cancelled_runs,
    lost_runs,
    reopen,
    reopen_maps,
    restore,
    restored,
)
from daskflow.runtime.single import SingleCall, single_call
from daskflow.runtime.spec import RunSpec
from daskflow.runtime.tapes import this_process
from daskflow.settings import Settings, current_settings
from daskflow.showing import ShownRun
from daskflow.states import Cached, Cancelling, Crashed, Failed, Running, State, TriggerFailed
from daskflow.stores.answering import answers_of
from daskflow.stores.choice import choose_store
from daskflow.stores.history import RunRow, RunStore, first_block_of
from daskflow.timing import as_datetime, now

if TYPE_CHECKING:
    from dask.delayed import Delayed

    from daskflow.definition.flows import Flow

_LOST = "its value was not kept: it runs again"


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
    settings = current_settings()
    store = choose_store(flow.options.get("store"), settings)
    with uncollected():
        definition, spec, assignment = describe(flow, parameters, settings)
    spec = with_storage(spec, flow, settings, store)
    run, _ = _begun(flow, settings, store, (definition, spec, assignment), parameters)
    return run


def _begun(
    flow: Flow[..., Any],
    settings: Settings,
    store: RunStore,
    described: Described,
    parameters: dict[str, Any],
    *,
    heritage: int = 0,
    **fields: Any,
) -> tuple[FlowRun, StoreKeeper]:
    """Make a new run, on its executor and in its store.

    Parameters
    ----------
    heritage
        The last block of those in which is noted what it keeps of the run that it repeats.
    fields
        Of the run's row, as far as the flow and its parameters do not tell them.
    """
    definition, spec, assignment = described
    spec = replace(spec, driver=this_process())
    assignment = replace(assignment, answer=answers_of(store))
    opener = Opener(flow, settings, spec, assignment)
    session = opener.open()
    try:
        with uncollected():
            row = row_of(flow, spec, parameters, definition.reference_tasks)
            if settings.dashboard.show_parameters:
                row = with_parameters_told(row, parameters)
            row = replace(with_heritage(row, heritage), **fields)
            keeper = begin(store, row)
    except BaseException:
        session.close()
        raise
    with uncollected():
        watch = FlowWatch.of(flow)
        run = FlowRun(definition, spec, session, assignment, parameters, watch, keeper, opener)
    run.show(ShownRun.of(row, store))
    return run, keeper


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
    settings = current_settings()
    store = choose_store(flow.options.get("store"), settings)
    row = find_run(store, wanted)
    check_may_resume(row)
    keeper = take_over(store, row.id)
    try:
        reach("resume.leased")
        row = store.run(row.id)  # somebody else may have driven it to its end meanwhile
        check_may_resume(row)
        run = _reopened(flow, settings, store, row, keeper)
    except BaseException:
        keeper.close()
        raise
    try:
        restore(run.record, (one.entry for one in store.entries(row.id)), row.name)
        if not allow_code_change:
            refuse_changed(changed_tasks(run.record, row.code))
        keeper.is_restoring = False
        if isinstance(row.state, Running | Cancelling):
            _note_lost_driver(run, keeper)
        begin_again(run.record, "its driver was lost: it runs again")
        reach("resume.restored")
        reopen_maps(run.record)
        reopen(run.record, list(torn_down(run.record)), CLEANED_UP)
        reopen(run.record, list(cancelled_runs(run.record)), "the run was resumed")
        reopen(run.record, list(lost_runs(run.record)), _LOST)
        keeper.settle()  # a body that runs again has its reason in the history before it begins
    except BaseException:
        run.give_back()
        raise
    return run


def rerun(
    flow: Flow[..., Any],
    wanted: str,
    *,
    failed: bool = False,
    from_task: str | Task[..., Any] | None = None,
) -> FlowRun:
    """Make a new run with the parameters of one that there was, and with what is kept of it.

    Durable results that are kept are copied, checked on the way: the new run has its own, whatever
    becomes of the old one. One that is not there any more, or was changed, counts as lost.

    Parameters
    ----------
    wanted
        Its id, the beginning of one, its name, or ``last``.
    failed
        Whether only what did not succeed runs again, and what hangs on it.
    from_task
        What runs again, with all that hangs on it: a task, the name of a node, or ``"clean[3]"``.

    Raises
    ------
    UnknownRunError
        There is no such run.
    LeaseTakenError
        It still goes on.
    DefinitionError
        There is no such task in it.
    """
    settings = current_settings()
    store = choose_store(flow.options.get("store"), settings)
    row = find_run(store, wanted)
    check_may_rerun(row, store.holder(row.id))
    kept, given = _kept_of(settings, store, row)
    parameters = flow.signature.bind((), given)
    definition, spec, assignment = describe(flow, parameters, settings)
    spec = replace(with_storage(spec, flow, settings, store), tags=spec.tags | row.tags)
    legacy = Legacy()
    if failed or from_task is not None:
        before = _record_of(store, row, definition.graph)
        found = _repeats_of(before, assignment.given, from_task, is_failed=failed)
        legacy = legacy_of(before, found, kept, spec.storage)
    described = definition, spec, replace(assignment, first_block=legacy.blocks + 1)
    begun = partial(_begun, heritage=legacy.blocks, parent=row.id)
    run, keeper = begun(flow, settings, store, described, parameters)
    _take_in(run, keeper, legacy)
    return run


def _record_of(store: RunStore, row: RunRow, graph: FlowGraph) -> RunRecord:
    return restored(graph, (one.entry for one in store.entries(row.id)), row.name)


def _kept_of(
    settings: Settings, store: RunStore, row: RunRow
) -> tuple[ResultStorage, dict[str, Any]]:
    """Return where the results of a run that there was are kept, and its parameters."""
    kept = storage_of(settings, store, row.id)
    return kept, unpack_parameters(store.parameters(row.id), kept)


def _repeats_of(
    before: RunRecord, given: Given, from_task: str | Task[..., Any] | None, *, is_failed: bool
) -> Repeats:
    """Return what is repeated of a run; what the flow is given now counts, not what was then."""
    asked = [positions_of(before, from_task)] if from_task is not None else []
    asked += [
        positions_of(before, run_label(name, index)) for name in given for index in given[name]
    ]
    wanted: dict[str, list[int]] = {}
    for name, places in asked:
        wanted.setdefault(name, []).extend(places)
    return find_repeats(before, KEEP_GOOD if is_failed else KEEP_ENDED, wanted)


def _take_in(run: FlowRun, keeper: StoreKeeper, legacy: Legacy) -> None:
    """Begin the history of a run with what it keeps of another."""
    told = list(run.record.events)
    run.record.heritage = legacy.blocks
    restore(run.record, legacy.spaces, run.name)  # those that open write themselves
    told += run.record.events
    ended = (entry for entry in legacy.spaces if isinstance(entry, SpaceEnded))
    for entry in (*ended, *legacy.entries):
        keeper.add(entry)
    keeper.is_restoring = True
    restore(run.record, legacy.entries, run.name)
    keeper.is_restoring = False
    run.record.events[:0] = told
    reopen(run.record, list(lost_runs(run.record)), _LOST)


def call_of(flow: Flow[..., Any], wanted: str, task: str) -> SingleCall:
    """Return a call of a run that there was, to be made here once more.

    Parameters
    ----------
    wanted
        The run: its id, the beginning of one, its name, or ``last``.
    task
        ``clean``, or ``clean[3]`` where it is mapped.

    Raises
    ------
    UnknownRunError
        There is no such run.
    DefinitionError
        There is no such task run in it.
    ResultGoneError
        Not all of its inputs were kept; the message names what was not.
    """
    settings = current_settings()
    store = choose_store(flow.options.get("store"), settings)
    row = find_run(store, wanted)
    kept, parameters = _kept_of(settings, store, row)
    _, spec, assignment = describe(flow, parameters, settings)
    record = _record_of(store, row, spec.graph)
    name, places = positions_of(record, task)
    if len(places) != 1:
        told = f"has {len(places)} task runs: say which, {name}[0] for the first"
        msg = f"{task} {told}" if places else f"{task} has no task runs in run {row.name!r}"
        raise DefinitionError(msg)
    state = record.state(name, places[0])
    if isinstance(state, TriggerFailed | Cached) or (state.is_skipped() and not state.attempt):
        label = run_label(name, record.index(name, places[0]))
        msg = f"{label} was not called in run {row.name!r}, so there is nothing to repeat: {state}"
        raise DefinitionError(msg)
    known = {**spec.literals, **assignment.literals}
    spec = replace(_spec_like(spec, row), literals=known, storage=kept)
    return single_call(record, spec, name, places[0])


def _note_lost_driver(run: FlowRun, keeper: StoreKeeper) -> None:
    """Note in a run's history that nobody went on with it until now."""
    instant = now()
    state = Crashed("its driver was lost", as_datetime(instant), reason="driver lost")
    run.record.events.append(StateChanged(instant, run.name, state))
    keeper.moved(instant, state)


def _reopened(
    flow: Flow[..., Any], settings: Settings, store: RunStore, row: RunRow, keeper: StoreKeeper
) -> FlowRun:
    """Return a run by the name and the parameters of one that there was, with an empty record."""
    _, parameters = _kept_of(settings, store, row)
    definition, spec, assignment = describe(flow, parameters, settings)
    spec = with_storage(_spec_like(spec, row), flow, settings, store)
    spec = replace(spec, session_id=f"{row.id}{row.token:x}", driver=this_process())
    assignment = replace(
        assignment,
        run_id=spec.session,
        code=OwnCode(spec.session),
        first_block=first_block_of(row.token),
        answer=answers_of(store),
    )
    opener = Opener(flow, settings, spec, assignment)
    session = opener.open()
    is_watched = flow.watchers.sees_cancels()
    references = definition.reference_tasks
    outline = outline_of(spec.graph, references, is_watched=is_watched)
    keeper.row["graph"] = outline | {word: row.graph[word] for word in BESIDE if word in row.graph}
    watch = FlowWatch.of(flow)
    run = FlowRun(definition, spec, session, assignment, parameters, watch, keeper, opener)
    run.record.heritage = heritage_of(row.graph)
    run.started_at = row.started or row.created
    run.show(ShownRun.of(row, store))
    return run


def _spec_like(spec: RunSpec, row: RunRow) -> RunSpec:
    """Return a spec under the names of a run that there was."""
    spec = replace(spec, run_id=row.id, run_name=row.name)
    return replace(spec, tags=row.tags, scheduled_for=row.created)


def delay(flow: Flow[..., Any], parameters: dict[str, Any]) -> Delayed:
    """Make a graph of a flow for other Dask code to compute; see `delaying`.

    Raises
    ------
    DefinitionError
        The flow cannot be traced, or something in it cannot travel.
    """
    from daskflow.delaying import make_delayed

    described = describe(flow, parameters, current_settings())
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

"""A flow as a `dask.delayed` graph, for any of Dask's schedulers: no executor, no driver.

The flow's first plan becomes the graph as it is, block by block, with one node more for each block
and one for the end. What an executor and a driver do for a run is done otherwise here:

* *The spec* travels inside of the function that all nodes of blocks share. A node of its own would
  be sent once to each worker, but Dask chooses among the workers that hold a dependency, and a
  small node on which everything depends pulls small flows onto one worker. The price: Dask's
  scheduler sends the function with each block. So it is compressed (a small flow's is 2 KiB), and
  values over 4 KiB are not in it; each process unpacks it once.
* *Retries* wait in their block, see `runtime.finishing`: a block comes back finished. So nobody
  has to be sent the blocks' values to try again what failed.
* *Reports* are nodes: what a block tells of its task runs without their values. The last node
  folds them and gives the flow run's state; where every task run was in the first plan, nothing
  else reaches it.
* *Later passes* (a map's width shows only when the flow runs) are driven by the last node, in its
  own process, one task run after another. For that, and only then, it depends on the values of the
  tasks that come right before what is left.
"""

from __future__ import annotations

import pickle
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cloudpickle

from daskflow.definition.definitions import FlowDefinition
from daskflow.definition.nodes import Packed, literals_in
from daskflow.events import Report, Segment
from daskflow.executors.local import LocalSession
from daskflow.executors.wire import is_block
from daskflow.lowering import AtHand, Plan, Target, lower
from daskflow.lowering.plan import literal_key, unpack_block
from daskflow.runtime.budgets import UNLIMITED
from daskflow.runtime.driver import Assignment
from daskflow.runtime.finishing import finish_block
from daskflow.runtime.flow_handlers import FlowWatch
from daskflow.runtime.inputs import Literal, cut_piece
from daskflow.runtime.modules import in_use
from daskflow.runtime.record import RunRecord
from daskflow.runtime.shim import drop_frames, kept_spec, unpack_literal
from daskflow.runtime.spec import RunSpec, own_code_by_value, pack_spec
from daskflow.states import Pending, State

if TYPE_CHECKING:
    from dask.delayed import Delayed

_THREADS = 4  # nobody knows where the graph will be computed

First = tuple[Plan, Sequence[Report]]  # the plan that was computed, and what became of its blocks
Conclude = Callable[[FlowDefinition, RunSpec, LocalSession, Assignment, First, FlowWatch], State]


def make_delayed(
    definition: FlowDefinition,
    spec: RunSpec,
    assignment: Assignment,
    conclude: Conclude,
    watch: FlowWatch,
) -> Delayed:
    """Return a flow as a `Delayed` that gives the state of the flow run.

    Parameters
    ----------
    conclude
        Drives what is left of the run and returns its state; called by the last node.
    watch
        Who is asked of the changes of the run, in the last node.
    """
    from dask.delayed import Delayed
    from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
    from dask.task_spec import Task, TaskRef

    # nobody will ask for values, and nobody answers what a task run asks
    spec = replace(spec, kept=frozenset(), small_result_bytes=0, caching=None, limits=UNLIMITED)
    plan, rest = _first_plan(spec, assignment)
    with own_code_by_value(assignment.functions):
        packed = zlib.compress(pack_spec(spec))
        layer: dict[Any, Any] = plan.layer(BlockRunner(packed), unpack_literal, cut_piece)
        about = (plan.outline(), definition.reference_tasks, assignment.retry_window)
        known = cloudpickle.dumps((*about, assignment.given, watch), protocol=5)
    told = _add_reports(layer, plan, rest)
    end = f"{definition.name}-{spec.run_id}"
    ending = Ending(packed, known, tuple(told), conclude)
    layer[end] = Task(end, ending, spec.run_id, *map(TaskRef, told.values()))
    return Delayed(end, HighLevelGraph({end: MaterializedLayer(layer)}, {end: set()}))


def _add_reports(layer: dict[Any, Any], plan: Plan, rest: Sequence[Any]) -> dict[Any, Any]:
    """Add the nodes that tell of blocks; return what the last node gets, and from where."""
    from dask.task_spec import Task, TaskRef

    told = {key: key for key in rest}
    consumed = {key for block in plan.blocks for key in block.sources()}
    for block in plan.blocks:
        if block.key not in consumed:  # it keeps no values: it is a report itself
            told[block.key] = block.key
        elif block.key not in told:
            report = told[block.key] = (f"report-{plan.run_id}", block.number)
            layer[report] = Task(report, tell, TaskRef(block.key))
    return told


def _first_plan(spec: RunSpec, assignment: Assignment) -> tuple[Plan, list[Any]]:
    """Return the plan of all that can be lowered now, and the keys of what the rest will need."""
    graph, run_id = spec.graph, spec.run_id
    record = RunRecord(graph, spec.kept)
    record.give(assignment.given)
    lengths, state = record.lengths, record.state
    at_hand = AtHand(assignment.literals, assignment.large, lengths=lengths, state_of=state)
    target = Target(run_id, _THREADS, assignment.block_size)
    plan = lower(graph, record.known, at_hand, target)
    record.take_plan(plan)
    left = {
        name
        for name, node in record.nodes.items()
        if Pending.code in node.codes or not node.space.is_complete()
    }
    before = {edge.upstream for name in left for edge in graph.upstream(name)}
    blocks = [
        block.key
        for block in plan.blocks
        if any(name in before for strip in block.strips for name in strip.nodes)
    ]
    forms = [argument.form for name in left for argument in graph.nodes[name].arguments]
    forms += [giver.form for name in record.undecided for giver in graph.spaces[name].givers]
    wanted = dict.fromkeys(name for form in forms for name in literals_in(form))
    literals = {name: at_hand.literals[name] for name in wanted if name in at_hand.large}
    plan = replace(plan, literals={**plan.literals, **literals})
    return plan, [*(literal_key(run_id, name) for name in literals), *blocks]


@dataclass(frozen=True)
class BlockRunner:
    """The function in the node of every block: it brings the run's spec along."""

    spec: bytes  # packed and compressed

    def __call__(self, run_id: str, number: int, body: bytes, *inputs: Any) -> tuple[Segment, ...]:
        """Run one block, until each of its task runs is finished."""
        if "distributed" in sys.modules:  # it places and spills by what it is told of sizes
            import daskflow.executors.worker  # noqa: F401 - tells it
        spec = _spec_of(run_id, self.spec)
        with in_use(spec.modules):
            segments = finish_block(spec, unpack_block(body), inputs)
        drop_frames(segments)
        return segments


def tell(block: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Return what a block tells of its task runs; the function in the node of a report."""
    return tuple(segment.without_values() for segment in block)


@dataclass(frozen=True)
class Ending:
    """The function in the last node: makes the flow run's state of what it is told."""

    spec: bytes  # packed and compressed
    known: bytes  # packed: plan in outline, reference tasks, retry window, given states, watch
    keys: tuple[Any, ...]  # of the blocks and literals whose values, or reports, it gets
    conclude: Conclude

    def __call__(self, run_id: str, *received: Any) -> State:
        """Fold the reports, drive what is left, return the state."""
        spec = _spec_of(run_id, self.spec)
        plan, reference_tasks, retry_window, given, watch = pickle.loads(self.known)
        told = dict(zip(self.keys, received, strict=True))
        reports = [Report(run_id, k[1], "", tell(told[k])) for k in self.keys if is_block(k)]
        held = {key: value for key, value in told.items() if not _is_report(value)}
        large = {one.name: one.value for one in held.values() if isinstance(one, Literal)}
        assignment = Assignment(
            run_id,
            spec.graph,
            {**spec.literals, **large},
            frozenset(large),
            retry_window=retry_window,
            given=given,
            placed=frozenset(large),
            first_block=len(plan.blocks) + 1,
        )
        definition = FlowDefinition(spec.flow_name, spec.graph, {}, Packed(()), reference_tasks)
        session = LocalSession(run_id, spec, values=held)
        return self.conclude(definition, spec, session, assignment, (plan, reports), watch)


def _is_report(value: Any) -> bool:
    return not isinstance(value, Literal) and value[0].values is None


def _spec_of(run_id: str, packed: bytes) -> RunSpec:
    return kept_spec(run_id, lambda _: zlib.decompress(packed))

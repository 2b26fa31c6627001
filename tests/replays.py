"""What the store keeps of every flow run that a test makes gives its record again, entry by entry.

`tests.walks.LegalWalks` asks for `differences` and `misreadings` when the driver of a run is done.
"""

from collections import Counter

from daskflow.context import run_label
from daskflow.history.auditing import audit_run
from daskflow.history.explaining import explain
from daskflow.history.reading import read_run
from daskflow.keeping import StoreKeeper
from daskflow.runtime.record import RunRecord
from daskflow.runtime.restoring import Folding, restored
from daskflow.runtime.views import progress_of
from daskflow.states import Pending, Retrying
from daskflow.timing import now


def told_of(record):
    """Return what a record knows that a resume has to know again, by the names of task runs."""
    told = {}
    for name, node in list(record.nodes.items()):
        for position in range(len(node.codes)):
            state = record.state(name, position)
            told[run_label(name, node.space.index_of(position))] = (
                _kind_of(state),
                state.message,
                state.attempt,
                node.smalls[position],
            )
    ended = {
        (name, parent): (type(state).__name__, state.message)
        for name, space in record.spaces.items()
        for parent, state in space.decided.items()
    }
    history = [(event.name, type(event.state).__name__) for event in list(record.events)]
    return told, ended, history


def _kind_of(state):
    """Return the kind of a state; what waited for an instant that is over is Pending by now."""
    due = state.scheduled_for.timestamp() if isinstance(state, Retrying) else None
    return "Pending" if due is not None and due <= now() else type(state).__name__


def differences(run):
    """Return where what the store keeps of a run is not what its record knows."""
    keeper = run._keeper
    if not isinstance(keeper, StoreKeeper) or keeper.is_restoring:
        return []
    kept = [numbered.entry for numbered in keeper.store.entries(run.id)]
    again = restored(run.record.graph, kept, run.name)
    for one, other in zip(told_of(again), told_of(run.record), strict=True):
        if one != other:
            pairs = (
                [(key, one.get(key), other.get(key)) for key in {*one, *other}]
                if isinstance(one, dict)
                else [(place, *two) for place, two in enumerate(zip(one, other, strict=False))]
            )
            wrong = [f"{run.name}: {k}: kept {a}, was {b}" for k, a, b in pairs if a != b]
            return wrong or [f"{run.name}: {len(one)} events kept, there were {len(other)}"]
    return []


def counted(record):
    """Return the task runs of each node, counted; what was just woken is still Retrying if read."""
    found = []
    for node in progress_of(record):
        counts = Counter(node.counts)
        counts[Pending.__name__] += counts.pop(Retrying.__name__, 0)
        found.append((node.node, node.total, counts))
    return found


def folded_one_by_one(store, read):
    """Return the fold of a run's history as somebody makes it who watches each entry come."""
    folding = Folding(RunRecord(read.record.graph, frozenset()), read.row.name)
    for numbered in store.entries(read.row.id, with_values=False):
        folding.take([numbered.entry])
    return folding


_EXPLAINED = 30  # task runs of a node


def misreadings(run):
    """Return what somebody without the flow's code reads wrongly, and what an audit finds."""
    keeper = run._keeper
    if not isinstance(keeper, StoreKeeper) or keeper.is_restoring or keeper.journal.trouble:
        return []
    store, before = keeper.store, keeper._version()
    read = read_run(store, run.id)
    here, there = counted(read.record), counted(run.record)
    wrong = [f"{run.name}: read {a}, was {b}" for a, b in zip(here, there, strict=True) if a != b]
    if type(read.state) is not type(run.state) and run._idle.is_set():
        wrong.append(f"{run.name}: read {read.state}, was {run.state}")
    if progress_of(folded_one_by_one(store, read).record) != progress_of(read.record):
        wrong.append(f"{run.name}: who watches it counts otherwise than who reads it")
    for name, node in read.record.nodes.items():
        assert explain(read, name)
        for position in range(len(node.codes))[:_EXPLAINED]:
            assert explain(read, name, read.record.index(name, position))
    found = audit_run(store, store.run(run.id), lambda _: None)
    wrong += [f"{run.name}: an audit finds {one}" for one in found]
    # somebody may have gone on with it between two looks: then its next end is looked at
    return wrong if keeper._version() == before else []

"""What the store keeps of every flow run that a test makes gives its record again, entry by entry.

`tests.walks.LegalWalks` asks for `differences` when the driver of a run is done.
"""

from daskflow.context import run_label
from daskflow.keeping import StoreKeeper
from daskflow.resuming import entries_that_fit
from daskflow.runtime.record import RunRecord
from daskflow.runtime.restoring import restore


def told_of(record):
    """Return what a record knows that a resume has to know again, by the names of task runs."""
    told = {}
    for name, node in list(record.nodes.items()):
        for position in range(len(node.codes)):
            state = record.state(name, position)
            told[run_label(name, node.space.index_of(position))] = (
                type(state).__name__,
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


def differences(run):
    """Return where what the store keeps of a run is not what its record knows."""
    keeper = run._keeper
    if not isinstance(keeper, StoreKeeper) or keeper.is_restoring:
        return []
    kept = [numbered.entry for numbered in keeper.store.entries(run.id)]
    again = RunRecord(run.record.graph, frozenset())
    restore(again, entries_that_fit(kept, run.record.graph), run.name)
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

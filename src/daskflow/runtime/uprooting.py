"""What is left of a run when all that it had on its executor is gone.

It is as behind a resume, but that the record is here: what was accepted stands, what was in a block
is Pending, and a value that was not kept, and is needed, is made again.
"""

from __future__ import annotations

from daskflow.runtime.holding import Holding
from daskflow.runtime.record import RunRecord
from daskflow.runtime.restoring import lost_runs, reopen
from daskflow.states import FINISHED

_WHY = "its value was lost with the scheduler: it runs again"


def uproot(record: RunRecord) -> None:
    """Let all that is not finished begin anew, on an executor that knows nothing of the run."""
    for block in list(record.in_flight):
        for run in record.untold_runs(block):
            record.reclaim(block, run)
        record.land(block)
    record.keys.clear()
    record.holding = Holding(record.graph, record.kept)
    reopen(record, list(lost_runs(record, record.kept)), _WHY)
    for name, node in record.nodes.items():
        for position, code in enumerate(node.codes):
            if code not in FINISHED:
                node.blocks[position] = 0  # as if it had never been in one
        record.note_lowered([name])
